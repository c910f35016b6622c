//! `infercost report`: the answer, computed from traces alone.

use std::path::PathBuf;
use std::process::ExitCode;

use infercost_analyzer::Analysis;
use infercost_schema::{RunRecord, VariantId};

use crate::arguments::ReportCommand;
use crate::commands::foreign;
use crate::commands::record::find;
use crate::config::Given;
use crate::exit::{self, usage};
use crate::output;

pub(crate) fn run(arguments: &ReportCommand) -> anyhow::Result<ExitCode> {
    let given = Given::read(&arguments.judge)?;
    if arguments.runs.first().is_some_and(|name| foreign::is_foreign(name)) {
        return foreign::run(&arguments.runs, &given, arguments.judge.json);
    }
    let folders = if arguments.runs.is_empty() {
        let newest = infercost_trace::list_runs(&arguments.traces)?.pop();
        vec![newest.ok_or_else(|| {
            usage(format!("no run below {}; `infercost compare` makes one", arguments.traces.display()))
        })?]
    } else {
        arguments.runs.iter().map(|name| find(&arguments.traces, name)).collect::<anyhow::Result<_>>()?
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
    let baseline = baseline.map(|name| find_variant(&runs, name)).transpose()?;
    let report = infercost_analyzer::report(&Analysis {
        runs: &runs,
        policy: &settings.policy,
        prices: &settings.prices,
        baseline: baseline.as_ref(),
        memory_bandwidth: first.header.machine.memory_bandwidth,
    })?;
    if json {
        output::line(&serde_json::to_string_pretty(&report)?);
    } else {
        output::block(&output::table::render(&report, folders));
    }
    Ok(exit::of_report(&report))
}

fn find_variant(runs: &[RunRecord], name: &str) -> anyhow::Result<VariantId> {
    let ids: Vec<&VariantId> =
        runs.iter().flat_map(|run| &run.header.variants).map(|variant| &variant.id).collect();
    ids.iter()
        .find(|id| id.as_str() == name)
        .or_else(|| ids.iter().find(|id| id.variant_name() == name))
        .map(|id| (*id).clone())
        .ok_or_else(|| {
            let known: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
            usage(format!("--baseline {name}: no such variant among {}", known.join(", ")))
        })
}
