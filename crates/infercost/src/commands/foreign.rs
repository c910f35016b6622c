//! `infercost report` on traces of other programs: what they say of tokens, latency and cost, model by model.

use std::process::ExitCode;

use infercost_analyzer::foreign::summarize;
use infercost_core::ForeignTrace;
use infercost_core::text::count;
use infercost_run::config::SettingsOverrides;
use infercost_run::foreign_traces;
use infercost_run::usage;

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::output;
use crate::output::answer::delivery::{self, deliver};

/// Reports on them.
pub(crate) fn run(
    names: &[String],
    given: &SettingsOverrides,
    flags: &AnswerFlags,
    global: &GlobalFlags,
) -> anyhow::Result<ExitCode> {
    delivery::check(flags, false)?;
    let mut trace = ForeignTrace::default();
    for name in names {
        trace.append(foreign_traces::read(name)?);
    }

    let report = summarize(&trace, given.token_prices(), given.own_prices())?;
    if report.calls == 0 {
        let mut message = format!("there is no call of a model in it ({})", count(trace.spans, "span"));
        for (kind, found) in &report.irregularities {
            message = format!("{message}; {}", output::foreign::irregularity(*kind, found));
        }
        return Err(usage(message));
    }

    deliver(&output::foreign::answer(&report, names), &report, None, flags, global)?;
    Ok(ExitCode::SUCCESS)
}
