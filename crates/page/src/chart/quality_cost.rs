//! Cost against quality: where the cheapest variant that is good enough lies.

use infercost_core::report::{CandidateReport, Report};
use infercost_core::{Estimate, Gate, Verdict};

use crate::axis::{Scale, range};
use crate::chart::frame::{Frame, Span};
use crate::chart::{Figure, Width, legend};
use crate::figures::{percent, significant, with_interval};
use crate::section::Names;
use crate::svg::{Point, series_class};

/// What stands for quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Share of prompts answered right; more is better.
    TaskScore,
    /// Mean KL divergence from the baseline; less is better.
    Divergence,
}

struct Dot {
    place: usize,
    cost: Estimate,
    quality: Estimate,
    verdict: Verdict,
}

/// The chart over all variants whose cost and quality are known; `None` below two of them.
pub(crate) fn figure(report: &Report, names: &Names) -> Option<Figure> {
    let by_score = dots(report, Measure::TaskScore);
    let by_divergence = dots(report, Measure::Divergence);
    let (measure, dots) = if by_score.len() >= 2 {
        (Measure::TaskScore, by_score)
    } else {
        (Measure::Divergence, by_divergence)
    };
    if dots.len() < 2 {
        return None;
    }

    let drawn = dots.iter().map(|dot| dot.place);
    Some(Figure {
        caption: match measure {
            Measure::TaskScore => "Cost against task score. Right is costlier, up is better.".to_owned(),
            Measure::Divergence => {
                "Cost against KL divergence from the baseline. Right is costlier, down is better.".to_owned()
            }
        },
        wide: draw(report, names, measure, &dots, Width::Wide),
        narrow: draw(report, names, measure, &dots, Width::Narrow),
        legend: legend(names, drawn),
    })
}

fn dots(report: &Report, measure: Measure) -> Vec<Dot> {
    let mut dots = Vec::new();
    for (place, candidate) in report.candidates.iter().enumerate() {
        let (Some(cost), Some(quality)) = (candidate.cost.per_inference, quality(report, candidate, measure))
        else {
            continue;
        };
        // Per thousand inferences: a price that people pay.
        dots.push(Dot { place, cost: cost.map(|amount| amount * 1e3), quality, verdict: candidate.verdict });
    }
    dots
}

fn quality(report: &Report, candidate: &CandidateReport, measure: Measure) -> Option<Estimate> {
    match measure {
        Measure::TaskScore => candidate.quality.task_score,
        // The baseline is at no distance from itself.
        Measure::Divergence if candidate.variant == report.baseline => {
            Some(Estimate { point: 0.0, lower: 0.0, upper: 0.0, confidence: 1.0, n: 0 })
        }
        Measure::Divergence => candidate.quality.kld_mean,
    }
}

/// The limit on the vertical axis, with its name.
fn limit(report: &Report, measure: Measure) -> Option<(f64, String)> {
    match measure {
        Measure::Divergence => {
            report.policy.max_kld.map(|limit| (limit, format!("limit: at most {}", significant(limit))))
        }
        Measure::TaskScore => {
            // Every candidate's gate names the margin that was applied; the baseline has the score it is taken from.
            let gates = report.candidates.iter().flat_map(|candidate| &candidate.gates);
            let margin =
                gates.filter(|gate| gate.gate == Gate::TaskScore).map(|gate| gate.threshold.abs()).next()?;
            let base = report.candidates.iter().find(|candidate| candidate.variant == report.baseline)?;
            let score = base.quality.task_score?.point;
            Some((score - margin, format!("baseline less the margin of {}", percent(margin))))
        }
    }
}

fn draw(report: &Report, names: &Names, measure: Measure, dots: &[Dot], width: Width) -> String {
    let limit = limit(report, measure);
    let costs = dots.iter().flat_map(|dot| [dot.cost.lower, dot.cost.upper]);
    let (least_cost, greatest_cost) = range(costs).unwrap_or((0.0, 1.0));
    let room = (greatest_cost - least_cost) * 0.06;
    let qualities = dots.iter().flat_map(|dot| [dot.quality.lower, dot.quality.upper]);
    let (least, greatest) =
        range(qualities.chain(limit.iter().map(|(value, _)| *value))).unwrap_or((0.0, 1.0));

    // Scores are shown in percent, divergences as they are.
    let factor = if measure == Measure::TaskScore { 100.0 } else { 1.0 };
    let across = Span {
        scale: Scale::Linear,
        least: (least_cost - room).max(0.0),
        greatest: greatest_cost + room,
        label: format!("{} per 1,000 inferences", report.price_book.currency),
    };
    let up = Span {
        scale: Scale::Linear,
        least: least * factor - (greatest - least) * factor * 0.05,
        greatest: greatest * factor + (greatest - least) * factor * 0.05,
        label: match measure {
            Measure::TaskScore => "task score, %".to_owned(),
            Measure::Divergence => "KL divergence, nats per token".to_owned(),
        },
    };

    let mut frame = Frame::new(width, 330.0, &across, &up);
    if let Some((value, name)) = &limit {
        frame.limit_across(value * factor, name);
    }
    for dot in dots {
        draw_dot(&mut frame, report, names, dot, factor);
    }
    frame.svg.finish(width.class(), "Cost against quality of every variant, with intervals and the limit")
}

/// A cross of both intervals with the variant's shape in the middle.
fn draw_dot(frame: &mut Frame, report: &Report, names: &Names, dot: &Dot, factor: f64) {
    let Dot { place, cost, quality, verdict } = dot;
    let show = if factor > 1.0 { percent } else { significant };
    let name = names.at(*place).unwrap_or_default();
    let verdict = match verdict {
        _ if *place == names.baseline() => "baseline",
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
    };
    let tip = format!(
        "{name} ({verdict}): {} {} per 1,000 inferences, quality {}",
        with_interval(cost, significant),
        report.price_book.currency,
        with_interval(quality, show),
    );

    let middle = frame.point(cost.point, quality.point * factor);
    let (left, right) = (frame.point(cost.lower, 0.0).x, frame.point(cost.upper, 0.0).x);
    let low = frame.point(cost.point, quality.lower * factor).y;
    let high = frame.point(cost.point, quality.upper * factor).y;
    let class = format!("{} whisker", series_class(*place));
    frame.svg.mark(&tip, |svg| {
        svg.line(&class, Point { x: left, y: middle.y }, Point { x: right, y: middle.y });
        svg.line(&class, Point { x: middle.x, y: low }, Point { x: middle.x, y: high });
        svg.dot(*place, middle, 6.0);
    });
}
