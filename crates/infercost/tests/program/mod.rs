//! The built program, run in a folder that stands for the user's home and holds nothing of theirs.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// `infercost` with these arguments. Sensors are those below the folder's `sys`: none, where a test puts none there.
pub(crate) fn infercost(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infercost"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("INFERCOST_CACHE", folder.join("cache"))
        .env("HOME", folder)
        .env("INFERCOST_SYSFS_ROOT", folder.join("sys"))
        .env("INFERCOST_NVML_LIBRARY", folder.join("no-such-library.so"))
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .env("RAYON_NUM_THREADS", "2")
        // beside other tests windows are disturbed; tests count what was planned
        .env("INFERCOST_MAX_REMEASURE", "0")
        .env_remove("INFERCOST_PRICES")
        .env_remove("RUNPOD_API_KEY")
        .env_remove("CUDA_VISIBLE_DEVICES")
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    infercost(folder, arguments).output().unwrap()
}

/// What it printed, which is one JSON value.
#[track_caller]
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}
