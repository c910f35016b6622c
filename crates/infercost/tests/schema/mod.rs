//! Holds what the program prints against the schemas in `docs/schemas`.
//!
//! The schemas use a handful of JSON Schema's keywords, so a check of those stands here and no validator is linked. With
//! `UPDATE_SCHEMAS=1` they are written anew from what the program prints.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value, json};

use crate::workspace;

/// Fields whose names are data: variants, kinds of failures, parts of a cost.
const MAPS: [&str; 11] = [
    "failure_kinds",
    "unknown",
    "unknown_codes",
    "left_out",
    "left_out_codes",
    "irregularities",
    "unsaid",
    "facts",
    "tensor_types",
    "counts",
    "shares",
];

/// What depends on the machine: any of it may be unknown on another.
const OF_THE_MACHINE: [&str; 8] = [
    "doctor.v1",
    "bench.v1",
    "score.v1",
    "monitor.v1",
    "farm.v1",
    "monitored.v1",
    "sprint.v1",
    "wall-factor.v1",
];

/// Holds these values, printed by a command, against the schema of that name.
#[track_caller]
pub(crate) fn hold(name: &str, command: &str, values: &[Value]) {
    assert!(!values.is_empty(), "{name}: nothing was printed");
    let path = workspace::root().join("docs/schemas").join(format!("{name}.json"));
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        let text = serde_json::to_string_pretty(&document(name, command, values)).unwrap();
        fs::write(&path, text + "\n").unwrap();
    }

    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let schema: Value = serde_json::from_str(&text).unwrap();
    for value in values {
        says_its_version(name, value);
        let mut breaches = Vec::new();
        check(&schema, value, name, &mut breaches);
        assert!(breaches.is_empty(), "{name}:\n{}", breaches.join("\n"));
    }
}

/// Whoever reads an answer can tell what it is, and which version of it: `runs.v2` calls itself `infercost.runs/2`.
#[track_caller]
fn says_its_version(name: &str, value: &Value) {
    let (subject, version) = name.rsplit_once(".v").unwrap();
    let said = value["schema"].as_str().unwrap_or_default().replace('_', "-");
    assert_eq!(said, format!("infercost.{subject}/{version}"), "{name}: {value}");
}

/// The schema of all these values.
pub(crate) fn document(name: &str, command: &str, values: &[Value]) -> Value {
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
pub(crate) fn check(schema: &Value, value: &Value, at: &str, breaches: &mut Vec<String>) {
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
