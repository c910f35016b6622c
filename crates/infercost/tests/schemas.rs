//! Every `--json` has a schema in `docs/schemas`, and what the program prints keeps it.
//!
//! With `UPDATE_SCHEMAS=1` they are written anew from what the program prints; a change then shows as a difference of files,
//! and one that takes a field away or gives it another type calls for a new version.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "economics/hosted_run.rs"]
mod hosted_run;
#[path = "economics/made_up.rs"]
mod made_up;
mod program;
mod schema;
mod workspace;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use made_up::MadeUp;
use program::{json, run};
use schema::{check, document, hold};
use serde_json::{Value, json};

/// A schema's name, and commands whose output keeps it. `SAMPLE` is the recorded run, `HOSTED` one of hosted models.
const OUTPUTS: [(&str, &[&str]); 25] = [
    (
        "report.v1",
        &[
            "report SAMPLE --json",
            "report 20261101-000000 --json --slo ttft=1s",
            "report 20261101-000000 20261102-000000 --json",
            "report HOSTED --json",
        ],
    ),
    ("foreign-report.v1", &["report traces.jsonl --json"]),
    (
        "audit.v1",
        &["audit 20261101-000000 --json", "audit SAMPLE --revenue 0.01 --assume-watts 60,20 --json"],
    ),
    ("host.v1", &["host 20261101-000000 --json", "host SAMPLE --json"]),
    ("optimize.v1", &["optimize 20261101-000000 --json", "optimize SAMPLE --json"]),
    ("replace.v1", &["replace 20261101-000000 20261102-000000 --new-price 900 --json"]),
    (
        "schedule.v1",
        &["schedule 20261101-000000 --inferences 900 --deadline 2026-11-23T02:00Z --now 2026-11-23T00:00Z \
           --curve curve.csv --json"],
    ),
    ("diff.v1", &["diff 20261101-000000 20261102-000000 --max-cost-increase 5% --json"]),
    ("audits.v1", &["audit --inferences production.jsonl --json"]),
    ("runs.v2", &["runs --json"]),
    ("runs-show.v1", &["runs show 20261101-000000 --json"]),
    ("runs-delete.v1", &["runs delete 20261103-000000 --yes --json"]),
    ("models.v2", &["models list --json"]),
    ("model-file.v1", &["models inspect demo.gguf --json"]),
    (
        "bench.v1",
        &["bench demo.gguf -p 8 -n 4 -r 3 --json", "bench demo.gguf demo.gguf -p 8,16 -n 4 -r 3 --json"],
    ),
    (
        "tokenize.v1",
        &[
            "tokenize demo.gguf --text text.txt --pieces --json",
            "tokenize demo.gguf --jsonl two.jsonl --json",
        ],
    ),
    ("init.v1", &["init begun.toml --json"]),
    ("score.v1", &["score demo.gguf --text text.txt --context 32 --json"]),
    ("price-list.v1", &["prices list --json"]),
    ("doctor.v1", &["doctor --json"]),
    ("record.v1", &["record demo.gguf --max-prompts 2 --warm-ups 0 --json"]),
    ("models-demo.v1", &["models demo other.gguf --json"]),
    ("models-pull.v1", &["models pull demo.gguf --json"]),
    ("quantize.v1", &["quantize demo.gguf Q8_0 --output demo-q8_0.gguf --json"]),
    (
        "prices.v1",
        &[
            "prices fetch litellm --file tokens.json --json",
            "prices fetch ecb --file rates.xml --json",
            "prices fetch vast --file offers.json --json",
            "prices fetch csv --file curve.csv --json",
        ],
    ),
];

/// Schemas of what needs a sensor, a server, a collector or a feature, and the file whose tests hold outputs to them.
const HELD_ELSEWHERE: [(&str, &str); 12] = [
    ("monitor.v1", "monitor.rs"),
    ("farm.v1", "monitor.rs"),
    ("monitored.v1", "monitor.rs"),
    ("sprint.v1", "served/sprint.rs"),
    ("export.v1", "export.rs"),
    ("ingest.v1", "ingest.rs"),
    ("push.v1", "shared_runs.rs"),
    ("fleet.v1", "fleet.rs"),
    ("sql.v1", "fleet.rs"),
    ("tables-export.v1", "fleet.rs"),
    ("phoenix.v1", "backends.rs"),
    ("wall-factor.v1", "energy/plug.rs"),
];

fn bench() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    MadeUp { id: "20261101-000000", seconds: 1.0, watts: Some(100.0), idle: Some(20.0), threads: 2 }
        .write(folder.path());
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: Some(60.0), idle: Some(10.0), threads: 4 }
        .write(folder.path());
    MadeUp { id: "20261103-000000", seconds: 0.5, watts: None, idle: None, threads: 4 }.write(folder.path());
    hosted_run::write(folder.path(), "20261104-000000");
    let curve = "start,end,price,currency,unit\n2026-11-23T00:00Z,2026-11-23T02:00Z,300,EUR,MWh\n";
    fs::write(at("curve.csv"), curve).unwrap();
    let tokens = r#"{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "litellm_provider": "p", "mode": "chat"}}"#;
    fs::write(at("tokens.json"), tokens).unwrap();
    let rates = "<Cube time='2026-11-20'><Cube currency='USD' rate='1.25'/></Cube>";
    fs::write(at("rates.xml"), rates).unwrap();
    let offers = r#"{"offers":[{"id":1,"gpu_name":"RTX 4090","num_gpus":1,"dph_base":0.3,"dph_total":0.3,"min_bid":0.1}]}"#;
    fs::write(at("offers.json"), offers).unwrap();
    fs::write(at("text.txt"), "when then the thing in the inn. ".repeat(20)).unwrap();
    fs::write(at("two.jsonl"), "\"one\"\n\"two\"\n").unwrap();
    let inference = |model: &str| {
        let cost = r#""cost_stated":{"amount":"0.002","currency":"USD"}"#;
        format!("{{\"model\":\"{model}\",\"input_tokens\":10,\"output_tokens\":10,{cost}}}\n")
    };
    fs::write(at("production.jsonl"), inference("a") + &inference("b")).unwrap();
    let span = r#"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"chat","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]}"#;
    fs::write(
        at("traces.jsonl"),
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#),
    )
    .unwrap();
    assert!(run(folder.path(), &["models", "demo"]).status.success());
    folder
}

/// What the commands print.
fn printed(folder: &Path, commands: &[&str]) -> Vec<Value> {
    let sample = workspace::sample_run().display().to_string();
    let mut all = Vec::new();
    for command in commands {
        let words: Vec<&str> = command
            .split_whitespace()
            .map(|word| match word {
                "SAMPLE" => sample.as_str(),
                "HOSTED" => "20261104-000000",
                word => word,
            })
            .collect();
        all.push(json(&run(folder, &words)));
    }
    all
}

#[test]
fn every_json_keeps_its_schema() {
    let folder = bench();
    let mut known: BTreeSet<String> = HELD_ELSEWHERE.iter().map(|(name, _)| format!("{name}.json")).collect();
    for (name, commands) in OUTPUTS {
        known.insert(format!("{name}.json"));
        hold(name, commands[0], &printed(folder.path(), commands));
    }

    let there: BTreeSet<String> = fs::read_dir(workspace::root().join("docs/schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, known, "a schema that no output is held against");
}

/// What is held in another file is held there.
#[test]
fn schemas_that_are_held_elsewhere_are_held_there() {
    for (name, file) in HELD_ELSEWHERE {
        let path = workspace::root().join("crates/infercost/tests").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(
            text.contains(&format!("hold(\"{name}\"")) || text.contains(&format!("\"{name}\",")),
            "{name}: {file}"
        );
    }
}

/// A field that is missing, new, or of another type is noticed.
#[test]
fn breaches_are_found() {
    let good = json!({"schema": "infercost.x/1", "cost": 1.5, "rows": [{"name": "a", "n": null}, {"name": "b", "n": 2}]});
    let schema = document("x.v1", "x", std::slice::from_ref(&good));
    let breaches = |value: &Value| {
        let mut found = Vec::new();
        check(&schema, value, "x", &mut found);
        found.len()
    };
    assert_eq!(breaches(&good), 0);
    for (wrong, why) in [
        (json!({"schema": "infercost.x/2", "cost": 1.5, "rows": []}), "another version"),
        (json!({"schema": "infercost.x/1", "rows": []}), "a field is missing"),
        (json!({"schema": "infercost.x/1", "cost": "1.5", "rows": []}), "another type"),
        (json!({"schema": "infercost.x/1", "cost": 1.5, "rows": [], "more": 1}), "a field more"),
        (json!({"schema": "infercost.x/1", "cost": 1.5, "rows": [{"name": null, "n": 1}]}), "null"),
    ] {
        assert_eq!(breaches(&wrong), 1, "{why}");
    }
}
