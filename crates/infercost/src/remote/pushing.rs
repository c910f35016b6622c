//! A recorded run on its way to a store. One that cannot be pushed stays complete on this disk.

use std::path::{Path, PathBuf};

use infercost_run::{console, shell};
use infercost_store::{PushOutcome, Pushed};

use super::fetching::open;
use super::runs_used::PushedRun;
use crate::flags::GlobalFlags;
use crate::output;

/// Pushes runs to a store, each whatever became of those before it.
///
/// # Errors
/// A usage error where the address is none of a store.
pub(crate) fn push(folders: &[PathBuf], to: &str) -> anyhow::Result<Vec<PushedRun>> {
    let store = open(to)?;
    let mut pushed = Vec::with_capacity(folders.len());
    for folder in folders {
        let done = match store.push(folder) {
            Ok(done) => told(folder, &done),
            Err(error) => failed(folder, error.to_string()),
        };
        pushed.push(done);
    }
    Ok(pushed)
}

/// Pushes the run that was just recorded, where `--traces` was a URL; false where that failed. The command that pushes it
/// later is then shown.
pub(crate) fn push_recorded(folder: &Path, global: &GlobalFlags) -> bool {
    let Some(to) = &global.push_to else { return true };
    let pushed = open(to).and_then(|store| Ok(store.push(folder)?));

    match pushed {
        Ok(done) => {
            console::note(&format!("pushed {} to {to}", done.run));
            true
        }
        Err(error) => {
            output::error(&error);
            let folder = folder.display().to_string();
            let command = shell::line(["infercost", "push", &folder, "--to", to]);
            console::note(&format!("nothing is lost; to push the run: {command}"));
            false
        }
    }
}

fn told(folder: &Path, done: &Pushed) -> PushedRun {
    PushedRun {
        run: done.run.clone(),
        folder: folder.display().to_string(),
        outcome: Some(match done.outcome {
            PushOutcome::New => "new",
            PushOutcome::Continued => "continued",
            PushOutcome::Present => "present",
            PushOutcome::Ahead => "ahead",
        }),
        bytes: Some(done.bytes),
        sent: Some(done.sent),
        finished: Some(done.finished),
        error: None,
    }
}

fn failed(folder: &Path, why: String) -> PushedRun {
    let name = folder.file_name().unwrap_or_default();
    PushedRun {
        run: name.to_string_lossy().into_owned(),
        folder: folder.display().to_string(),
        outcome: None,
        bytes: None,
        sent: None,
        finished: None,
        error: Some(why),
    }
}
