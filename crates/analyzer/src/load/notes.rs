//! What must be known with the numbers under load.

use infercost_core::report::OperatingPointReport;
use infercost_core::run::VariantHeader;
use infercost_core::run_spec::LoadSpec;
use infercost_core::{Fact, InferenceRecord, OperatingPoint, PointFact, RunRecord};

use super::advice::LoadTested;

/// What must be known with a run's operating points.
pub(crate) fn of_run(runs: &[RunRecord], tested: &[LoadTested<'_>], decided: bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    if runs.is_empty() {
        return facts;
    }

    let variants = one_at_a_time(runs, tested);
    if !variants.is_empty() {
        facts.push(Fact::OneAtATime { variants });
    }

    for one in tested {
        facts.extend(saturated(one));
        facts.extend(tested_no_harder(one));
    }

    let windows = runs.iter().flat_map(|run| &run.windows);
    let cut = windows.filter(|window| window.load.is_some() && window.interrupted).count() as u64;
    if cut > 0 {
        facts.push(Fact::LoadCutOff { windows: cut });
    }

    let has_points = tested.iter().any(|one| !one.points.is_empty());
    if !decided && has_points {
        facts.push(Fact::NoPointsCompared);
    }
    facts
}

/// Models in this process that were tested one request at a time, where more was asked for or others were tested harder.
fn one_at_a_time(runs: &[RunRecord], tested: &[LoadTested<'_>]) -> Vec<String> {
    if !runs.iter().any(is_asked_for_more) && tested.iter().all(is_single) {
        return Vec::new();
    }

    let mut names = Vec::new();
    for one in tested {
        let headers = runs.iter().flat_map(|run| &run.header.variants);
        let is_served =
            headers.filter(|header| header.id == one.judged.variant).any(VariantHeader::is_served);
        if !is_served && is_single(one) {
            names.push(one.name.clone());
        }
    }
    names
}

/// Whether a run was to have several requests in flight at once.
fn is_asked_for_more(run: &RunRecord) -> bool {
    let load = run.header.spec.as_ref().and_then(|spec| spec.load.as_ref());
    load.is_some_and(LoadSpec::is_concurrent)
}

fn is_single(tested: &LoadTested<'_>) -> bool {
    tested.points.iter().all(|point| point.report.operating_point == OperatingPoint::SEQUENTIAL)
}

fn saturated(tested: &LoadTested<'_>) -> Option<Fact> {
    let knee = tested.points.iter().find(|point| point.report.knee)?;
    match knee.report.operating_point {
        OperatingPoint::Closed { concurrency } => {
            Some(Fact::Saturated { variant: tested.name.clone(), concurrency })
        }
        OperatingPoint::Open { .. } => None,
    }
}

fn tested_no_harder(tested: &LoadTested<'_>) -> Option<Fact> {
    let points = tested.points.iter().map(|point| &point.report);
    let last = points.into_iter().find(|point| point.over_saturated || point.client_limited)?;
    Some(Fact::TestedNoHarder {
        variant: tested.name.clone(),
        at: last.operating_point,
        over_saturated: last.over_saturated,
    })
}

/// What must be known with a point's numbers, of which `left_out` windows are left out.
pub(super) fn of_point(
    report: &OperatingPointReport,
    inferences: &[&InferenceRecord],
    left_out: usize,
) -> Vec<PointFact> {
    let mut facts = Vec::new();
    let all = inferences.len() as u64;

    if report.over_saturated {
        facts.push(PointFact::OverSaturated);
    }
    if report.client_limited {
        facts.push(PointFact::ClientLimited);
    }
    if report.failures > 0 {
        facts.push(PointFact::Failed {
            failures: report.failures,
            requests: all,
            kinds: report.failure_kinds.clone(),
        });
    }

    let empty = all.saturating_sub(report.answered).saturating_sub(report.failures);
    if empty > 0 {
        facts.push(PointFact::Empty { answers: empty });
    }
    if report.failing {
        facts.push(PointFact::Failing { tolerated: super::MOST_FAILURES });
    }
    if report.retries > 0 {
        facts.push(PointFact::Repeated { attempts: report.retries });
    }
    if let Some(share) = report.cached_share.filter(|share| *share > 0.0) {
        facts.push(PointFact::FromCache { share });
    }

    let mismatched =
        inferences.iter().filter(|one| one.served.as_ref().is_some_and(|served| served.count_mismatch));
    let mismatched = mismatched.count() as u64;
    if mismatched > 0 {
        facts.push(PointFact::SeveralInAChunk { answers: mismatched });
    }
    if left_out > 0 {
        facts.push(PointFact::WindowsLeftOut { windows: left_out as u64 });
    }
    facts
}
