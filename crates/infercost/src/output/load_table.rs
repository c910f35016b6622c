//! Operating points as a person reads them: one line for each variant and load.

use infercost_core::report::{CandidateReport, OperatingPointReport, Percentiles, PointState, Report};
use infercost_core::{EnergySource, OperatingPoint};
use infercost_run::number;

use crate::output::answer::{Cell, Section};
use crate::output::columns::Column;
use crate::output::layout::short_name;

/// The operating points, best known first by what decides: cost, the targets, rates; nothing where no load was measured.
pub(crate) fn sections(report: &Report) -> Vec<Section> {
    let mut points = Vec::new();
    for candidate in &report.candidates {
        points.extend(candidate.operating_points.iter().map(|point| Driven { candidate, point }));
    }
    if points.is_empty() {
        return Vec::new();
    }

    let mut notes = Vec::new();
    for Driven { candidate, point } in &points {
        for note in &point.notes {
            let name = short_name(report, candidate);
            notes.push(format!("{name} at {}: {note}", load(point.operating_point)));
        }
    }
    let mut sections = vec![Section::table("under load", table(report, &points))];
    if !notes.is_empty() {
        sections.push(Section::lines("", notes));
    }
    sections
}

/// A variant at one operating point.
struct Driven<'a> {
    candidate: &'a CandidateReport,
    point: &'a OperatingPointReport,
}

fn table(report: &Report, points: &[Driven<'_>]) -> Vec<Column> {
    let currency = report.price_book.currency;
    let cells = |cell: fn(&OperatingPointReport) -> Cell| -> Vec<Cell> {
        points.iter().map(|driven| cell(driven.point)).collect()
    };
    let names = points.iter().map(|driven| Cell::words(short_name(report, driven.candidate))).collect();

    let mut columns = vec![
        Column::left("variant", 0, names),
        Column::left("load", 0, cells(|point| Cell::words(load(point.operating_point)))),
        Column::left("state", 0, cells(|point| Cell::words(state(point)))),
        Column::right(
            format!("{currency}/1,000"),
            0,
            cells(|point| {
                let thousand = point.cost_per_inference.map(|cost| cost.map(|amount| amount * 1e3));
                Cell::estimate(thousand.as_ref(), |cost| number::significant(cost.point))
            }),
        ),
        Column::right(
            "req/s",
            1,
            cells(|point| Cell::estimate(point.requests_per_s.as_ref(), number::estimate)),
        ),
        Column::right("TTFT p50 / p95", 2, cells(|point| pair(point.ttft_s))),
        Column::right("TPOT p50 / p95", 3, cells(|point| pair(point.tpot_s))),
        Column::right(
            "failed",
            4,
            cells(|point| Cell::estimate(point.failure_rate.as_ref(), number::percent_estimate)),
        ),
        Column::right(
            "output tok/s",
            5,
            cells(|point| {
                Cell::estimate(point.output_tokens_per_s.as_ref(), |rate| number::significant(rate.point))
            }),
        ),
        Column::right("J/inference", 6, cells(joules)),
    ];
    if report.policy.slo.is_some() {
        let goodput = cells(|point| Cell::estimate(point.goodput.as_ref(), number::percent_estimate));
        columns.insert(4, Column::right("goodput", 1, goodput));
    }
    columns
}

fn pair(percentiles: Option<Percentiles>) -> Cell {
    percentiles.map_or(Cell::Unknown, |one| {
        Cell::number(one.p50, format!("{} / {}", number::seconds(one.p50), number::seconds(one.p95)))
    })
}

fn load(point: OperatingPoint) -> String {
    match point {
        OperatingPoint::Closed { concurrency } => format!("{concurrency} in flight"),
        OperatingPoint::Open { rate } => format!("{rate} req/s"),
    }
}

fn joules(point: &OperatingPointReport) -> Cell {
    match &point.energy_per_inference_j {
        Some(energy) if point.energy_source == EnergySource::Estimated => {
            Cell::estimate(Some(energy), |energy| format!("{} estimated", number::estimate(energy)))
        }
        Some(energy) => Cell::estimate(Some(energy), number::estimate),
        None if point.energy_source == EnergySource::Unavailable => Cell::words("not measured"),
        None => Cell::Unknown,
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
