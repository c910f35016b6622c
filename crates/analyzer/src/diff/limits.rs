//! Limits on what may become worse: the gate of a build.

use infercost_core::diff::{
    LimitGrounds, LimitResult, Metric, MetricDiff, VariantDiff, WorseVariant, Worsening,
};
use infercost_core::{VariantId, Verdict, Why};

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
    let mut open: Option<(VariantId, LimitGrounds)> = None;

    for variant in variants {
        let found = variant.metrics.iter().find(|one| one.metric == metric);
        let Some(worse) = found.and_then(worsening) else {
            let reason = found.and_then(|one| one.why.0.clone());
            open.get_or_insert((variant.variant.clone(), LimitGrounds::NotComparable(reason)));
            continue;
        };

        let name = variant.variant.variant_name().to_owned();
        let grounds = WorseVariant { variant: name, metric, worse, limit };
        if worse.lower > limit {
            return LimitResult {
                metric,
                limit,
                verdict: Verdict::Fail,
                variant: Some(variant.variant.clone()),
                why: Why(LimitGrounds::Above(grounds)),
            };
        }
        if worse.upper > limit {
            open.get_or_insert((variant.variant.clone(), LimitGrounds::Holds(grounds)));
        }
    }

    let (verdict, variant, why) = match open {
        Some((variant, why)) => (Verdict::Inconclusive, Some(variant), why),
        None if variants.is_empty() => (Verdict::Inconclusive, None, LimitGrounds::NoCommonVariant),
        None => (Verdict::Pass, None, LimitGrounds::Kept { metric, limit }),
    };
    LimitResult { metric, limit, verdict, variant, why: Why(why) }
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
