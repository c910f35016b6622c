//! The README's example is what the code prints, from the recorded run that it names.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod workspace;

use std::fs;
use std::process::Command;

#[test]
fn the_first_example_is_the_report_of_the_sample_run() {
    let readme = fs::read_to_string(workspace::root().join("README.md")).unwrap();
    let name = workspace::sample_run().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(readme.contains(&format!("traces/sample/{name}")), "the README names another run");
    let shown = readme.split("```").nth(3).unwrap().trim();
    let output = Command::new(env!("CARGO_BIN_EXE_infercost"))
        .current_dir(workspace::root())
        .args(["report", &format!("traces/sample/{name}")])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = printed.lines().filter(|line| !line.starts_with("  trace: ")).collect();
    assert_eq!(shown, printed.join("\n").trim());
}
