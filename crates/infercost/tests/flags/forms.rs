//! The forms of an answer, at every command that has them.

use std::fs;
use std::path::Path;

use super::{bench, words};
use crate::program::infercost;

/// Commands that print a table, as they are run.
pub(crate) const FORMS: &[&str] = &[
    "compare --resume=SAMPLE --traces sampled",
    "report SAMPLE",
    "audit 20261101-000000",
    "host 20261101-000000 --requests-per-hour 1000",
    "optimize 20261101-000000",
    "replace 20261101-000000 20261102-000000 --new-price 1200",
    "schedule 20261101-000000 --inferences 5400 --deadline 2026-11-23T04:00Z --now 2026-11-23T00:00Z --curve curve.csv \
     --time-zone UTC",
    "runs",
    "runs show 20261101-000000",
    "diff 20261101-000000 20261102-000000",
    "models list",
    "models inspect weights/demo.gguf",
    "score weights/demo.gguf --text text.txt --context 32",
    "bench weights/demo.gguf -p 8 -n 4 -r 3",
    "doctor",
    "prices list --price-store stored",
    "prices fetch ecb --file rates.xml",
    #[cfg(feature = "fleet")]
    "fleet tables",
    #[cfg(feature = "fleet")]
    "sql QUERY tables",
];

/// What a command says on a terminal of so many columns.
fn shown(folder: &Path, command: &str, more: &[&str], columns: usize) -> String {
    let words = words(command);
    let all: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let output = infercost(folder, &all).env("COLUMNS", columns.to_string()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.is_empty(), "{all:?}: {}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The line that says what a flag would show more.
fn is_offered(said: &str, flag: &str) -> bool {
    said.lines().any(|line| line.starts_with(&format!("  {flag} ")))
}

/// Words above the columns of a table.
fn header(said: &str) -> usize {
    let line = said.lines().find(|line| line.starts_with(' ') && !line.starts_with("  "));
    line.map_or(0, |line| line.split_whitespace().count())
}

#[test]
fn every_command_has_every_form() {
    let folder = bench();
    if cfg!(feature = "fleet") {
        let tables = ["export", "20261101-000000", "--parquet", "tables"];
        assert!(infercost(folder.path(), &tables).output().unwrap().status.success());
    }

    for command in FORMS {
        let at = |more: &[&str], columns| shown(folder.path(), command, more, columns);
        let plain = at(&[], 120);
        assert!(plain.starts_with("→ "), "{command}: {plain}");

        // what is left out is offered, and shown where it is asked for
        assert!(is_offered(&plain, "--explain"), "{command}: {plain}");
        let explained = at(&["--explain"], 120);
        assert!(
            !is_offered(&explained, "--explain") && explained.len() > plain.len(),
            "{command}: {explained}"
        );
        // two or three columns stay whatever the width
        let (narrow, wide) = (at(&[], 24), at(&["--wide"], 24));
        let is_whole = header(&narrow) == header(&wide);
        assert!(is_offered(&narrow, "--wide") || is_whole, "{command}: {narrow}");
        assert!(!is_offered(&wide, "--wide"), "{command}");

        let markdown = at(&["--format", "markdown"], 80);
        assert!(markdown.starts_with("**") && markdown.contains("| --- |"), "{command}: {markdown}");
        let table = at(&["--format", "csv"], 80);
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        assert!(rows.headers().unwrap().len() > 1 && rows.records().count() > 0, "{command}: {table}");

        at(&["--export", "of.md", "--export", "of.csv", "--export", "of.json"], 80);
        for (file, beginning) in [("of.md", "**"), ("of.csv", ""), ("of.json", "{")] {
            let text = fs::read_to_string(folder.path().join(file)).unwrap();
            assert!(text.starts_with(beginning) && text.len() > 10, "{command}, {file}: {text}");
            fs::remove_file(folder.path().join(file)).unwrap();
        }
    }
}
