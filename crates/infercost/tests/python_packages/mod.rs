//! Programs that others wrote in Python, installed once for all tests.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long installing may take; a machine without the package index fails much earlier.
const INSTALL_SECONDS: &str = "280";

/// The folder of programs of a virtual environment with these `packages`, as pip names them.
///
/// `None`, with a line that says why, where they cannot be had. Tests run at the same time, as do programs of tests: one of them
/// installs, and the others wait for it.
pub(crate) fn programs_with(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace(' ', "-"));
    let alone = File::create(folder.with_extension("lock")).unwrap();
    alone.lock().unwrap();

    // what an earlier installation ended with; one that was cut off, or was of other packages, is made again
    let (ready, wanted) = (folder.join("ready"), packages.join(" "));
    if fs::read_to_string(&ready).is_ok_and(|installed| installed == wanted) {
        return Some(folder.join("bin"));
    }

    match install(&folder, packages) {
        Ok(()) => {
            fs::write(&ready, wanted).unwrap();
            Some(folder.join("bin"))
        }
        Err(why) => {
            // past libtest's capture, where the checks count it
            let mut out = std::io::stderr().lock();
            writeln!(out, "SKIPPED: {name} cannot be installed by pip: {why}").unwrap();
            None
        }
    }
}

/// Makes the virtual environment anew; the error is the last line of what failed.
fn install(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(folder);
    said(&mut environment)?;

    let mut pip = Command::new("timeout");
    pip.arg(INSTALL_SECONDS).arg(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"])
        .args(packages);
    said(&mut pip)
}

fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(error.lines().last().map_or_else(|| output.status.to_string(), str::to_owned))
}
