//! A run's folder as it lies on disk, read without the library that wrote it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The one run below the folder's traces.
pub(crate) fn only_run(folder: &Path) -> PathBuf {
    let runs = fs::read_dir(folder.join("traces")).unwrap().map(|entry| entry.unwrap().path());
    let mut runs: Vec<PathBuf> = runs.filter(|path| path.join("run.json").is_file()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.pop().unwrap()
}

/// All spans of a run whose `infercost.record` is `record`, each with its attributes by name. A last line without its
/// end, which a kill can leave, is no span yet.
pub(crate) fn spans(run: &Path, record: &str) -> Vec<(Value, Map<String, Value>)> {
    let text = fs::read_to_string(run.join("spans.jsonl")).unwrap();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .flat_map(|line| line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone())
        .map(|span| {
            let list = span["attributes"].as_array().unwrap();
            let of = |one: &Value| (one["key"].as_str().unwrap().to_owned(), one["value"].clone());
            let attributes = list.iter().map(of).collect();
            (span, attributes)
        })
        .filter(|(_, attributes): &(_, Map<String, Value>)| {
            attributes["infercost.record"]["stringValue"] == record
        })
        .collect()
}
