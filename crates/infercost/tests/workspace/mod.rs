//! The workspace's own files: its documents, its scripts and its recorded run.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of the run that lies in `traces/sample`.
pub(crate) fn sample_run() -> PathBuf {
    let entries = fs::read_dir(root().join("traces/sample")).unwrap().map(|entry| entry.unwrap().path());
    let mut runs: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    assert_eq!(runs.len(), 1, "one sample run: {runs:?}");
    runs.pop().unwrap()
}
