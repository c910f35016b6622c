//! `infercost record`: measures, and leaves a trace.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use infercost_core::RunSpec;
use infercost_run::config::SettingsOverrides;
use infercost_run::{RunRequest, exporting, recording};
use serde_json::json;

use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::judge::JudgeFlags;
use crate::flags::record::RecordFlags;
use crate::output;
use crate::remote;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost record full.gguf q8_0.gguf --prompts mine.jsonl
  infercost record model.gguf --serve \"llama-server -m {model} --port {port}\" \\
    --concurrency 1,4
  infercost record --resume
      resume the newest run that was interrupted
  infercost report
      the answer from the newest run")]
pub(crate) struct RecordCommand {
    #[command(flatten)]
    pub(crate) record: RecordFlags,
    #[command(flatten)]
    pub(crate) judge: JudgeFlags,
}

/// `earlier` reads the command line of a run that was recorded before there were specifications.
pub(crate) fn run(
    command: &RecordCommand,
    global: &GlobalFlags,
    earlier: &dyn Fn(&[String]) -> Option<RunSpec>,
) -> anyhow::Result<ExitCode> {
    let given = SettingsOverrides::read(&command.judge.policy(global))?;
    let request = command.record.request(global);
    let folder = record(&command.record, &request, &given, earlier)?;
    exporting::after_run(&folder, &request, &given);

    let folder = folder.display().to_string();
    if global.json {
        output::line(&serde_json::to_string_pretty(&json!({"schema": "infercost.record/1", "run": folder}))?);
    } else {
        output::line(&folder);
    }

    let is_pushed = remote::push_recorded(Path::new(&folder), global);
    Ok(exit::of_sending(is_pushed))
}

/// Measures a new run, or goes on with one, and returns its folder.
pub(crate) fn record(
    flags: &RecordFlags,
    request: &RunRequest,
    given: &SettingsOverrides,
    earlier: &dyn Fn(&[String]) -> Option<RunSpec>,
) -> anyhow::Result<PathBuf> {
    match flags.resume.as_deref() {
        None => recording::record(request.clone(), given),
        Some(name) => recording::resume(request, Some(name).filter(|name| !name.is_empty()), earlier),
    }
}
