//! Exit codes, and how an error is shown.

use std::process::ExitCode;

use infercost_core::report::Report;
use infercost_core::{MeterError, Recommendation, Verdict};
use infercost_harness::HarnessError;
use infercost_models::ModelError;
use infercost_run::{INTERRUPTED, Usage};

use crate::output;

/// The run failed.
pub(crate) const FAILURE: u8 = 1;
/// The command line or an input file is wrong.
pub(crate) const USAGE: u8 = 2;
/// The data do not settle the question.
pub(crate) const INCONCLUSIVE: u8 = 3;
/// No candidate is good enough.
pub(crate) const NONE_PASSES: u8 = 4;
/// A meter was required and none is there.
pub(crate) const NO_METER: u8 = 5;

/// Shows an error on stderr, cause by cause, and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    output::error(error);
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(HarnessError::Interrupted) = cause.downcast_ref() {
            return INTERRUPTED;
        }
        if let Some(MeterError::RequiredMeterMissing { .. }) = cause.downcast_ref() {
            return NO_METER;
        }
        if cause.is::<Usage>() || cause.is::<infercost_text::TextError>() {
            return USAGE;
        }
        if cause.downcast_ref::<ModelError>().is_some_and(ModelError::is_of_name) {
            return USAGE;
        }
    }
    FAILURE
}

/// The exit code of an export: was everything taken?
pub(crate) fn of_sending(is_whole: bool) -> ExitCode {
    if is_whole { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) }
}

/// The exit code of a report: did it give an answer?
pub(crate) fn of_report(report: &Report) -> ExitCode {
    let code = match &report.recommendation {
        Recommendation::Switch { .. } => 0,
        Recommendation::MeasureMore { .. } => INCONCLUSIVE,
        Recommendation::KeepBaseline { .. } => {
            let mut others = report
                .candidates
                .iter()
                .filter(|candidate| candidate.variant != report.baseline && !candidate.noise_floor)
                .peekable();
            let none_passes =
                others.peek().is_some() && others.all(|candidate| candidate.verdict == Verdict::Fail);
            if none_passes { NONE_PASSES } else { 0 }
        }
    };
    ExitCode::from(code)
}
