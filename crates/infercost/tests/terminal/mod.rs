//! The program on a terminal: what it shows there, and what is typed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::infercost;

/// Runs a program on a pseudo-terminal, passes on what is typed, and ends with the program's exit code.
const ON_A_TERMINAL: &str =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// What `infercost` shows on a terminal where this is typed.
pub(crate) fn on_a_terminal(folder: &Path, arguments: &[&str], typed: &str) -> String {
    let inner = infercost(folder, arguments);
    let mut outer = Command::new("python3");
    outer.args(["-c", ON_A_TERMINAL]).arg(inner.get_program()).args(inner.get_args()).current_dir(folder);
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }

    outer.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = outer.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {shown}{}", String::from_utf8_lossy(&output.stderr));
    shown
}
