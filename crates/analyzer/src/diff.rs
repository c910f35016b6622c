//! Two runs side by side: what became better or worse, and what no difference is shown of.
//!
//! The two runs share no windows, so times and costs are compared by their own intervals: the change of a ratio has, on
//! a logarithmic scale, the sum of both variances. Task scores are paired by prompt. Claims are made by Holm's procedure
//! over every metric of every variant, so that the confidence holds for all of them together; and only for changes whose
//! interval lies beyond the tolerance, since one build on one machine differs from hour to hour by more than a run can
//! know of itself.

mod limits;
mod metrics;
mod sides;

use infercost_core::RunRecord;
use infercost_core::VariantId;
use infercost_core::diff::{Change, DIFF_SCHEMA, Metric, RunDiff, VariantDiff};
use infercost_core::report::Report;
use infercost_stats::holm;

pub use limits::DiffLimits;

use metrics::Compared;

/// One side: a report, and the records it was computed from.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What `report` says, with the same prices and policy on both sides.
    pub report: &'a Report,
    /// Its runs.
    pub runs: &'a [RunRecord],
}

/// How a difference is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct DiffPolicy {
    /// Differences up to this share are called none.
    pub tolerance: f64,
    /// Confidence over all claims together.
    pub confidence: f64,
    /// Limits, where any are given.
    pub limits: DiffLimits,
}

impl DiffPolicy {
    /// 5 %: an assumption about how far one build drifts from run to run, chosen before any comparison was seen.
    pub const DEFAULT_TOLERANCE: f64 = 0.05;
}

impl Default for DiffPolicy {
    fn default() -> Self {
        Self { tolerance: Self::DEFAULT_TOLERANCE, confidence: 0.95, limits: DiffLimits::default() }
    }
}

/// Compares `new` with `old`, variant by variant.
pub fn diff(old: Side<'_>, new: Side<'_>, policy: &DiffPolicy) -> RunDiff {
    let shared = sides::shared_variants(&old, &new);

    // Every metric of every variant, and the p-value of its difference.
    let mut compared: Vec<(VariantId, Vec<Compared>)> = Vec::new();
    for variant in &shared {
        compared.push((variant.clone(), metrics::of_variant(variant, &old, &new, policy.confidence)));
    }

    judge(&mut compared, policy);

    let variants: Vec<VariantDiff> = compared
        .into_iter()
        .map(|(variant, metrics)| VariantDiff {
            variant,
            metrics: metrics.into_iter().map(|compared| compared.diff).collect(),
        })
        .collect();
    let limits = limits::decide(&policy.limits, &variants);
    let findings = sides::findings(&old, &new);

    RunDiff {
        schema: DIFF_SCHEMA.to_owned(),
        old: sides::side(&old),
        new: sides::side(&new),
        tolerance: policy.tolerance,
        confidence: policy.confidence,
        only_old: sides::only_first(&old, &new),
        only_new: sides::only_first(&new, &old),
        notes: findings.sentences(),
        findings: findings.into(),
        variants,
        limits,
    }
}

/// Makes the claims: Holm's procedure over all p-values, then the tolerance.
fn judge(compared: &mut [(VariantId, Vec<Compared>)], policy: &DiffPolicy) {
    let p_values: Vec<f64> =
        compared.iter().flat_map(|(_, metrics)| metrics).filter_map(|compared| compared.p_value).collect();
    let alpha = 1.0 - policy.confidence;
    let mut claims = holm::claims(&p_values, |_, left| alpha / left as f64).into_iter();

    for compared in compared.iter_mut().flat_map(|(_, metrics)| metrics) {
        if compared.p_value.is_none() {
            continue;
        }
        let claimed = claims.next().unwrap_or(false);
        compared.diff.verdict = verdict(compared, claimed, policy.tolerance);
    }
}

fn verdict(compared: &Compared, claimed: bool, tolerance: f64) -> Change {
    let Some(change) = compared.diff.change else { return Change::NotComparable };
    let room = if is_share(compared.diff.metric) { 0.0 } else { tolerance };
    if !claimed {
        return Change::NoDifferenceShown;
    }

    let more_is_better = matches!(compared.diff.metric, Metric::Prefill | Metric::Decode | Metric::TaskScore);
    if change.lower > room {
        return if more_is_better { Change::Better } else { Change::Worse };
    }
    if change.upper < -room {
        return if more_is_better { Change::Worse } else { Change::Better };
    }
    Change::NoDifferenceShown
}

/// True for metrics that are shares themselves: their change is a difference, and has no room.
fn is_share(metric: Metric) -> bool {
    matches!(metric, Metric::TaskScore | Metric::Failures)
}
