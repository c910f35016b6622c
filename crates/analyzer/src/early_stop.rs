//! Early stopping: which variants need not go on, by what is on disk.

use infercost_core::report::{CandidateReport, Report};
use infercost_core::{Reason, RunRecord, VariantId, Verdict};

use crate::analysis::{Analysis, AnalysisError};
use crate::load::without_load;
use crate::report::report;
use crate::sequential::{Progress, whole};

/// Fewest prompts at a look that may drop a candidate for its cost: a machine's speed drifts from window to
/// window, which prompts of few windows do not show.
const FEWEST_FOR_COST: usize = 40;

/// Why a variant need not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It is not good enough.
    Failed,
    /// It is good enough, and whether it is cheaper than the baseline is known.
    Passed,
    /// It costs more than the baseline.
    Costlier,
    /// It costs more than another that is good enough.
    Dominated,
    /// It is the baseline's second copy, and no candidate goes on.
    NothingToCompare,
}

/// Variants that need not go on, by the policy and the prices of the run itself: each is judged as the report
/// of the same records judges it, by the prompts before the last look that it reached. Never one that has
/// reached the end, and none where the run has no looks.
///
/// A pure function of the records: asked again after a break, it answers the same.
///
/// # Errors
/// As [`report()`].
pub fn early_stopped(run: &RunRecord) -> Result<Vec<(VariantId, StopReason)>, AnalysisError> {
    match without_load(std::slice::from_ref(run)).and_then(|mut runs| runs.pop()) {
        Some(single) => stopped_by_single_requests(&single),
        None => stopped_by_single_requests(run),
    }
}

fn stopped_by_single_requests(run: &RunRecord) -> Result<Vec<(VariantId, StopReason)>, AnalysisError> {
    if !run.header.variants.iter().any(|variant| is_early(run, &variant.id)) {
        return Ok(Vec::new());
    }

    let (policy, prices) = (&run.header.policy, &run.header.prices);
    let runs = std::slice::from_ref(run);
    let report = report(&Analysis {
        runs,
        policy,
        prices,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: None,
    })?;
    let mut stopped = stop_reasons(&report);
    stopped.retain(|(variant, why)| {
        let by_cost = matches!(why, StopReason::Costlier | StopReason::Dominated);
        let many = Progress::of(run, variant).is_some_and(|one| one.look >= FEWEST_FOR_COST);
        is_early(run, variant) && (!by_cost || many)
    });

    // The second copy of the baseline is of use as long as anything is compared with it.
    if !stopped.iter().any(|(_, why)| *why != StopReason::NothingToCompare)
        || report.candidates.iter().any(|candidate| goes_on(candidate, &report, &stopped))
    {
        stopped.retain(|(_, why)| *why != StopReason::NothingToCompare);
    }
    Ok(stopped)
}

/// True where a variant stands at an interim analysis before the end.
fn is_early(run: &RunRecord, variant: &VariantId) -> bool {
    let Some(progress) = Progress::of(run, variant).filter(Progress::is_early) else { return false };
    let mut looks = run.header.looks.iter().flat_map(|looks| &looks.after);
    looks.any(|after| whole(progress.look) == *after)
}

/// True for a candidate that is not stopped.
fn goes_on(candidate: &CandidateReport, report: &Report, stopped: &[(VariantId, StopReason)]) -> bool {
    candidate.variant != report.baseline
        && !candidate.noise_floor
        && !stopped.iter().any(|(variant, _)| *variant == candidate.variant)
}

fn stop_reasons(report: &Report) -> Vec<(VariantId, StopReason)> {
    let others = report.candidates.iter().filter(|candidate| candidate.variant != report.baseline);
    let (copies, candidates): (Vec<&CandidateReport>, Vec<&CandidateReport>) =
        others.partition(|candidate| candidate.noise_floor);

    let savings = copies.iter().filter_map(|copy| copy.saving);
    let noise = savings.map(|saving| saving.point.abs()).fold(0.0, f64::max);

    let mut stopped = Vec::new();
    for candidate in &candidates {
        if let Some(why) = stop_reason(candidate, report, noise) {
            stopped.push((candidate.variant.clone(), why));
        }
    }

    if stopped.len() == candidates.len() {
        stopped.extend(copies.iter().map(|copy| (copy.variant.clone(), StopReason::NothingToCompare)));
    }
    stopped
}

fn stop_reason(candidate: &CandidateReport, report: &Report, noise: f64) -> Option<StopReason> {
    if candidate.verdict == Verdict::Fail {
        return Some(StopReason::Failed);
    }

    let Some(saving) = candidate.saving else {
        // More blocks would tell what it costs; where prices are unknown, nothing will.
        let open = candidate.unknown.get("saving").is_some_and(Reason::is_too_little);
        return (candidate.verdict == Verdict::Pass && !open).then_some(StopReason::Passed);
    };

    if saving.upper < 0.0 {
        return Some(StopReason::Costlier);
    }

    let is_dominated = report.candidates.iter().any(|other| {
        other.variant != candidate.variant
            && other.variant != report.baseline
            && !other.noise_floor
            && other.verdict == Verdict::Pass
            && other.saving.is_some_and(|other| other.lower > saving.upper.max(noise))
    });
    if is_dominated {
        return Some(StopReason::Dominated);
    }
    (candidate.verdict == Verdict::Pass && saving.lower > noise).then_some(StopReason::Passed)
}
