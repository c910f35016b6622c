//! Engines that others wrote, which read the same tables.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with the packages duckdb and polars; `None`, with a line that says why, where they cannot be had.
pub(crate) fn python_with_engines() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other-engines");
    let python = folder.join("bin/python");
    let has = || {
        let imported = Command::new(&python).args(["-c", "import duckdb, polars"]).output();
        imported.is_ok_and(|output| output.status.success())
    };
    if has() {
        return Some(python);
    }

    let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output();
    let installed = Command::new("timeout")
        .arg("280")
        .arg(&python)
        .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "duckdb", "polars"])
        .output();
    if made.is_ok_and(|output| output.status.success())
        && installed.is_ok_and(|output| output.status.success())
        && has()
    {
        return Some(python);
    }
    let mut out = std::io::stderr().lock();
    writeln!(out, "SKIPPED: DuckDB and Polars cannot be installed by pip").unwrap();
    None
}
