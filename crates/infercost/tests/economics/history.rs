//! The history of runs: how far each came, and that none is deleted but by its id and with a yes.

use std::fs;

use super::{bench, check};
use crate::made_up::MadeUp;
use crate::program::{json, run};

const OLDEST: &str = "20261101-000000";
const MIDDLE: &str = "20261102-000000";
const NEWEST: &str = "20261103-000000";

#[test]
fn runs_are_deleted_by_their_ids_and_with_a_yes() {
    let folder = bench();
    for id in [MIDDLE, NEWEST] {
        MadeUp { id, seconds: 1.0, watts: None, idle: None, threads: 2 }.write(folder.path());
    }
    let there = || {
        let entries = fs::read_dir(folder.path().join("traces")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };

    for refused in [
        &["runs", "delete", OLDEST][..],
        &["runs", "prune", "--keep", "1"],
        &["runs", "delete", "../traces", "--yes"],
        &["runs", "delete", "nothing", "--yes"],
    ] {
        check(folder.path(), refused, 2, &[]);
        assert_eq!(there(), [OLDEST, MIDDLE, NEWEST], "{refused:?}");
    }

    check(folder.path(), &["runs", "delete", MIDDLE, "--yes"], 0, &[]);
    assert_eq!(there(), [OLDEST, NEWEST]);
    check(folder.path(), &["runs", "prune", "--keep", "1", "--yes"], 0, &[]);
    assert_eq!(there(), [NEWEST]);
}

#[test]
fn a_run_that_was_cut_off_is_called_so() {
    let folder = bench();
    let state = || json(&run(folder.path(), &["runs", "show", OLDEST, "--json"]))["state"].clone();
    assert_eq!(state(), "finished");

    let spans = folder.path().join("traces").join(OLDEST).join("spans.jsonl");
    let whole = fs::read(&spans).unwrap();
    fs::write(&spans, &whole[..whole.len() - 200]).unwrap();
    assert_eq!(state(), "cut_off");
    check(folder.path(), &["runs", "show", OLDEST], 0, &["`infercost compare --resume` resumes it"]);

    // between two windows, so that no window tells of it
    let report = json(&run(folder.path(), &["report", "--json"]));
    let findings = report["findings"].as_array().unwrap();
    let cut = findings.iter().find(|finding| finding["code"] == "interrupted").unwrap();
    assert_eq!((&cut["severity"], &cut["facts"]["windows"]), (&"warning".into(), &0.into()), "{cut:#}");
    let shown = String::from_utf8(run(folder.path(), &["report"]).stdout).unwrap();
    let resume = format!("infercost compare --resume=traces/{OLDEST}");
    assert!(shown.contains("! the run was cut off") && shown.contains(&resume), "{shown}");
}

/// The made-up runs began on 1 November 2026.
#[test]
fn runs_are_pruned_by_their_age() {
    let folder = bench();
    let days = |count: &str| ["runs", "prune", "--older-than", count, "--yes", "--json"].map(str::to_owned);
    let deleted = |count: &str| {
        let words = days(count);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        json(&run(folder.path(), &words))["deleted"].as_array().unwrap().len()
    };
    assert_eq!((deleted("99999"), deleted("1"), deleted("1")), (0, 1, 0));
}

#[test]
fn twenty_runs_are_listed_and_all_where_it_is_asked() {
    let folder = bench();
    let traces = folder.path().join("traces");
    for index in 0..24 {
        let copy = traces.join(format!("20261102-0000{index:02}"));
        fs::create_dir(&copy).unwrap();
        for name in ["run.json", "spans.jsonl"] {
            fs::copy(traces.join(OLDEST).join(name), copy.join(name)).unwrap();
        }
    }
    let listed = |more: &[&str]| {
        let runs = json(&run(folder.path(), &[&["runs", "--json"], more].concat()));
        runs["runs"].as_array().unwrap().len()
    };
    assert_eq!((listed(&[]), listed(&["--all"])), (20, 25));

    // none at all, and none of those that are asked for
    let here = folder.path();
    check(here, &["runs", "--traces", "none"], 0, &["no run below none; `infercost compare` makes one"]);
    check(here, &["runs", "--model", "none"], 0, &["no such run below traces\n"]);
    check(here, &["runs", "--since", "yesterday"], 2, &["'yesterday' for '--since <DATE>': not a date"]);
}
