//! What must be read with the numbers under load.

use infercost_core::report::OperatingPointReport;
use infercost_core::run::VariantHeader;
use infercost_core::{InferenceRecord, OperatingPoint, RunRecord};

use super::Point;
use super::advice::LoadTested;
use infercost_core::text::{count, percent};

/// What must be read with a run's operating points.
pub(crate) fn of_run(runs: &[RunRecord], tested: &[LoadTested<'_>], decided: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if runs.is_empty() {
        return notes;
    }
    let closed = |point: &Point| match point.report.operating_point {
        OperatingPoint::Closed { concurrency } => Some(concurrency),
        OperatingPoint::Open { .. } => None,
    };
    let all: Vec<OperatingPoint> =
        tested.iter().flat_map(|one| &one.points).map(|point| point.report.operating_point).collect();
    let is_served = |one: &LoadTested<'_>| {
        let headers = runs.iter().flat_map(|run| &run.header.variants);
        headers.filter(|header| header.id == one.judged.variant).any(VariantHeader::is_served)
    };
    let more = all.iter().any(|point| *point != OperatingPoint::SEQUENTIAL);
    let only_single = |one: &&LoadTested<'_>| {
        let single = |point: &Point| point.report.operating_point == OperatingPoint::SEQUENTIAL;
        more && !is_served(one) && one.points.iter().all(single)
    };
    let alone: Vec<&str> = tested.iter().filter(only_single).map(|one| one.name.as_str()).collect();
    if !alone.is_empty() {
        notes.push(format!(
            "Under load, {} {} part at concurrency 1 only: a model in this process answers one request at a time.",
            alone.join(", "),
            if alone.len() == 1 { "takes" } else { "take" }
        ));
    }
    for one in tested {
        if let Some(knee) = one.points.iter().find(|point| point.report.knee).and_then(closed) {
            notes.push(format!(
                "{} is saturated at concurrency {knee}: more in flight brings hardly more throughput.",
                one.name
            ));
        }
        let stopped =
            one.points.iter().find(|point| point.report.over_saturated || point.report.client_limited);
        if let Some(point) = stopped {
            let why =
                if point.report.over_saturated { "over-saturated" } else { "limited by infercost itself" };
            let at = super::advice::load(point.report.operating_point);
            notes.push(format!("{} was {why} at {at}; it was tested no harder.", one.name));
        }
    }
    let windows = runs.iter().flat_map(|run| &run.windows);
    let cut = windows.filter(|window| window.load.is_some() && window.interrupted).count() as u64;
    if cut > 0 {
        notes.push(if cut == 1 {
            "1 window under load was cut off and is left out.".to_owned()
        } else {
            format!("{cut} windows under load were cut off and are left out.")
        });
    }
    if !decided && !all.is_empty() {
        notes.push(
            "No operating points with known costs can be compared: the recommendation is that of single requests."
                .to_owned(),
        );
    }
    notes
}

/// That windows of a point are left out because infercost itself was the limit in them, and not in others.
pub(super) fn of_left_out(windows: usize) -> Option<String> {
    match windows {
        0 => None,
        1 => Some(
            "infercost itself was the limit in 1 window, which is left out: the point was tested again"
                .to_owned(),
        ),
        many => Some(format!(
            "infercost itself was the limit in {many} windows, which are left out: the point was tested again"
        )),
    }
}

/// What must be read with a point's numbers.
pub(super) fn of_point(report: &OperatingPointReport, inferences: &[&InferenceRecord]) -> Vec<String> {
    let mut notes = Vec::new();
    if report.over_saturated {
        notes
            .push("over-saturated: the queue grew without end, so these latencies are not stable".to_owned());
    }
    if report.client_limited {
        notes.push("infercost itself limited what was sent: the server can do more than this".to_owned());
    }
    if report.failures > 0 {
        let kinds: Vec<String> =
            report.failure_kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
        notes.push(format!(
            "{} of {} failed ({})",
            report.failures,
            count(inferences.len() as u64, "request"),
            kinds.join(", ")
        ));
    }
    let all = inferences.len() as u64;
    let empty = all.saturating_sub(report.answered).saturating_sub(report.failures);
    if empty > 0 {
        notes.push(format!("{} without any token, which no rate counts", count(empty, "answer")));
    }
    if report.failing {
        notes.push(format!(
            "more than {} of the requests got no answer: this load is not recommended",
            percent(super::MOST_FAILURES)
        ));
    }
    if report.retries > 0 {
        let were = if report.retries == 1 { "was" } else { "were" };
        notes.push(format!("{} {were} repeated, which the latencies hold", count(report.retries, "attempt")));
    }
    if let Some(share) = report.cached_share.filter(|share| *share > 0.0) {
        notes.push(format!("{} of the prompt tokens came from a prefix cache", percent(share)));
    }
    let mismatched = inferences
        .iter()
        .filter(|one| one.served.as_ref().is_some_and(|served| served.count_mismatch))
        .count() as u64;
    if mismatched > 0 {
        notes.push(format!(
            "{} held several tokens in a chunk: gaps between chunks are not gaps between tokens",
            count(mismatched, "answer")
        ));
    }
    notes
}
