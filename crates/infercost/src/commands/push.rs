//! `infercost push`: recorded runs, taken to a store that a team shares.

use std::process::ExitCode;

use clap::Args;
use infercost_core::without_secrets;
use infercost_run::run_folder;
use serde_json::json;

use crate::exit;
use crate::flags::GlobalFlags;
use crate::output;
use crate::remote::{self, PushedRun};

/// Takes recorded runs to a store.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost push 20261129-101500 --to s3://team/infercost
  infercost push traces/*/ --to file:///mnt/shared/infercost
  infercost report --all --traces s3://team/infercost

Credentials and endpoints come from the variables that other tools of these stores read: AWS_ACCESS_KEY_ID, \
AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, AWS_ALLOW_HTTP; GOOGLE_SERVICE_ACCOUNT; \
AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY. What is there already is not sent again. Needs a build \
with `--features fleet`.")]
pub(crate) struct PushCommand {
    /// Run folders, or run ids below --traces
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<String>,

    /// The store: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
}

pub(crate) fn run(arguments: &PushCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let mut folders = Vec::with_capacity(arguments.runs.len());
    for name in &arguments.runs {
        folders.push(run_folder::named(&global.traces, name)?);
    }

    let pushed = remote::push(&folders, &arguments.to)?;
    if global.json {
        let to = without_secrets(&arguments.to);
        let answer = json!({"schema": "infercost.push/1", "to": to, "runs": pushed});
        output::line(&serde_json::to_string_pretty(&answer)?);
    }

    let mut all_there = true;
    for run in &pushed {
        match &run.error {
            Some(error) => {
                all_there = false;
                output::note(&format!("! {} was not pushed: {error}", run.folder));
            }
            None if global.json => {}
            None => output::line(&told(run, &arguments.to)),
        }
    }
    Ok(exit::of_sending(all_there))
}

/// What became of a run, in a line.
fn told(run: &PushedRun, to: &str) -> String {
    let (name, bytes) = (&run.run, run.bytes.unwrap_or_default());
    let cut_off = if run.finished == Some(false) {
        "; it was cut off; `infercost record --resume` resumes it"
    } else {
        ""
    };
    match run.outcome {
        Some("present") => format!("{name} is in {to} already{cut_off}"),
        Some("ahead") => format!("{to} holds more of {name} than this disk; nothing was changed"),
        Some("continued") => format!("pushed what {name} has become to {to} ({bytes} bytes){cut_off}"),
        _ => format!("pushed {name} to {to} ({bytes} bytes){cut_off}"),
    }
}
