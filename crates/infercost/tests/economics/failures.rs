//! Runs whose requests fail: what failed is billed to what was answered, and what answered nothing has no price.

use std::fs;

use super::{SETTINGS, check, close};
use crate::made_up::MadeUp;
use crate::program::{json, run};

const ONE: MadeUp =
    MadeUp { id: "20261101-000000", seconds: 1.0, watts: Some(100.0), idle: Some(20.0), threads: 2 };
/// Energy, idle and hardware of a second, in EUR.
const SECOND: f64 = 1e-5 + 2e-6 + 1.0 / 1800.0;

fn folder(fails: fn(u32) -> bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("infercost.toml"), SETTINGS).unwrap();
    ONE.write_failing(folder.path(), fails);
    folder
}

/// A server that refuses every second request takes twice the time for an answer.
#[test]
fn an_audit_bills_failures_to_the_answers() {
    let folder = folder(|index| index % 2 == 1);
    let audit = json(&run(folder.path(), &["audit", "--json"]));
    assert!(close(&audit["per_inference"]["point"], 2.0 * SECOND), "{audit:#}");
    assert!(close(&audit["per_session"]["point"], 8.0 * SECOND), "{audit:#}");

    // at a revenue of which an answer costs 12 % if failures were free, it is in the zone of loss
    let revenue = format!("{}", SECOND / 0.12);
    check(folder.path(), &["audit", "--revenue", &revenue], 4, &["at or above the limit of 15 %"]);

    // the report says the same
    let report = json(&run(folder.path(), &["report", "--json"]));
    let cost = &report["candidates"][0]["cost"]["per_inference"]["point"];
    assert!(close(cost, 2.0 * SECOND), "{cost}");
}

/// A server that refuses everything at once costs nothing a request, and has no cost an answer: no zone, no margin.
#[test]
fn an_audit_of_a_server_that_answers_nothing_has_no_cost() {
    let folder = folder(|_| true);
    let output = run(folder.path(), &["audit", "--json"]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("answer"), "{said}");

    for text in [vec!["audit"], vec!["audit", "--revenue", "1"]] {
        let output = run(folder.path(), &text);
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(!said.contains("profit") && !said.contains("0.00 EUR"), "{said}");
    }
}

/// Four threads that fail fast are no advice, and those that fail on a few prompts save what is left after these are
/// billed.
#[test]
fn what_fails_fast_is_no_advice() {
    let four =
        MadeUp { id: "20261103-000000", seconds: 0.5, watts: Some(100.0), idle: Some(20.0), threads: 4 };
    let threads = |fails: fn(u32) -> bool| {
        let folder = folder(|_| false);
        four.write_failing(folder.path(), fails);
        let found = json(&run(folder.path(), &["optimize", ONE.id, "--json"]));
        let changes = found["changes"].as_array().unwrap().clone();
        changes.into_iter().find(|change| change["kind"] == "threads").unwrap()
    };

    let none = threads(|_| true);
    assert!(none["saving"].is_null() && none["basis"] == "unknown", "{none:#}");

    // half of the time for all, and a quarter of all is not answered
    let some = threads(|index| index % 4 == 1);
    let saving = some["saving"]["point"].as_f64();
    assert!(saving.is_none_or(|saving| saving <= 1.0 - 0.5 / 0.75 + 1e-6), "{some:#}");
}
