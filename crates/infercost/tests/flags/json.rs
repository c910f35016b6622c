//! `--json` at every command: JSON, or a clear refusal.

use serde_json::Value;

use super::{bench, words};
use crate::forms::FORMS;
use crate::program::infercost;

/// A command that is run with `--json`.
#[derive(Clone, Copy)]
pub(crate) struct JsonOf {
    pub(crate) line: &'static str,
    /// Why there is no JSON of it; empty where there is.
    refusal: &'static str,
}

const fn json_of(line: &'static str) -> JsonOf {
    JsonOf { line, refusal: "" }
}

/// Commands that change something, in an order in which each finds what it needs; those of `FORMS` are tried with them.
pub(crate) const JSON: &[JsonOf] = &[
    json_of("record weights/demo.gguf --prompts one.txt --warm-ups 0 --traces recorded"),
    json_of("models pull weights/demo.gguf"),
    json_of("models demo weights/other.gguf"),
    json_of("quantize weights/demo.gguf Q8_0 --output weights/demo-q8_0.gguf"),
    json_of("tokenize weights/demo.gguf --text text.txt"),
    json_of("init begun.toml"),
    json_of("runs prune --keep 99 --yes"),
    json_of("runs delete 20261103-000000 --yes"),
    JsonOf { line: "man", refusal: "a manual page has no form in JSON" },
    JsonOf { line: "completions bash", refusal: "a completion script has no form in JSON" },
];

#[test]
fn json_is_printed_or_refused() {
    let folder = bench();
    if cfg!(feature = "fleet") {
        let tables = ["export", "20261101-000000", "--parquet", "tables"];
        assert!(infercost(folder.path(), &tables).output().unwrap().status.success());
    }

    let of_forms = FORMS.iter().map(|line| json_of(line));
    for one in of_forms.chain(JSON.iter().copied()) {
        let words = words(one.line);
        let all: Vec<&str> = words.iter().map(String::as_str).chain(["--json"]).collect();
        let output = infercost(folder.path(), &all).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if one.refusal.is_empty() {
            let value: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("{}: {error}: {said}", one.line));
            let schema = value["schema"].as_str().unwrap_or_default();
            assert!(schema.starts_with("infercost."), "{}: {value}", one.line);
        } else {
            assert_eq!(output.status.code(), Some(2), "{}: {said}", one.line);
            assert!(said.contains("--json") && said.contains(one.refusal), "{}: {said}", one.line);
            assert!(output.stdout.is_empty(), "{}", one.line);
        }
    }
}
