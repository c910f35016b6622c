//! `infercost record`: measures, and leaves a trace.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser as _};
use infercost_core::RunSpec;
use infercost_run::config::SettingsOverrides;
use infercost_run::{RunRequest, exporting, recording};
use serde_json::json;

use crate::cli::{Cli, Command};
use crate::flags::GlobalFlags;
use crate::flags::judge::JudgeFlags;
use crate::flags::record::RecordFlags;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct RecordCommand {
    #[command(flatten)]
    pub(crate) record: RecordFlags,
    #[command(flatten)]
    pub(crate) judge: JudgeFlags,
}

pub(crate) fn run(command: &RecordCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let given = SettingsOverrides::read(&command.judge.policy(global))?;
    let request = command.record.request(global);
    let folder = record(&command.record, &request, &given)?;
    exporting::after_run(&folder, &request, &given);

    let folder = folder.display().to_string();
    if global.json {
        output::line(&serde_json::to_string_pretty(&json!({"schema": "infercost.record/1", "run": folder}))?);
    } else {
        output::line(&folder);
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures a new run, or goes on with one, and returns its folder.
pub(crate) fn record(
    flags: &RecordFlags,
    request: &RunRequest,
    given: &SettingsOverrides,
) -> anyhow::Result<PathBuf> {
    match flags.resume.as_deref() {
        None => recording::record(request.clone(), given),
        Some(name) => recording::resume(request, Some(name).filter(|name| !name.is_empty()), &spec_of),
    }
}

/// The specification of a run that recorded its command line, less what is no part of one: its commands.
fn spec_of(arguments: &[String]) -> Option<RunSpec> {
    let line = std::iter::once("infercost").chain(arguments.iter().map(String::as_str));
    match Cli::try_parse_from(line).ok()?.command {
        Command::Compare(command) => Some(command.record.spec()),
        Command::Record(command) => Some(command.record.spec()),
        _ => None,
    }
}
