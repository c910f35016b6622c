//! The commands of unit economics through the binary: on the recorded sample, on made-up runs with known joules, and
//! on what must be refused.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod audit;
mod diff;
mod failures;
mod history;
mod hosted_run;
mod hosting;
mod hours;
mod init;
mod layout;
mod machines;
mod made_up;
mod optimization;
mod pace;
mod prices;
#[path = "../program/mod.rs"]
mod program;
mod recorded;
mod replacement;
mod schedule;
mod settings;
#[path = "../terminal/mod.rs"]
mod terminal;
mod timers;
mod unpriced;
#[path = "../workspace/mod.rs"]
mod workspace;

use std::fs;
use std::path::Path;

use made_up::MadeUp;
use program::{json, run};
use serde_json::Value;
use tempfile::TempDir;

/// Prices whose costs are easy to compute.
const SETTINGS: &str = r#"
[prices]
currency = "EUR"
utilization = 0.5
electricity = { per_kwh = 0.36, source = "a bill", date = 2026-11-01 }
hardware = { kind = "owned", purchase = 8760, salvage_share = 0.0, life_years = 1, source = "an invoice", date = 2026-11-01 }
[revenue]
per_session = 0.04
inferences_per_session = 4
source = "a price list"
date = 2026-11-01
[[offers]]
kind = "rent"
name = "elsewhere"
per_hour = 0.5
currency = "USD"
source = "a quotation"
date = 2026-11-01
[[exchange]]
from = "EUR"
to = "USD"
rate = 1.25
source = "a bank"
date = 2026-11-20
"#;

/// A folder with settings and a run of 1 s and 100 J an inference, over an idle power of 20 W.
fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("infercost.toml"), SETTINGS).unwrap();
    MadeUp { id: "20261101-000000", seconds: 1.0, watts: Some(100.0), idle: Some(20.0), threads: 2 }
        .write(folder.path());
    folder
}

/// Four hours of prices, in one of which consumption is paid for.
const CURVE: &str = "start,end,price,currency,unit\n\
2026-11-23T00:00Z,2026-11-23T01:00Z,300,EUR,MWh\n2026-11-23T01:00Z,2026-11-23T02:00Z,100,EUR,MWh\n\
2026-11-23T02:00Z,2026-11-23T03:00Z,-50,EUR,MWh\n2026-11-23T03:00Z,2026-11-23T04:00Z,200,EUR,MWh\n";

fn sample() -> String {
    workspace::sample_run().display().to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn check(folder: &Path, arguments: &[&str], code: i32, wanted: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for words in wanted {
        assert!(said.contains(words), "{arguments:?}: {said} lacks {words:?}");
    }
    assert!(!said.contains('\u{1b}'), "{arguments:?}: {said:?}");
    said
}

fn close(found: &Value, wanted: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - wanted).abs() <= 1e-6 * wanted.abs())
}

#[test]
fn the_sample_run_answers_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample();
    let said = check(
        folder.path(),
        &["audit", &sample, "--explain", "--chart", "t.svg"],
        0,
        &["what moves it", "energy is left out of the cost", "Prices are an example machine's"],
    );

    assert!(said.contains("−1 year of life"));
    check(folder.path(), &["host", &sample, "--chart", "m.svg"], 0, &["offers are an example table's"]);
    check(
        folder.path(),
        &["optimize", &sample, "--explain"],
        0,
        &["q8_0", "measured", "confirm: infercost compare", "shared prefix"],
    );

    check(
        folder.path(),
        &["replace", &sample, &sample, "--new-variant", "q8_0", "--new-price", "900"],
        3,
        &["not settled: the energy"],
    );

    for chart in ["t.svg", "m.svg"] {
        let svg = fs::read_to_string(folder.path().join(chart)).unwrap();
        assert!(
            svg.starts_with("<svg ")
                && svg.ends_with("</svg>\n")
                && !svg.contains("NaN")
                && !svg.contains("=\"inf"),
            "{chart}"
        );
    }

    for command in ["audit", "host", "optimize"] {
        let answer = json(&run(folder.path(), &[command, &sample, "--json"]));
        assert_eq!(answer["schema"], format!("infercost.{command}/1"));
    }
}
