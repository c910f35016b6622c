//! `benches/faults/shim.c`, compiled once: a worse machine than this one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

static SHIM: OnceLock<PathBuf> = OnceLock::new();

/// Has a command run on a machine that `setting` makes worse.
pub(crate) fn worsen(command: &mut Command, setting: &str, value: &str) {
    command.env("LD_PRELOAD", SHIM.get_or_init(compile)).env(setting, value);
}

fn compile() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/faults/shim.c");
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([made.as_path(), source.as_path(), Path::new("-ldl")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    made
}
