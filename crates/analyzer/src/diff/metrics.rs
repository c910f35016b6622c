//! Each metric of a variant in both runs, with the interval and the p-value of its change.

use std::collections::BTreeMap;

use infercost_core::diff::{Change, Metric, MetricDiff};
use infercost_core::report::CandidateReport;
use infercost_core::{Estimate, Evaluation, PromptId, Reason, RunRecord, VariantId, WhyNot};
use infercost_stats::newcombe::{Share, newcombe_independent};
use infercost_stats::{mean, normal};

use crate::diff::Side;

/// A metric's two values, and the two-sided p-value of "no change"; `None` where there is nothing to test.
pub(super) struct Compared {
    pub(super) diff: MetricDiff,
    pub(super) p_value: Option<f64>,
}

/// A metric in both reports, before it is judged.
struct Pair {
    metric: Metric,
    old: Option<Estimate>,
    new: Option<Estimate>,
}

/// All metrics of a variant that both reports hold.
pub(super) fn of_variant(
    variant: &VariantId,
    old: &Side<'_>,
    new: &Side<'_>,
    confidence: f64,
) -> Vec<Compared> {
    let (Some(before), Some(after)) = (candidate(old, variant), candidate(new, variant)) else {
        return Vec::new();
    };

    let mut compared = Vec::new();
    for pair in ratios(before, after) {
        let why = not_comparable(pair.metric, before, after);
        compared.push(ratio(pair, why, confidence));
    }

    compared.push(task_score(variant, old, new, before, after, confidence));
    compared.push(failures(before, after, confidence));
    compared
}

fn candidate<'a>(side: &Side<'a>, variant: &VariantId) -> Option<&'a CandidateReport> {
    side.report.candidates.iter().find(|candidate| candidate.variant == *variant)
}

/// The metrics whose change is a ratio.
fn ratios(before: &CandidateReport, after: &CandidateReport) -> Vec<Pair> {
    let pair = Pair { metric: Metric::Cost, old: before.cost.per_inference, new: after.cost.per_inference };
    let energy = Pair {
        metric: Metric::Energy,
        old: before.energy.per_inference_j,
        new: after.energy.per_inference_j,
    };
    let ttft = Pair {
        metric: Metric::Ttft,
        old: before.latency_intervals.ttft_p50_s,
        new: after.latency_intervals.ttft_p50_s,
    };
    let prefill =
        Pair { metric: Metric::Prefill, old: before.prefill_tokens_per_s, new: after.prefill_tokens_per_s };
    let decode =
        Pair { metric: Metric::Decode, old: before.decode_tokens_per_s, new: after.decode_tokens_per_s };

    vec![pair, energy, ttft, prefill, decode]
}

/// Why two values are not of the same thing; `None` where they are.
fn not_comparable(metric: Metric, before: &CandidateReport, after: &CandidateReport) -> Option<Reason> {
    match metric {
        Metric::Energy if before.energy.scope != after.energy.scope => Some(Reason::ReadingsOfOtherParts {
            before: before.energy.scope.clone(),
            after: after.energy.scope.clone(),
        }),
        Metric::Cost if known_parts(before) != known_parts(after) => Some(Reason::CostsOfOtherParts),
        _ => None,
    }
}

/// Which parts of the cost are known.
fn known_parts(candidate: &CandidateReport) -> [bool; 4] {
    let parts = &candidate.cost.components;
    [parts.energy.is_some(), parts.hardware.is_some(), parts.idle.is_some(), parts.operation.is_some()]
}

/// The change of a positive quantity: on a logarithmic scale variances of independent runs add up.
fn ratio(pair: Pair, why: Option<Reason>, confidence: f64) -> Compared {
    let Pair { metric, old, new } = pair;
    if let Some(why) = why {
        return not_compared(metric, old, new, why);
    }
    let (Some(before), Some(after)) = (old, new) else {
        return not_compared(metric, old, new, Reason::NotKnownInRun { is_old: old.is_none() });
    };
    let (Some(one), Some(other)) = (log_error(&before), log_error(&after)) else {
        return not_compared(metric, old, new, Reason::IntervalReachesZero);
    };

    let change = (after.point / before.point).ln();
    let error = one.hypot(other);
    let z = normal::quantile(0.5 + confidence / 2.0);
    let estimate = Estimate {
        point: change.exp() - 1.0,
        lower: (change - z * error).exp() - 1.0,
        upper: (change + z * error).exp() - 1.0,
        confidence,
        n: before.n.min(after.n),
    };
    Compared {
        p_value: Some(two_sided(change, error)),
        diff: MetricDiff {
            metric,
            old,
            new,
            change: Some(estimate),
            verdict: Change::NoDifferenceShown,
            why: WhyNot(None),
        },
    }
}

/// The standard error of a logarithm, from an interval; `None` where the interval reaches zero or says nothing.
fn log_error(estimate: &Estimate) -> Option<f64> {
    let sound = estimate.lower > 0.0 && estimate.upper.is_finite() && estimate.point > 0.0;
    let z = normal::quantile(0.5 + estimate.confidence / 2.0);

    // The wider half: intervals of few blocks are lopsided.
    let half = (estimate.upper / estimate.point).ln().max((estimate.point / estimate.lower).ln());
    (sound && half.is_finite() && z > 0.0).then_some(half / z)
}

/// The p-value of a change, given its standard error; two equal values without error are no change.
fn two_sided(change: f64, error: f64) -> f64 {
    if error <= 0.0 {
        return if change == 0.0 { 1.0 } else { 0.0 };
    }
    2.0 * (1.0 - normal::cumulative((change / error).abs()))
}

/// The task score, paired by prompt: Student's interval of the prompts' differences.
fn task_score(
    variant: &VariantId,
    old: &Side<'_>,
    new: &Side<'_>,
    before: &CandidateReport,
    after: &CandidateReport,
    confidence: f64,
) -> Compared {
    let metric = Metric::TaskScore;
    let (old_score, new_score) = (before.quality.task_score, after.quality.task_score);
    let (one, other) = (scores(old.runs, variant), scores(new.runs, variant));

    let mut differences = Vec::new();
    for (prompt, score) in &other {
        if let Some(before) = one.get(prompt) {
            differences.push(score - before);
        }
    }

    let Some(estimate) = mean::mean_estimate(&differences, confidence) else {
        return not_compared(metric, old_score, new_score, Reason::TooFewGradedInBoth);
    };
    let z = normal::quantile(0.5 + confidence / 2.0);
    let error = (estimate.upper - estimate.point) / z;
    Compared {
        p_value: Some(two_sided(estimate.point, error)),
        diff: MetricDiff {
            metric,
            old: old_score,
            new: new_score,
            change: Some(estimate),
            verdict: Change::NoDifferenceShown,
            why: WhyNot(None),
        },
    }
}

/// The mean score of every graded prompt.
fn scores(runs: &[RunRecord], variant: &VariantId) -> BTreeMap<PromptId, f64> {
    let mut sums: BTreeMap<PromptId, (f64, f64)> = BTreeMap::new();
    for evaluation in runs.iter().flat_map(|run| &run.evaluations) {
        if let (true, Evaluation::Task(score)) = (evaluation.variant == *variant, &evaluation.result) {
            let sum = sums.entry(evaluation.prompt.clone()).or_default();
            *sum = (sum.0 + score.score, sum.1 + 1.0);
        }
    }

    sums.into_iter().map(|(prompt, (sum, count))| (prompt, sum / count)).collect()
}

/// The share of failures: two independent proportions.
fn failures(before: &CandidateReport, after: &CandidateReport, confidence: f64) -> Compared {
    let metric = Metric::Failures;
    if before.inferences == 0 || after.inferences == 0 {
        return not_compared(metric, None, None, Reason::NothingAskedInOne);
    }
    let one = Share { count: before.failures as f64, n: before.inferences as usize };
    let other = Share { count: after.failures as f64, n: after.inferences as usize };
    let z = normal::quantile(0.5 + confidence / 2.0);
    let (lower, upper) = newcombe_independent(other, one, z);
    let point = other.count / other.n as f64 - one.count / one.n as f64;

    // A normal approximation of the same difference: it only has to rank claims.
    let error = (upper - lower) / (2.0 * z);
    Compared {
        p_value: Some(two_sided(point, error)),
        diff: MetricDiff {
            metric,
            old: Some(share_estimate(one, confidence, z)),
            new: Some(share_estimate(other, confidence, z)),
            change: Some(Estimate { point, lower, upper, confidence, n: one.n.min(other.n) }),
            verdict: Change::NoDifferenceShown,
            why: WhyNot(None),
        },
    }
}

fn share_estimate(share: Share, confidence: f64, z: f64) -> Estimate {
    let (lower, upper) = infercost_stats::wilson::wilson(share.count, share.n, z);
    Estimate { point: share.count / share.n as f64, lower, upper, confidence, n: share.n }
}

fn not_compared(metric: Metric, old: Option<Estimate>, new: Option<Estimate>, why: Reason) -> Compared {
    Compared {
        p_value: None,
        diff: MetricDiff {
            metric,
            old,
            new,
            change: None,
            verdict: Change::NotComparable,
            why: WhyNot(Some(why)),
        },
    }
}
