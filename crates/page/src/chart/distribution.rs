//! How latencies are spread: the share of requests that were at most so slow, one line a variant.

use std::collections::BTreeMap;

use infercost_core::VariantId;

use crate::axis::{Scale, range};
use crate::chart::frame::{Frame, Span};
use crate::chart::{Figure, Width, legend};
use crate::figures::seconds;
use crate::samples::Times;
use crate::section::Names;
use crate::svg::{Point, series_class};

/// Points along a line: enough for a smooth one, few enough for a small page.
const STEPS: usize = 120;

/// Percentiles that can be read by hover.
const MARKED: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")];

struct Series<'a> {
    place: usize,
    /// Ascending, in seconds.
    values: &'a [f64],
}

/// TTFT, TPOT and ITL, as far as there are values.
pub(crate) fn figures(names: &Names, times: &BTreeMap<VariantId, Times>) -> Vec<Figure> {
    let kinds: [(&str, &str, fn(&Times) -> &[f64]); 3] = [
        ("TTFT", "Time to first token", |times| &times.ttft),
        ("TPOT", "Time per output token", |times| &times.tpot),
        ("ITL", "Inter-token latency: gaps between chunks", |times| &times.itl),
    ];

    let mut figures = Vec::new();
    for (short, long, pick) in kinds {
        let mut series = Vec::new();
        for (variant, times) in times {
            let values = pick(times);
            if let Some(place) = names.place(variant)
                && values.len() >= 2
            {
                series.push(Series { place, values });
            }
        }
        series.sort_by_key(|one| one.place);
        if series.is_empty() {
            continue;
        }

        figures.push(Figure {
            caption: format!("{long} ({short}): share of single requests that took at most so long."),
            wide: draw(names, short, &series, Width::Wide),
            narrow: draw(names, short, &series, Width::Narrow),
            legend: legend(names, series.iter().map(|one| one.place)),
        });
    }
    figures
}

fn draw(names: &Names, short: &str, series: &[Series<'_>], width: Width) -> String {
    let ends = series.iter().flat_map(|one| [at_share(one.values, 0.005), at_share(one.values, 0.995)]);
    let (least, greatest) = range(ends).unwrap_or((1e-3, 1.0));
    let across = Span {
        scale: Scale::Logarithmic,
        least: least * 1e3 * 0.9,
        greatest: greatest * 1e3 * 1.1,
        label: format!("{short}, ms"),
    };
    let up = Span { scale: Scale::Linear, least: 0.0, greatest: 100.0, label: "requests, %".to_owned() };
    let mut frame = Frame::new(width, 260.0, &across, &up);

    for one in series {
        let mut line: Vec<Point> = Vec::with_capacity(STEPS + 1);
        for step in 0..=STEPS {
            let share = step as f64 / STEPS as f64;
            line.push(frame.point(at_share(one.values, share) * 1e3, share * 100.0));
        }
        frame.svg.path(&format!("{} line", series_class(one.place)), &line);

        for (share, mark) in MARKED {
            let value = at_share(one.values, share);
            let at = frame.point(value * 1e3, share * 100.0);
            let name = names.at(one.place).unwrap_or_default();
            let tip = format!("{name}, {short} {mark}: {}", seconds(value));
            frame.svg.mark(&tip, |svg| svg.dot(one.place, at, 4.0));
        }
    }
    frame.svg.finish(width.class(), &format!("Distribution of {short}, one line a variant"))
}

/// The smallest value that at least this share of the values do not exceed; the list is ascending and not empty.
fn at_share(values: &[f64], share: f64) -> f64 {
    let rank = (share * values.len() as f64).ceil().max(1.0) as usize - 1;
    values.get(rank.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_sample() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let cases = [(0.0, 1.0), (0.5, 50.0), (0.95, 95.0), (0.951, 96.0), (1.0, 100.0)];
        for (share, wanted) in cases {
            assert!((at_share(&values, share) - wanted).abs() < 1e-12, "{share}");
        }
    }
}
