//! `infercost diff`: two runs side by side, and the gate for builds.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use infercost_analyzer::{Analysis, DiffLimits, DiffPolicy, Side};
use infercost_core::diff::RunDiff;
use infercost_core::report::Report;
use infercost_core::{RunRecord, Verdict};
use infercost_run::config::{Settings, SettingsOverrides};
use infercost_run::run_folder;

use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::judge::PriceFlags;
use crate::flags::numbers::{confidence, percentage};
use crate::output;
use crate::output::answer::delivery::{self, deliver};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost diff traces/20261101-080000 traces/20261128-080000
  infercost diff baseline new --max-cost-increase 5% --max-quality-loss 2%
  infercost diff baseline new --format markdown >>\"$GITHUB_STEP_SUMMARY\"

Exit codes: 0 every limit is surely kept, or none was given; 3 a limit is not settled; 4 a limit is surely \
passed")]
pub(crate) struct DiffCommand {
    /// The run to compare with: its folder, or its id below --traces
    #[arg(value_name = "OLD")]
    pub(crate) old: String,

    /// The run that is judged
    #[arg(value_name = "NEW")]
    pub(crate) new: String,

    /// Largest increase of the cost per inference: 5% or 0.05
    #[arg(long, value_name = "SHARE", value_parser = percentage, help_heading = "Limits")]
    pub(crate) max_cost_increase: Option<f64>,

    /// Largest increase of the median TTFT, and of the time per output token
    #[arg(long, value_name = "SHARE", value_parser = percentage, help_heading = "Limits")]
    pub(crate) max_latency_increase: Option<f64>,

    /// Largest loss of task score
    #[arg(long, value_name = "SHARE", value_parser = percentage, help_heading = "Limits")]
    pub(crate) max_quality_loss: Option<f64>,

    /// Differences of a time or a cost up to this share are called none
    #[arg(long, value_name = "SHARE", value_parser = percentage, default_value = "5%")]
    pub(crate) tolerance: f64,

    /// Confidence of all claims together
    #[arg(long = "claim-confidence", value_name = "SHARE", value_parser = confidence, default_value = "0.95")]
    pub(crate) claim_confidence: f64,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,

    #[command(flatten)]
    pub(crate) prices: PriceFlags,
}

pub(crate) fn run(arguments: &DiffCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let given = SettingsOverrides::read(&arguments.prices.policy(global))?;
    let old = run_folder::named(&global.traces, &arguments.old)?;
    let new = run_folder::named(&global.traces, &arguments.new)?;

    // Both runs are billed with the new one's prices, or those of the settings: a change of prices is no change of runs.
    // A machine with prices of its own in the settings is billed by them.
    let (mut old, mut new) = (read(&old)?, read(&new)?);
    let settings = given.over(&new.header.policy, &new.header.prices)?;
    for run in [&mut old, &mut new] {
        given.reprice(std::slice::from_mut(run), settings.prices.currency)?;
    }
    let (old_report, new_report) = (report(&old, &given, &settings)?, report(&new, &given, &settings)?);

    let diff = infercost_analyzer::diff(
        Side { report: &old_report, runs: std::slice::from_ref(&old) },
        Side { report: &new_report, runs: std::slice::from_ref(&new) },
        &DiffPolicy {
            tolerance: arguments.tolerance,
            confidence: arguments.claim_confidence,
            limits: DiffLimits {
                cost_increase: arguments.max_cost_increase,
                latency_increase: arguments.max_latency_increase,
                quality_loss: arguments.max_quality_loss,
            },
        },
    );

    deliver(&output::diff::answer(&diff), &diff, None, &arguments.answer, global)?;
    Ok(ExitCode::from(code(&diff)))
}

fn read(folder: &Path) -> anyhow::Result<RunRecord> {
    Ok(infercost_trace::read_run(folder)?)
}

fn report(run: &RunRecord, given: &SettingsOverrides, settings: &Settings) -> anyhow::Result<Report> {
    let machine_prices = given.machine_prices(std::slice::from_ref(run), settings)?;
    Ok(infercost_analyzer::report(&Analysis {
        runs: std::slice::from_ref(run),
        policy: &settings.policy,
        prices: &settings.prices,
        machine_prices: &machine_prices,
        baseline: None,
        memory_bandwidth: run.header.machine.memory_bandwidth,
    })?)
}

/// A limit that is surely passed outweighs one that is not settled.
fn code(diff: &RunDiff) -> u8 {
    if diff.limits.iter().any(|limit| limit.verdict == Verdict::Fail) {
        return exit::NONE_PASSES;
    }
    if diff.limits.iter().any(|limit| limit.verdict == Verdict::Inconclusive) {
        return exit::INCONCLUSIVE;
    }
    0
}
