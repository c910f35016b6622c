//! A build without object stores says so before anything is measured.

use std::path::{Path, PathBuf};

use infercost_core::without_secrets;
use infercost_run::usage;

use super::runs_used::{PushedRun, RunsUsed, is_address};
use crate::flags::GlobalFlags;

/// The flags as they are, where `--traces` is a folder.
///
/// # Errors
/// A usage error where it is a URL.
pub(crate) fn at_hand(global: GlobalFlags, _used: &RunsUsed<'_>) -> anyhow::Result<GlobalFlags> {
    if is_address(&global.traces) { Err(refused(&global.traces)) } else { Ok(global) }
}

/// Pushes nothing.
///
/// # Errors
/// A usage error, always.
pub(crate) fn push(_folders: &[PathBuf], to: &str) -> anyhow::Result<Vec<PushedRun>> {
    Err(refused(Path::new(to)))
}

/// Nothing is pushed after a run: [`at_hand`] has refused it before.
pub(crate) fn push_recorded(_folder: &Path, _global: &GlobalFlags) -> bool {
    true
}

fn refused(address: &Path) -> anyhow::Error {
    usage(format!(
        "`{}`: this infercost was built without object stores; build it with `--features fleet`, or name a folder and \
         copy that",
        without_secrets(&address.display().to_string())
    ))
}
