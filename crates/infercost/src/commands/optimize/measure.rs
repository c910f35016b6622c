//! `infercost optimize --measure`: settings are tried here and now.

use std::process::ExitCode;

use infercost_run::config::SettingsOverrides;
use infercost_run::economics_inputs::EconomicsInputs;
use infercost_run::sprint;
use infercost_sprint::Answer;

use super::{OptimizeCommand, cost_review};
use crate::flags::GlobalFlags;
use crate::output::answer::delivery::deliver_as;
use crate::{exit, output};

/// Runs the sprint and shows what it came to.
pub(super) fn run(arguments: &OptimizeCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let flags = &arguments.measure;
    let request = flags.request(&arguments.runs, &arguments.economics, global);
    let business = EconomicsInputs::read(arguments.economics.request(global))?;
    let overrides = SettingsOverrides::read(&flags.policy(&arguments.economics, global))?;

    let outcome = match &flags.resume {
        None => sprint::run(&request, &overrides)?,
        Some(name) => {
            let name = Some(name.as_str()).filter(|name| !name.is_empty());
            sprint::resume(&request, name, &overrides)?
        }
    };

    let workload = outcome.hosted.as_ref();
    let review =
        workload.map(|workload| cost_review::of(workload, &outcome.prices, &business)).transpose()?;
    let shown = output::sprint::render(&outcome, review.as_ref());
    deliver_as(&shown, &output::sprint::answer(&outcome), &outcome, None, &arguments.answer, global)?;

    Ok(ExitCode::from(match outcome.answer {
        Answer::Found { .. } | Answer::Nothing => 0,
        Answer::Unsettled { .. } => exit::INCONCLUSIVE,
    }))
}
