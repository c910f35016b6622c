//! Runs that were cut off, through the binary: they go on as if nothing had happened, start nothing that was not asked
//! for, and one damaged run is no reason to leave the others alone.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod program;
mod run_on_disk;
mod tiny;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::{Reply, StandIn};
use program::{json, run};
use run_on_disk::{only_run, spans};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with two models and a set of thirty prompts.
fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    tiny::write_model(&folder.path().join("other.gguf"), 1, GgmlDType::Q8_0).unwrap();
    let prompts: String = (0..30)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"Count {index}.\",\"grader\":\"contains\",\"answer\":\"1\",\"max_tokens\":3}}\n"))
        .collect();
    fs::write(folder.path().join("many.jsonl"), prompts).unwrap();
    folder
}

const ARGUMENTS: [&str; 9] = [
    "compare",
    "some.gguf",
    "other.gguf",
    "--prompts",
    "many.jsonl",
    "--max-kld",
    "0",
    "--warm-ups=0",
    "--max-remeasure=0",
];

/// How often each inference and each evaluation stands in a run.
fn records(run: &Path) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for record in ["inference", "evaluation"] {
        for (span, attributes) in spans(run, record) {
            let keys = ["infercost.variant", "infercost.prompt", "infercost.repetition"];
            let of = keys.map(|key| attributes.get(key).map_or_else(String::new, Value::to_string));
            *counts.entry(format!("{record} {} {}", span["name"], of.join(" "))).or_default() += 1;
        }
    }
    counts
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Copies a run into a folder of runs of its own, with as many lines as are told.
fn cut(whole: &Path, lines: usize, traces: &Path) -> PathBuf {
    let folder = traces.join(whole.file_name().unwrap());
    fs::create_dir_all(&folder).unwrap();
    fs::copy(whole.join("run.json"), folder.join("run.json")).unwrap();
    let text = fs::read_to_string(whole.join("spans.jsonl")).unwrap();
    let kept: String = text.split_inclusive('\n').take(lines).collect();
    fs::write(folder.join("spans.jsonl"), kept).unwrap();
    folder
}

/// Changes what stands in a run's header.
fn edit(run: &Path, change: impl FnOnce(&mut Value)) {
    let path = run.join("run.json");
    let mut header: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut header);
    fs::write(path, header.to_string()).unwrap();
}

/// Wherever a run is cut off, it becomes the run that it would have been: the candidate that stops early stops there.
#[test]
fn a_run_that_is_cut_off_anywhere_becomes_the_run_it_would_have_been() {
    let folder = bench();
    let whole_output = run(folder.path(), &ARGUMENTS);
    let whole = only_run(folder.path());
    let wanted = records(&whole);
    assert!(said(&whole_output).contains("after 20 prompts"), "{}", said(&whole_output));
    let lines = fs::read_to_string(whole.join("spans.jsonl")).unwrap().lines().count();

    // every cut from the block before the look on, and some before
    for count in (0..lines).filter(|count| *count > lines * 3 / 5 || count % 9 == 0) {
        let traces = folder.path().join(format!("cut-{count}"));
        let resumed = cut(&whole, count, &traces);
        let output = run(folder.path(), &["record", "--resume", "--traces", traces.to_str().unwrap()]);
        assert!(output.status.success(), "cut after {count} lines: {}", said(&output));
        assert_eq!(records(&resumed), wanted, "cut after {count} of {lines} lines: {}", said(&output));

        for line in said(&output).lines().filter(|line| line.ends_with(" measured")) {
            let mut numbers = line.split(' ').filter_map(|word| word.parse::<u32>().ok());
            let (done, total) = (numbers.next().unwrap(), numbers.next().unwrap());
            assert!(done <= total, "cut after {count} lines: {line}");
        }
        fs::remove_dir_all(traces).unwrap();
    }
}

#[test]
fn a_run_goes_on_from_another_folder_and_by_its_old_command_line() {
    let folder = bench();
    run(folder.path(), &ARGUMENTS);
    let whole = only_run(folder.path());
    let wanted = records(&whole);
    let elsewhere = tempfile::tempdir().unwrap();

    let traces = folder.path().join("moved");
    let moved = cut(&whole, 12, &traces);
    let output = run(elsewhere.path(), &["record", "--resume", "--traces", traces.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(records(&moved), wanted);

    // a run of the version before there were specifications: paths are those of the folder that it began in
    let traces = folder.path().join("old");
    let old = cut(&whole, 12, &traces);
    edit(&old, |header| {
        header.as_object_mut().unwrap().remove("spec");
        header["arguments"] = json!(ARGUMENTS);
    });
    let output = run(folder.path(), &["record", "--resume", "--traces", "old"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(records(&old), wanted);
}

/// A run that was killed between its last record and its report has nothing left to measure, and its report is given.
#[test]
fn a_complete_run_is_reported_by_resume() {
    let folder = bench();
    run(folder.path(), &["record", "some.gguf", "--prompts", "many.jsonl", "--warm-ups=0"]);
    let resumed = run(folder.path(), &["compare", "--resume", "--json"]);
    let report = run(folder.path(), &["report", "--json"]);
    assert_eq!(json(&resumed), json(&report));
}

/// A header from somewhere else names a command: nothing is started, in neither form that a header can have.
#[test]
fn data_starts_no_program() {
    let folder = bench();
    run(folder.path(), &ARGUMENTS);
    let whole = only_run(folder.path());
    let proof = folder.path().join("proof");
    let command = format!("/bin/sh -c 'touch {}' {{model}} {{port}}", proof.display());

    for (name, change) in [
        ("spec", json!({"spec": {"models": ["some.gguf"], "servers": {"started": true}}})),
        ("old", json!({"spec": null, "arguments": ["compare", "some.gguf", "--serve", command]})),
        ("smuggled", json!({"spec": {"servers": {"started": true, "command": command}, "serve": command}})),
    ] {
        let traces = folder.path().join(name);
        let run_folder = cut(&whole, 12, &traces);
        edit(&run_folder, |header| {
            for (key, value) in change.as_object().unwrap() {
                header[key] = value.clone();
            }
        });
        let output = run(folder.path(), &["compare", "--resume", "--traces", name]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", said(&output));
        assert!(said(&output).contains("--serve"), "{name}: {}", said(&output));
        assert!(!proof.exists(), "{name}: a file started a program");
    }
}

#[test]
fn one_damaged_run_is_left_aside() {
    let folder = bench();
    let arguments = [
        "record",
        "some.gguf",
        "--prompts",
        "many.jsonl",
        "--max-prompts",
        "6",
        "--window-prompts=2",
        "--warm-ups=0",
    ];
    run(folder.path(), &arguments);
    let good = only_run(folder.path());
    let traces = folder.path().join("traces");
    for (name, text) in [("20990101-000000", "{"), ("30000101-000000", "{\"started_at\":7}")] {
        fs::create_dir(traces.join(name)).unwrap();
        fs::write(traces.join(name).join("run.json"), text).unwrap();
    }
    // a clock that was wrong once
    let future = traces.join("29990101-000000");
    fs::create_dir(&future).unwrap();
    for file in ["run.json", "spans.jsonl"] {
        fs::copy(good.join(file), future.join(file)).unwrap();
    }
    edit(&future, |header| {
        header["id"] = json!("29990101-000000");
        header["started_at"] = json!("2999-01-01T00:00:00Z");
    });

    // the report names the folders that it was computed from
    let name = good.file_name().unwrap().to_str().unwrap();
    for arguments in [vec!["report"], vec!["report", name], vec!["compare", "--resume"]] {
        let output = run(folder.path(), &arguments);
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(report.contains(&format!("traces/{name}")), "{arguments:?}: {report}{}", said(&output));
        assert!(!report.contains("29990101"), "{arguments:?}: {report}");
    }
    // the answers of a tiny model may say too little to optimize: then it is this run that it says so of
    let output = run(folder.path(), &["optimize", name]);
    let told = said(&output);
    assert!(
        matches!(output.status.code(), Some(0 | 3)) || told.contains(&format!("in run {name};")),
        "{told}"
    );
}

#[test]
fn a_run_is_readable_by_its_owner_alone() {
    let folder = bench();
    let arguments = ["record", "some.gguf", "--prompts", "many.jsonl", "--max-prompts", "3", "--warm-ups=0"];
    run(folder.path(), &arguments);
    let run_folder = only_run(folder.path());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&run_folder), 0o700);
    for file in fs::read_dir(&run_folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// A run that came from elsewhere names a server, or a plug: it is asked, with the keys of this environment, only where
/// the user says so.
#[test]
fn a_run_from_elsewhere_asks_nobody_unless_it_is_trusted() {
    let folder = bench();
    run(folder.path(), &["record", "some.gguf", "--prompts", "many.jsonl", "--warm-ups=0"]);
    let whole = only_run(folder.path());
    let server = StandIn::always(Reply::error(503, &[], "{}")).unwrap();
    let (asked, plug) = (format!("{}#m", server.base()), format!("shelly:{}", server.base()));

    for (at, value) in [("/spec/models/0", &asked), ("/spec/meter/instrument", &plug)] {
        let traces = folder.path().join("received");
        let received = cut(&whole, 12, &traces);
        edit(&received, |header| *header.pointer_mut(at).unwrap() = json!(value));
        let resume = ["record", "--resume", "--traces", "received"];

        let before = server.requests();
        let refused = run(folder.path(), &resume);
        let error = said(&refused);
        assert_eq!(refused.status.code(), Some(2), "{error}");
        assert!(error.contains("was not begun here") && error.contains("--trust"), "{error}");
        assert_eq!(server.requests(), before, "{at}: asked without leave");

        run(folder.path(), &[&resume[..], &["--trust"]].concat());
        assert!(server.requests() > before, "{at}: trusted, and not asked");
        fs::remove_dir_all(traces).unwrap();
    }
}
