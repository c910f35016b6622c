//! What answers share: money in the unit that people pay in, names, and the words of verdicts.

use infercost_core::report::{CandidateReport, Report};
use infercost_core::{Estimate, Verdict};
use infercost_run::number;

use crate::output::terminal::{self, Stream, plain};

/// The word of a verdict.
pub(crate) const PASS: &str = "PASS";
/// The word of a verdict.
pub(crate) const FAIL: &str = "FAIL";
/// The word of a verdict.
pub(crate) const UNSURE: &str = "UNSURE";

/// Text in a style.
pub(crate) fn styled(style: anstyle::Style, text: &str) -> String {
    terminal::style(Stream::Output, style, text)
}

/// Inferences of the unit in which costs are shown: people pay for thousands of them.
const THOUSAND: f64 = 1000.0;

/// What a thousand inferences cost, without the currency, where one costs so much.
pub(crate) fn thousand(amount: f64) -> String {
    number::significant(amount * THOUSAND)
}

/// The same with its interval.
pub(crate) fn thousand_estimate(cost: &Estimate) -> String {
    estimate(&cost.map(|amount| amount * THOUSAND))
}

/// A number with its interval; one whose ends read the same stands alone.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    infercost_core::number::interval(estimate, number::significant)
}

/// A share with its interval; one whose ends read the same stands alone.
pub(crate) fn share(estimate: &Estimate) -> String {
    infercost_core::number::interval(estimate, infercost_core::text::percent)
}

/// A share with its sign.
pub(crate) fn signed(share: f64) -> String {
    let text = infercost_core::text::percent(share);
    if share > 0.0 { format!("+{text}") } else { text }
}

/// The model's name, where all variants share it.
pub(crate) fn common_model(report: &Report) -> Option<&str> {
    let (model, _) = report.baseline.as_str().rsplit_once('/')?;
    let mut names = report.candidates.iter().map(|candidate| candidate.variant.as_str().rsplit_once('/'));
    names.all(|name| name.is_some_and(|(other, _)| other == model)).then_some(model)
}

/// A variant without the model's name, where all share it.
pub(crate) fn short_name(report: &Report, candidate: &CandidateReport) -> String {
    let name = match common_model(report) {
        Some(_) => candidate.variant.variant_name(),
        None => candidate.variant.as_str(),
    };
    plain(name)
}

/// The verdict's word; the baseline and its copy have none.
pub(crate) fn verdict(report: &Report, candidate: &CandidateReport) -> &'static str {
    if candidate.variant == report.baseline {
        return "baseline";
    }
    if candidate.noise_floor {
        return "noise";
    }
    match candidate.verdict {
        Verdict::Pass => PASS,
        Verdict::Fail => FAIL,
        Verdict::Inconclusive => UNSURE,
    }
}
