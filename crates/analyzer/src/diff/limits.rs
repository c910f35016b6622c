//! Limits on what may become worse: the gate of a build.

use infercost_core::diff::{LimitResult, Metric, MetricDiff, VariantDiff};
use infercost_core::text::percent;
use infercost_core::{VariantId, Verdict};

/// Largest changes that are tolerated; `None` sets no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DiffLimits {
    /// Of the cost per inference, as a share.
    pub cost_increase: Option<f64>,
    /// Of the median time to first token and of the time per output token (decode), as a share.
    pub latency_increase: Option<f64>,
    /// Of the task score, as a difference.
    pub quality_loss: Option<f64>,
}

/// How much worse one metric became: always such that more is worse.
struct Worsening {
    point: f64,
    lower: f64,
    upper: f64,
}

/// Decides each limit that was given: passed by one variant surely, kept by all surely, or neither.
pub(super) fn decide(limits: &DiffLimits, variants: &[VariantDiff]) -> Vec<LimitResult> {
    let given = [
        (Metric::Cost, limits.cost_increase),
        (Metric::Ttft, limits.latency_increase),
        (Metric::Decode, limits.latency_increase),
        (Metric::TaskScore, limits.quality_loss),
    ];

    let mut results = Vec::new();
    for (metric, limit) in given {
        if let Some(limit) = limit {
            results.push(decide_one(metric, limit, variants));
        }
    }
    results
}

fn decide_one(metric: Metric, limit: f64, variants: &[VariantDiff]) -> LimitResult {
    let mut open: Option<(VariantId, String)> = None;

    for variant in variants {
        let found = variant.metrics.iter().find(|one| one.metric == metric);
        let Some(worse) = found.and_then(worsening) else {
            let why = found.and_then(|one| one.why.clone()).unwrap_or_else(|| "not measured".to_owned());
            open.get_or_insert((variant.variant.clone(), why));
            continue;
        };

        let name = variant.variant.variant_name();
        let said = format!(
            "{name}: {} {} [{}, {}]",
            what(metric),
            percent(worse.point),
            percent(worse.lower),
            percent(worse.upper)
        );
        if worse.lower > limit {
            let why = format!("{said}, above the limit of {}", percent(limit));
            return LimitResult {
                metric,
                limit,
                verdict: Verdict::Fail,
                variant: Some(variant.variant.clone()),
                why,
            };
        }
        if worse.upper > limit {
            open.get_or_insert((
                variant.variant.clone(),
                format!("{said}: the interval holds the limit of {}", percent(limit)),
            ));
        }
    }

    match open {
        Some((variant, why)) => {
            LimitResult { metric, limit, verdict: Verdict::Inconclusive, variant: Some(variant), why }
        }
        None if variants.is_empty() => LimitResult {
            metric,
            limit,
            verdict: Verdict::Inconclusive,
            variant: None,
            why: "the runs have no variant in common".to_owned(),
        },
        None => LimitResult {
            metric,
            limit,
            verdict: Verdict::Pass,
            variant: None,
            why: format!("{} stays within {} for every variant", what(metric), percent(limit)),
        },
    }
}

/// The change turned so that more is worse: decode is judged by the time that a token takes.
fn worsening(diff: &MetricDiff) -> Option<Worsening> {
    let change = diff.change?;
    Some(match diff.metric {
        Metric::Cost | Metric::Energy | Metric::Ttft | Metric::Failures => {
            Worsening { point: change.point, lower: change.lower, upper: change.upper }
        }
        Metric::Prefill | Metric::Decode => Worsening {
            point: 1.0 / (1.0 + change.point) - 1.0,
            lower: 1.0 / (1.0 + change.upper) - 1.0,
            upper: 1.0 / (1.0 + change.lower) - 1.0,
        },
        Metric::TaskScore => Worsening { point: -change.point, lower: -change.upper, upper: -change.lower },
    })
}

/// What became worse, in words.
fn what(metric: Metric) -> &'static str {
    match metric {
        Metric::Cost => "increase of cost",
        Metric::Energy => "increase of energy",
        Metric::Ttft => "increase of TTFT",
        Metric::Prefill => "increase of prefill time",
        Metric::Decode => "increase of time per output token",
        Metric::TaskScore => "loss of task score",
        Metric::Failures => "increase of failures",
    }
}
