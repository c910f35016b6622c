//! `infercost record`: measures, and leaves a trace.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use infercost_core::RunHeader;
use infercost_served::ServedAddress;
use infercost_trace::RunStore;

use crate::arguments::{Cli, Command, RecordArguments, RecordCommand};
use crate::commands::export;
use crate::config::{Given, Settings};
use crate::coverage;
use crate::energy_of_servers;
use crate::exit::usage;
use crate::recording::{Servers, Setup, Wire, contenders};
use crate::{exporting, open_files, output, prompts, run_folder};

pub(crate) fn run(arguments: &RecordCommand) -> anyhow::Result<ExitCode> {
    let given = Given::read(&arguments.judge)?;
    let folder = record(&arguments.record, &given)?;
    export::after_run(&folder, &arguments.record.live, !arguments.record.no_content, &given);
    output::line(&folder.display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// Measures and returns the run's folder. Everything that can be refused is refused before models are fetched.
pub(crate) fn record(arguments: &RecordArguments, given: &Given) -> anyhow::Result<PathBuf> {
    if let Some(name) = &arguments.resume {
        return resume(arguments, name);
    }
    let is_address = |model: &String| ServedAddress::is_meant(model);
    let servers = arguments.load.serve.is_some() || arguments.models.iter().any(is_address);
    let settings = given.for_new_run(servers)?;
    energy_of_servers::one_machine(&arguments.models, &arguments.meter)?;
    open_files::make_room(&arguments.load)?;
    let wire = exporting::live::destination(arguments)?;
    let (selection, prompts) = prompts::select(arguments)?;
    run_folder::probe(&arguments.traces)?;
    let servers = Servers::of(arguments)?;
    let (discovery, boundary) = coverage::discover(arguments, &servers.watched)?;
    let models = contenders(arguments)?;
    let wire = Wire { live: arguments, destination: wire };
    let setup = Setup { arguments, selection, prompts, models, settings, servers, boundary, wire };
    setup.start(discovery)
}

/// Goes on with a run that was cut off, with the arguments that began it.
fn resume(arguments: &RecordArguments, name: &str) -> anyhow::Result<PathBuf> {
    let folder = match name {
        "" => run_folder::newest_unfinished(&arguments.traces)?,
        name => run_folder::named(&arguments.traces, name)?,
    };
    let (store, before) = RunStore::resume(&folder)?;
    if before.finished_at.is_some() {
        output::note(&format!("{} is complete; nothing to resume", folder.display()));
        return Ok(folder);
    }
    let wire = Wire { live: arguments, destination: exporting::live::destination(arguments)? };
    let recorded = recorded_arguments(&before.header)?;
    open_files::make_room(&recorded.load)?;
    let (selection, prompts) = prompts::select(&recorded)?;
    if selection != before.header.prompts {
        return Err(usage(format!(
            "{}: the prompt set `{}` has changed since this run began; start a new run",
            folder.display(),
            selection.set
        )));
    }
    let servers = Servers::of(&recorded)?;
    let (discovery, boundary) = coverage::discover(&recorded, &servers.watched)?;
    let models = contenders(&recorded)?;
    let settings = Settings { policy: before.header.policy.clone(), prices: before.header.prices.clone() };
    let setup = Setup { arguments: &recorded, selection, prompts, models, settings, servers, boundary, wire };
    setup.go_on(discovery, store, &before)
}

fn recorded_arguments(header: &RunHeader) -> anyhow::Result<RecordArguments> {
    let line = std::iter::once("infercost".to_owned()).chain(header.arguments.iter().cloned());
    match Cli::try_parse_from(line).map(|cli| cli.command) {
        Ok(Command::Compare(arguments)) => Ok(arguments.record),
        Ok(Command::Record(arguments)) => Ok(arguments.record),
        _ => Err(usage(format!(
            "run {} does not hold the arguments that began it; start a new run",
            header.id
        ))),
    }
}
