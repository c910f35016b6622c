//! Every `--json` has a schema in `docs/schemas`, and what the program prints keeps it.
//!
//! The schemas use a handful of JSON Schema's keywords, so a check of those stands here and no validator is linked. With
//! `UPDATE_SCHEMAS=1` they are written anew from what the program prints; a change then shows as a difference of files, and
//! one that takes a field away or gives it another type calls for a new version.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "economics/made_up.rs"]
mod made_up;
mod program;
mod workspace;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use made_up::MadeUp;
use program::{json, run};
use serde_json::{Map, Value, json};

/// A schema's name, and commands whose output keeps it. `SAMPLE` is the recorded run.
const OUTPUTS: [(&str, &[&str]); 16] = [
    (
        "report.v1",
        &[
            "report SAMPLE --json",
            "report 20261101-000000 --json --slo ttft=1s",
            "report 20261101-000000 20261102-000000 --json",
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
    ("runs.v1", &["runs --json"]),
    ("run.v1", &["runs show 20261101-000000 --json"]),
    ("models.v1", &["models list --json"]),
    ("model-file.v1", &["models inspect demo.gguf --json"]),
    ("bench.v1", &["bench demo.gguf -p 8 -n 4 -r 3 --json"]),
    ("score.v1", &["score demo.gguf --text text.txt --context 32 --json"]),
    ("price-list.v1", &["prices list --json"]),
    ("doctor.v1", &["doctor --json"]),
];

/// Fields whose names are data: variants, kinds of failures, parts of a cost.
const MAPS: [&str; 9] = [
    "failure_kinds",
    "unknown",
    "left_out",
    "irregularities",
    "unsaid",
    "facts",
    "tensor_types",
    "counts",
    "shares",
];

/// What depends on the machine: any of it may be unknown on another.
const OF_THE_MACHINE: [&str; 3] = ["doctor.v1", "bench.v1", "score.v1"];

fn bench() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    MadeUp { id: "20261101-000000", seconds: 1.0, watts: Some(100.0), idle: Some(20.0), threads: 2 }
        .write(folder.path());
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: Some(60.0), idle: Some(10.0), threads: 4 }
        .write(folder.path());
    let curve = "start,end,price,currency,unit\n2026-11-23T00:00Z,2026-11-23T02:00Z,300,EUR,MWh\n";
    fs::write(at("curve.csv"), curve).unwrap();
    fs::write(at("text.txt"), "when then the thing in the inn. ".repeat(20)).unwrap();
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
            .map(|word| if word == "SAMPLE" { sample.as_str() } else { word })
            .collect();
        all.push(json(&run(folder, &words)));
    }
    all
}

#[test]
fn every_json_keeps_its_schema() {
    let folder = bench();
    let schemas = workspace::root().join("docs/schemas");
    let mut known = BTreeSet::new();
    for (name, commands) in OUTPUTS {
        let values = printed(folder.path(), commands);
        let path = schemas.join(format!("{name}.json"));
        known.insert(path.file_name().unwrap().to_owned());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::create_dir_all(&schemas).unwrap();
            let text = serde_json::to_string_pretty(&document(name, commands[0], &values)).unwrap();
            fs::write(&path, text + "\n").unwrap();
        }

        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let schema: Value = serde_json::from_str(&text).unwrap();
        for value in &values {
            let mut breaches = Vec::new();
            check(&schema, value, name, &mut breaches);
            assert!(breaches.is_empty(), "{name}:\n{}", breaches.join("\n"));
        }
    }

    let there: BTreeSet<_> =
        fs::read_dir(&schemas).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there, known, "a schema that no output is held against");
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

/// The schema of all these values.
fn document(name: &str, command: &str, values: &[Value]) -> Value {
    let mut schema = inferred("", &values.iter().collect::<Vec<_>>());
    if OF_THE_MACHINE.contains(&name) {
        loosen(&mut schema);
    }
    let object = schema.as_object_mut().unwrap();
    object.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    object.insert("$id".to_owned(), format!("infercost:{name}").into());
    let what = command.split(" --json").next().unwrap_or(command);
    let what: Vec<&str> =
        what.split(' ').take_while(|word| word.chars().all(|c| c.is_ascii_lowercase())).collect();
    object.insert("title".to_owned(), format!("infercost {} --json", what.join(" ")).into());
    schema
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Lets everything but the version be unknown: machines differ in what they show.
fn loosen(schema: &mut Value) {
    if schema.get("const").is_none()
        && let Some(kind) = schema.get_mut("type")
    {
        let mut types: BTreeSet<String> = match &*kind {
            Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect(),
        };
        types.insert("null".to_owned());
        *kind = types.into_iter().collect::<Vec<_>>().into();
    }
    if let Some(items) = schema.get_mut("items") {
        loosen(items);
    }
    for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        loosen(property.1);
    }
}

/// What all of `values`, found under one name, have in common.
fn inferred(name: &str, values: &[&Value]) -> Value {
    let types: BTreeSet<&str> = values.iter().map(|value| type_of(value)).collect();
    let mut schema = Map::new();
    let types: Vec<Value> = types.into_iter().map(Value::from).collect();
    match types.as_slice() {
        // nothing is known of what was never there
        [] => return json!({}),
        [one] if one == "null" => return json!({}),
        [one] => schema.insert("type".to_owned(), one.clone()),
        several => schema.insert("type".to_owned(), several.into()),
    };

    // the version is a constant
    if name == "schema" {
        schema.insert("const".to_owned(), values[0].clone());
    }
    let items: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
    if !items.is_empty() {
        schema.insert("items".to_owned(), inferred("", &items));
    }

    let objects: Vec<&Map<String, Value>> = values.iter().filter_map(|value| value.as_object()).collect();
    if objects.is_empty() {
        return schema.into();
    }
    if MAPS.contains(&name) {
        schema.insert("additionalProperties".to_owned(), json!({}));
        return schema.into();
    }
    let names: BTreeSet<&String> = objects.iter().flat_map(|object| object.keys()).collect();
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for field in names {
        let found: Vec<&Value> = objects.iter().filter_map(|object| object.get(field)).collect();
        if found.len() == objects.len() {
            required.push(field.as_str().into());
        }
        properties.insert(field.clone(), inferred(field, &found));
    }
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("required".to_owned(), required.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    schema.into()
}

/// Holds a value against the keywords that the schemas use.
fn check(schema: &Value, value: &Value, at: &str, breaches: &mut Vec<String>) {
    let allowed = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !allowed.is_empty() && !allowed.contains(&type_of(value)) {
        breaches.push(format!("{at} is {}, not {}", type_of(value), allowed.join(" or ")));
        return;
    }
    if schema.get("const").is_some_and(|constant| constant != value) {
        breaches.push(format!("{at} is {value}, not {}", schema["const"]));
    }

    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(items) = schema.get("items") {
            check(items, item, &format!("{at}[{index}]"), breaches);
        }
    }
    let Some(object) = value.as_object() else { return };
    for field in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(field) {
            breaches.push(format!("{at} has no {field}"));
        }
    }
    for (field, value) in object {
        match schema["properties"].get(field) {
            Some(schema) => check(schema, value, &format!("{at}.{field}"), breaches),
            None if schema["additionalProperties"] == false => breaches.push(format!("{at}.{field} is new")),
            None => {}
        }
    }
}
