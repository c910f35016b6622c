//! Runs in a store that a team shares, through the program: recorded, pushed, listed, reported on, and nothing lost where the
//! store fails. The store is a scripted server; `walk_through.rs` has a real one.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[expect(dead_code, reason = "not every kind of made-up run is needed here")]
#[path = "economics/made_up.rs"]
mod made_up;
mod program;
#[expect(dead_code, reason = "not every fault is scripted here")]
#[path = "../../store/tests/s3_mock/mod.rs"]
mod s3_mock;
mod schema;
#[expect(dead_code, reason = "the recorded run is not needed here")]
mod workspace;

use std::fs;
use std::path::Path;
use std::process::Output;

use infercost_core::MachineFacts;
use made_up::MadeUp;
use program::{infercost, json, run};
use s3_mock::{Fault, S3Mock};
use serde_json::Value;

const STORE: &str = "s3://bucket/team";
const IDS: [&str; 3] = ["20261101-000000", "20261102-000000", "20261103-000000"];

/// The program with the variables of the server.
fn asked(mock: &S3Mock, folder: &Path, arguments: &[&str]) -> Output {
    infercost(folder, arguments).envs(mock.variables()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A folder with runs of three machines.
fn three_machines() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (id, label, seconds) in [(IDS[0], "a100", 0.25), (IDS[1], "4090", 0.5), (IDS[2], "cpu", 1.0)] {
        let machine = MachineFacts {
            id: Some(format!("{label:0>16}")),
            label: Some(label.to_owned()),
            cpu: Some("Some CPU".to_owned()),
            ..MachineFacts::default()
        };
        MadeUp { id, seconds, watts: Some(100.0), idle: Some(20.0), threads: 2 }
            .write_on(folder.path(), machine);
    }
    folder
}

#[test]
fn runs_of_three_machines_are_pushed_and_reported_on_together() {
    let (mock, folder) = (S3Mock::start(), three_machines());
    let pushed = asked(&mock, folder.path(), &["push", IDS[0], IDS[1], IDS[2], "--to", STORE, "--json"]);
    assert!(pushed.status.success(), "{}", said(&pushed));
    let first = json(&pushed);
    let outcomes = |answer: &Value| {
        let runs = answer["runs"].as_array().unwrap().clone();
        runs.into_iter().map(|run| run["outcome"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&first), ["new", "new", "new"]);

    // again, beside a folder that is no run any more
    fs::remove_file(folder.path().join("traces").join(IDS[2]).join("spans.jsonl")).unwrap();
    let pushed = asked(&mock, folder.path(), &["push", IDS[0], IDS[2], "--to", STORE, "--json"]);
    assert_eq!(pushed.status.code(), Some(1));
    let second = json(&pushed);
    assert_eq!(outcomes(&second), [Value::from("present"), Value::Null]);
    schema::hold("push.v1", "push RUN --to URL --json", &[first, second]);

    // a report from the store is that from the disk, to the last digit
    let here = three_machines();
    let local = run(here.path(), &["report", IDS[0], IDS[1], IDS[2], "--json"]);
    let elsewhere = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["report", "--all", "--traces", STORE, "--json"],
        vec!["report", IDS[0], IDS[1], IDS[2], "--traces", STORE, "--json"],
    ] {
        let remote = asked(&mock, elsewhere.path(), &arguments);
        assert_eq!(json(&remote), json(&local), "{arguments:?}");
        assert_eq!(remote.status.code(), local.status.code());
    }
    assert_eq!(json(&local)["candidates"].as_array().unwrap().len(), 3);

    for (arguments, part) in [
        (vec!["runs", "--traces", STORE], "3 runs"),
        (vec!["runs", "--traces", STORE, "--machine", "4090"], "1 run"),
        (vec!["runs", "show", IDS[1], "--traces", STORE], "4090"),
        (vec!["report", "latest", "--traces", STORE], "→ full: 10.0 tokens/s"),
        (vec!["audit", IDS[0], "--traces", STORE], IDS[0]),
        (vec!["diff", IDS[0], IDS[1], "--traces", STORE], "4090"),
    ] {
        let output = asked(&mock, elsewhere.path(), &arguments);
        assert!(said(&output).contains(part), "{arguments:?}: {}", said(&output));
    }
    assert!(!elsewhere.path().join("traces").exists(), "nothing but the cache is written");
}

#[test]
fn a_recorded_run_is_pushed_when_it_is_done() {
    let (mock, folder) = (S3Mock::start(), tempfile::tempdir().unwrap());
    assert!(run(folder.path(), &["models", "demo"]).status.success());
    let record = [
        "record",
        "demo.gguf",
        "--max-prompts",
        "2",
        "--warm-ups",
        "0",
        "--label",
        "here",
        "--traces",
        STORE,
    ];
    let recorded = asked(&mock, folder.path(), &record);
    assert!(recorded.status.success(), "{}", said(&recorded));

    // in a fleet two machines begin in one second: the id says more than that
    let place = String::from_utf8(recorded.stdout.clone()).unwrap().trim().to_owned();
    let id = place.rsplit('/').next().unwrap();
    assert_eq!((id.len(), id.matches('-').count()), ("20261129-101500-3f2a91".len(), 2), "{id}");
    assert!(folder.path().join(&place).join("spans.jsonl").is_file(), "it stays on this disk");

    let elsewhere = tempfile::tempdir().unwrap();
    let listed = json(&asked(&mock, elsewhere.path(), &["runs", "--traces", STORE, "--json"]));
    assert!(listed.to_string().contains(id), "{listed}");
    let exported = asked(&mock, elsewhere.path(), &["export", id, "--traces", STORE]);
    assert!(said(&exported).contains("no destination is named"), "{}", said(&exported));

    // no secret of the store in what is said, written or sent
    let everything =
        [said(&recorded), fs::read_to_string(folder.path().join(&place).join("run.json")).unwrap()];
    assert!(everything.iter().all(|text| !text.contains("mock-secret")));
    let stored = mock.names().into_iter().map(|name| mock.object(&name).1);
    for bytes in stored {
        assert!(!String::from_utf8_lossy(&bytes).contains("mock-secret"));
    }
}

#[test]
fn a_run_that_cannot_be_pushed_is_complete_on_disk_and_pushed_later() {
    let (mock, folder) = (S3Mock::start(), tempfile::tempdir().unwrap());
    assert!(run(folder.path(), &["models", "demo"]).status.success());
    mock.script("PUT", "/runs/", Fault::Status(403), usize::MAX);
    let record = ["record", "demo.gguf", "--max-prompts", "2", "--warm-ups", "0", "--traces", STORE];
    let recorded = asked(&mock, folder.path(), &record);
    assert_eq!(recorded.status.code(), Some(1), "{}", said(&recorded));

    let said = said(&recorded);
    let command = said.lines().find_map(|line| line.split_once("to push the run: infercost ")).unwrap().1;
    assert!(command.starts_with("push traces/") && command.ends_with("--to s3://bucket/team"), "{command}");
    let id = command.split(['/', ' ']).nth(2).unwrap();
    let report = run(folder.path(), &["report", id]);
    assert!(report.status.code().is_some_and(|code| [0, 3, 4].contains(&code)), "it is whole here");

    mock.unscript();
    let words: Vec<&str> = command.split(' ').collect();
    assert!(asked(&mock, folder.path(), &words).status.success());
    let elsewhere = tempfile::tempdir().unwrap();
    let report = asked(&mock, elsewhere.path(), &["report", id, "--traces", STORE]);
    assert!(report.status.code().is_some_and(|code| [0, 3, 4].contains(&code)));
}

#[test]
fn what_cannot_be_stored_is_refused_before_anything_is_measured() {
    let (mock, folder) = (S3Mock::start(), tempfile::tempdir().unwrap());
    let record = |store: &str| {
        let output = asked(&mock, folder.path(), &["record", "no-such.gguf", "--traces", store]);
        assert!(!folder.path().join("traces").exists(), "{}", said(&output));
        (output.status.code(), said(&output))
    };
    for (store, part) in [
        ("s3://user:hunter2@bucket/x", "no credentials"),
        ("s3://bucket/x?token=hunter2", "no query"),
        ("http://bucket/x", "no store is reached so"),
    ] {
        let (code, said) = record(store);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(part) && !said.contains("hunter2"), "{said}");
    }

    mock.script("PUT", "/", Fault::Status(403), usize::MAX);
    let (code, said) = record(STORE);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot write") && said.contains("403"), "{said}");
    assert!(!said.contains("no-such.gguf"), "the store comes first: {said}");
}

#[test]
fn commands_that_work_with_folders_say_so() {
    let (mock, folder) = (S3Mock::start(), tempfile::tempdir().unwrap());
    for arguments in [
        vec!["optimize", "--measure", "model.gguf"],
        vec!["runs", "prune", "--keep", "1"],
        vec!["bench", "model.gguf"],
    ] {
        let output = asked(&mock, folder.path(), &[&arguments[..], &["--traces", STORE]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains("works with a folder"), "{}", said(&output));
    }
    let output = asked(&mock, folder.path(), &["report", "no-such", "--traces", STORE]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("there is no complete run `no-such`"), "{}", said(&output));
    let output = asked(&mock, folder.path(), &["report", "--traces", STORE]);
    assert!(said(&output).contains("no run in s3://bucket/team"), "{}", said(&output));
}

/// What the economics say of a run in a store is what they say of it on a disk, other runs included.
#[test]
fn economics_of_runs_in_a_store_are_those_on_a_disk() {
    let (mock, folder) = (S3Mock::start(), three_machines());
    assert!(asked(&mock, folder.path(), &["push", IDS[0], IDS[1], IDS[2], "--to", STORE]).status.success());
    let settings = "[[offers]]\nname = \"box\"\nkind = \"rent\"\nper_hour = 0.5\ncurrency = \"USD\"\n\
                    source = \"a list\"\ndate = 2026-11-01\n";

    let measured_on = format!("box={}", IDS[0]);
    let job = [
        "--inferences",
        "100",
        "--deadline",
        "2026-11-02T00:00",
        "--now",
        "2026-11-01T00:00",
        "--curve",
        "curve.csv",
        "--json",
    ];
    for arguments in [
        vec!["optimize", "--json"],
        vec!["optimize", IDS[0], "--json"],
        vec!["optimize", IDS[0], IDS[2], "--json"],
        vec!["host", "--json"],
        vec!["host", IDS[1], "--measured-on", measured_on.as_str(), "--json"],
        [&["schedule", IDS[0]][..], &job].concat(),
        [&["schedule"][..], &job].concat(),
    ] {
        let elsewhere = tempfile::tempdir().unwrap();
        for place in [folder.path(), elsewhere.path()] {
            fs::write(place.join("infercost.toml"), settings).unwrap();
            fs::write(place.join("curve.csv"), CURVE).unwrap();
        }
        let local = run(folder.path(), &arguments);
        assert!(!local.stdout.is_empty(), "{arguments:?}: {}", said(&local));
        let stored = asked(&mock, elsewhere.path(), &[&arguments[..], &["--traces", STORE]].concat());
        assert_eq!(stored.status.code(), local.status.code(), "{arguments:?}: {}", said(&stored));
        assert_eq!(json(&stored), json(&local), "{arguments:?}");
        assert!(!elsewhere.path().join("traces").exists());
    }
}

/// Prices of two days, an hour each.
const CURVE: &str = "start,end,price,currency,unit
2026-11-01T00:00:00Z,2026-11-01T12:00:00Z,0.30,USD,kWh
2026-11-01T12:00:00Z,2026-11-02T00:00:00Z,0.10,USD,kWh
";

/// A report over all runs is not one over all but those that cannot be read, and a list that is cut short is no list.
#[test]
fn no_report_is_over_fewer_runs_than_there_are() {
    let (mock, folder) = (S3Mock::start(), three_machines());
    assert!(asked(&mock, folder.path(), &["push", IDS[0], IDS[1], IDS[2], "--to", STORE]).status.success());
    let elsewhere = tempfile::tempdir().unwrap();
    let report = ["report", "--all", "--traces", STORE, "--json"];

    mock.script("GET", "list", Fault::HalfList, usize::MAX);
    let output = asked(&mock, elsewhere.path(), &report);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && said(&output).contains("is not whole"), "{}", said(&output));
    mock.unscript();

    let (name, bytes) = mock.object(&format!("runs/{}/spans-", IDS[1]));
    mock.set(&name, &bytes[..bytes.len() - 1]);
    let output = asked(&mock, elsewhere.path(), &report);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && said(&output).contains("is damaged"), "{}", said(&output));
    mock.set(&name, &bytes);
    assert_eq!(json(&asked(&mock, elsewhere.path(), &report))["candidates"].as_array().unwrap().len(), 3);
}
