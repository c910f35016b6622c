//! What becomes of an answer that cannot be written: a full disk is an error at every command, a reader that has gone
//! away is none.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

#[expect(dead_code, reason = "only the builder of the command is used here")]
mod program;
mod workspace;

use program::infercost;
use workspace::sample_run;

/// Every command that answers without a model, and the two that clap answers by itself.
fn commands(run: &str) -> Vec<Vec<String>> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let with_run = [
        "report RUN",
        "report RUN --json",
        "audit RUN",
        "audit RUN --json",
        "host RUN",
        "host RUN --json",
        "optimize RUN --json",
        "report traces.jsonl",
    ];

    let without = [
        "models list",
        "models list --json",
        "prices list",
        "doctor",
        "doctor --json",
        "completions bash",
        "completions zsh",
        "completions fish",
        "man",
        "--help",
        "--version",
        "help",
        "report --help",
        "help compare",
    ];

    let named = with_run.iter().map(|text| words(text)).map(|mut line| {
        for word in line.iter_mut().filter(|word| *word == "RUN") {
            run.clone_into(word);
        }
        line
    });

    named.chain(without.iter().map(|text| words(text))).collect()
}

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let span = r#"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"chat","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]}"#;
    let line = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
    fs::write(home.path().join("traces.jsonl"), line).unwrap();
    home
}

fn command(home: &Path, arguments: &[String]) -> std::process::Command {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    infercost(home, &arguments)
}

#[test]
fn a_full_disk_is_an_error_at_every_command() {
    let home = home();
    for arguments in commands(&sample_run().display().to_string()) {
        let whole = command(home.path(), &arguments).output().unwrap();
        assert!(!whole.stdout.is_empty(), "{arguments:?} prints nothing: {whole:?}");

        let full: File = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(home.path(), &arguments).stdout(Stdio::from(full)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("cannot write to standard output"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_every_command_quietly() {
    let home = home();
    for arguments in commands(&sample_run().display().to_string()) {
        let whole = command(home.path(), &arguments).output().unwrap();
        let mut child =
            command(home.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // closed before anything is written: every write meets a pipe without a reader
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), whole.status.code(), "{arguments:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("pipe"), "{arguments:?}: {said}");
    }
}
