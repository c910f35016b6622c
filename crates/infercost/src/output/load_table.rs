//! Operating points as a person reads them: one line for each variant and load.

use infercost_core::report::{OperatingPointReport, Percentiles, PointState, Report};
use infercost_core::{EnergySource, OperatingPoint};
use infercost_run::number;

use crate::output::layout::{aligned, columns, short_name, unknown};
use crate::output::terminal::plain;

/// The table, and under it what must be read with single points; nothing where no load was measured.
pub(crate) fn render(report: &Report) -> Option<String> {
    let points =
        || report.candidates.iter().flat_map(|one| one.operating_points.iter().map(move |p| (one, p)));
    points().next()?;
    let costs = points().filter_map(|(_, point)| point.cost_per_inference);
    let (factor, prefix) = number::scale(costs.map(|cost| cost.point).reduce(f64::min).unwrap_or(1.0));
    let currency = report.price_book.currency;
    let asked = report.policy.slo.is_some();
    let mut header: Vec<String> =
        ["under load", "load", "req/s", "output tok/s", "TTFT p50/p95", "TPOT p50/p95", "failed"]
            .map(str::to_owned)
            .to_vec();

    if asked {
        header.push("goodput".to_owned());
    }

    header.extend(["J/inference".to_owned(), format!("{prefix}{currency}/inference"), "state".to_owned()]);
    let mut rows = columns(header);
    for (candidate, point) in points() {
        let of = |value: Option<String>| value.unwrap_or_else(unknown);
        let pair = |percentiles: Option<Percentiles>| {
            of(percentiles.map(|one| format!("{} / {}", number::seconds(one.p50), number::seconds(one.p95))))
        };
        let mut row = vec![
            short_name(report, candidate),
            load(point.operating_point),
            of(point.requests_per_s.as_ref().map(number::estimate)),
            of(point.output_tokens_per_s.map(|rate| number::significant(rate.point))),
            pair(point.ttft_s),
            pair(point.tpot_s),
            of(point.failure_rate.as_ref().map(number::percent_estimate)),
        ];
        if asked {
            row.push(of(point.goodput.as_ref().map(number::percent_estimate)));
        }
        row.extend([
            joules(point),
            of(point.cost_per_inference.map(|cost| number::estimate(&cost.map(|amount| amount * factor)))),
            state(point),
        ]);
        rows.add_row(row);
    }

    let mut text = aligned(rows);
    for (candidate, point) in points() {
        for note in &point.notes {
            let name = short_name(report, candidate);
            text += &format!("{name} at {}: {}\n", load(point.operating_point), plain(note));
        }
    }

    Some(text)
}

fn load(point: OperatingPoint) -> String {
    match point {
        OperatingPoint::Closed { concurrency } => format!("{concurrency} in flight"),
        OperatingPoint::Open { rate } => format!("{rate} req/s"),
    }
}

fn joules(point: &OperatingPointReport) -> String {
    match &point.energy_per_inference_j {
        Some(energy) if point.energy_source == EnergySource::Estimated => {
            format!("{} estimated", number::estimate(energy))
        }
        Some(energy) => number::estimate(energy),
        None if point.energy_source == EnergySource::Unavailable => "not measured".to_owned(),
        None => unknown(),
    }
}

/// The most important thing about a point, in a word or two.
fn state(point: &OperatingPointReport) -> String {
    let words = match point.state {
        PointState::OverSaturated => "over-saturated",
        PointState::ClientLimited => "client-limited",
        PointState::Failing => "failing",
        PointState::NotSteady => "not steady",
        PointState::TooShort => "too short",
        PointState::MissesTargets => "misses targets",
        PointState::TargetsOpen => "UNSURE",
        PointState::Knee => "knee",
        PointState::MeetsTargets => "meets targets",
        PointState::Steady => "steady",
    };
    words.to_owned()
}
