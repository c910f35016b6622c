//! `infercost report`: the answer, computed from traces alone.

use std::path::PathBuf;
use std::process::ExitCode;

use infercost_analyzer::Analysis;
use infercost_core::{RunRecord, VariantId};

use crate::arguments::ReportCommand;
use crate::commands::foreign;
use crate::config::Given;
use crate::exit::{self, usage};
use crate::{baseline, output, run_folder};

pub(crate) fn run(arguments: &ReportCommand) -> anyhow::Result<ExitCode> {
    let given = Given::read(&arguments.judge)?;
    if arguments.runs.first().is_some_and(|name| foreign::is_foreign(name)) {
        return foreign::run(&arguments.runs, &given, arguments.judge.json);
    }
    let folders = if arguments.runs.is_empty() {
        vec![run_folder::named_or_newest(&arguments.traces, None)?]
    } else {
        let named = arguments.runs.iter().map(|name| run_folder::named(&arguments.traces, name));
        named.collect::<anyhow::Result<_>>()?
    };
    print(&folders, arguments.baseline.as_deref(), &given, arguments.judge.json)
}

/// Reads the runs, computes the report and prints it.
pub(crate) fn print(
    folders: &[PathBuf],
    baseline: Option<&str>,
    given: &Given,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let runs: Vec<RunRecord> =
        folders.iter().map(|folder| Ok(infercost_trace::read_run(folder)?)).collect::<anyhow::Result<_>>()?;
    let Some(first) = runs.first() else { return Err(usage("no run to report on")) };
    let settings = given.over(&first.header.policy, &first.header.prices)?;
    let variants = runs.iter().flat_map(|run| &run.header.variants).map(|variant| &variant.id);
    let variants: Vec<&VariantId> = variants.collect();
    let baseline = baseline.map(|name| baseline::named(&variants, name)).transpose()?;
    let report = infercost_analyzer::report(&Analysis {
        runs: &runs,
        policy: &settings.policy,
        prices: &settings.prices,
        baseline,
        memory_bandwidth: first.header.machine.memory_bandwidth,
    })?;
    if json {
        output::line(&serde_json::to_string_pretty(&report)?);
    } else {
        output::block(&output::table::render(&report, folders));
    }
    Ok(exit::of_report(&report))
}
