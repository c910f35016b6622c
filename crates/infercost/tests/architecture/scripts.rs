//! Scripts can be run as they are called: whoever names its interpreter is executable, and what the checks call is there.

use std::fs;
use std::io::Write;
use std::process::Command;

use super::{none, read, workspace};

/// The mode of an executable file in git's index.
const EXECUTABLE: &str = "100755";
/// What the checks call by its path ends in one of these.
const SCRIPTS: [&str; 3] = [".sh", ".py", ".mjs"];

/// A file as git's index has it.
struct Tracked {
    mode: String,
    path: String,
}

/// Every tracked file; `None` where this is no checkout, as in an unpacked archive.
fn tracked() -> Option<Vec<Tracked>> {
    let output = Command::new("git").args(["ls-files", "-s", "-z"]).current_dir(workspace()).output().ok()?;
    if !output.status.success() {
        return None;
    }

    let mut files = Vec::new();
    for entry in String::from_utf8_lossy(&output.stdout).split_terminator('\0') {
        let (facts, path) = entry.split_once('\t')?;
        let mode = facts.split(' ').next()?;
        files.push(Tracked { mode: mode.to_owned(), path: path.to_owned() });
    }
    Some(files)
}

/// Files that name their interpreter in the first line and cannot be run. `first` gives the bytes that a file begins with.
fn not_executable(files: &[Tracked], first: &dyn Fn(&str) -> Vec<u8>) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| file.mode != EXECUTABLE) {
        // `#![…]` is an attribute of Rust.
        let start = first(&file.path);
        let names_interpreter = start.starts_with(b"#!") && !start.starts_with(b"#![");

        if names_interpreter {
            breaches.push(format!("{}: run `git update-index --chmod=+x {}`", file.path, file.path));
        }
    }
    breaches
}

/// Scripts that a text calls by their paths.
fn called(text: &str) -> Vec<&str> {
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let words = text.split(|c: char| !is_of_path(c));
    words.filter(|word| word.contains('/') && SCRIPTS.iter().any(|ending| word.ends_with(ending))).collect()
}

/// Scripts that a text calls and that git does not track.
fn not_tracked(text: &str, files: &[Tracked]) -> Vec<String> {
    let missing = called(text).into_iter().filter(|path| !files.iter().any(|file| file.path == *path));
    missing.map(|path| format!(".ci/run calls {path}, which is not tracked")).collect()
}

#[test]
fn scripts_can_be_run() {
    let Some(files) = tracked() else {
        // Past the capture of libtest, so that it is counted.
        let _ = writeln!(std::io::stderr(), "SKIPPED: modes of scripts: this is no checkout of git");
        return;
    };
    let first = |path: &str| fs::read(workspace().join(path)).unwrap_or_default();
    none(&not_executable(&files, &first));

    let checks = read(".ci/run");
    assert!(called(&checks).len() > 3, "the checks call {:?}", called(&checks));
    none(&not_tracked(&checks, &files));
}

#[test]
fn planted() {
    let file = |mode: &str, path: &str| Tracked { mode: mode.into(), path: path.into() };
    let files = [file("100644", "a/run.sh"), file("100755", "a/go.py"), file("100644", "a/lib.rs")];
    let first = |path: &str| match path {
        "a/lib.rs" => b"#![expect(x)]".to_vec(),
        _ => b"#!/usr/bin/env bash".to_vec(),
    };
    assert_eq!(not_executable(&files, &first), ["a/run.sh: run `git update-index --chmod=+x a/run.sh`"]);

    let text = "step one a/run.sh dev && python3 \"$here\"/b.py 'a/gone.py'; cargo test --lib";
    assert_eq!(called(text), ["a/run.sh", "/b.py", "a/gone.py"]);
    assert_eq!(not_tracked("a/run.sh && a/gone.py", &files).len(), 1);
}
