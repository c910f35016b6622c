//! What viewers and collectors rely on: the tree, the ids, the names.

use std::collections::{HashMap, HashSet};

use infercost_core::manifest::Provenance;
use infercost_core::{FailureKind, Outcome, PromptId};
use infercost_trace::RunStore;
use serde_json::{Value, json};

use crate::hostile::without_checksums;
use crate::hostile::write_run;
use crate::records::{BASELINE, evaluation, header, inference, moment, window, window_id};

fn spans(folder: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("spans.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .flat_map(|line| line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone())
        .collect()
}

fn attributes(owner: &Value) -> HashMap<String, Value> {
    let list = owner["attributes"].as_array().unwrap();
    let map: HashMap<String, Value> = list
        .iter()
        .map(|attribute| (attribute["key"].as_str().unwrap().to_owned(), attribute["value"].clone()))
        .collect();
    assert_eq!(map.len(), list.len(), "a name stands twice");
    map
}

#[test]
fn every_span_has_its_parent_but_the_root() {
    let traces = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(traces.path(), &header()).unwrap();
    let folder = store.folder().to_owned();
    // an evaluation of an inference that was never made hangs below its variant
    store.evaluation(&evaluation("never", 0.0)).unwrap();
    store.window(&window(0, 1, vec![inference("a", 1)])).unwrap();
    store.evaluation(&evaluation("a", 0.0)).unwrap();
    store.finish(moment(200)).unwrap();

    let spans = spans(&folder);
    let text = |span: &Value, field: &str| span[field].as_str().unwrap().to_owned();
    let names: HashMap<String, String> =
        spans.iter().map(|span| (text(span, "spanId"), text(span, "name"))).collect();
    assert_eq!(names.len(), spans.len());
    assert_eq!(spans.iter().map(|span| text(span, "traceId")).collect::<HashSet<_>>().len(), 1);
    let mut tree: Vec<(String, String)> = spans
        .iter()
        .map(|span| {
            let parent = text(span, "parentSpanId");
            let parent = if parent.is_empty() { "-".to_owned() } else { names[&parent].clone() };
            (parent, text(span, "name"))
        })
        .collect();
    tree.sort();
    let expected = [
        ("-", "infercost record"),
        ("chat example-100m/f16", "evaluate task"),
        ("example-100m/f16", "evaluate task"),
        ("example-100m/f16", "window"),
        ("infercost record", "example-100m/f16"),
        ("infercost record", "example-100m/q8_0"),
        ("window", "chat example-100m/f16"),
    ]
    .map(|(parent, name)| (parent.to_owned(), name.to_owned()));
    assert_eq!(tree, expected);
    // the variant's span lies around its children
    let baseline = spans.iter().find(|span| span["name"] == BASELINE).unwrap();
    let nanos = |seconds| moment(seconds).duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert_eq!(text(baseline, "startTimeUnixNano"), nanos(1).to_string());
    assert_eq!(text(baseline, "endTimeUnixNano"), (nanos(100) + 1_000_000).to_string());
}

#[test]
fn an_inference_says_what_the_conventions_ask() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let span = &spans(&folder)[0];
    let string = |value: &str| json!({ "stringValue": value });
    let int = |value: u64| json!({ "intValue": value.to_string() });
    let expected = [
        ("openinference.span.kind", string("LLM")),
        ("gen_ai.operation.name", string("chat")),
        ("gen_ai.provider.name", string("candle")),
        ("gen_ai.system", string("candle")),
        ("gen_ai.request.model", string(BASELINE)),
        ("gen_ai.request.max_tokens", int(16)),
        ("gen_ai.request.temperature", json!({ "doubleValue": 0.0 })),
        ("gen_ai.request.seed", int(42)),
        ("gen_ai.request.stream", json!({ "boolValue": true })),
        ("gen_ai.response.model", string(BASELINE)),
        ("gen_ai.response.finish_reasons", json!({ "arrayValue": { "values": [string("stop")] } })),
        ("gen_ai.response.time_to_first_chunk", json!({ "doubleValue": 0.1 })),
        ("gen_ai.usage.input_tokens", int(7)),
        ("gen_ai.usage.output_tokens", int(2)),
        ("llm.model_name", string(BASELINE)),
        ("llm.provider", string("candle")),
        ("llm.invocation_parameters", string("{\"max_tokens\":16,\"temperature\":0.0,\"seed\":42}")),
        ("llm.token_count.prompt", int(7)),
        ("llm.token_count.completion", int(2)),
        ("llm.token_count.total", int(9)),
        ("input.value", string("two and two?")),
        ("output.value", string("four")),
        ("infercost.record", string("inference")),
        ("infercost.variant", string(BASELINE)),
        ("infercost.window", int(0)),
        ("infercost.prompt", string("a")),
        ("infercost.repetition", int(0)),
        ("infercost.provenance", string("expanded from Q4_1")),
        ("infercost.engine.version", string("0.11.1")),
        ("infercost.engine.build_flags", string("avx2 fma, release")),
        ("infercost.engine.device", string("cpu")),
        ("infercost.engine.threads", int(8)),
        (
            "infercost.chunk.offsets_ns",
            json!({ "arrayValue": { "values": [int(100_000_000), int(115_000_000)] } }),
        ),
    ];

    let found = attributes(span);
    for (name, value) in &expected {
        assert_eq!(found.get(*name), Some(value), "{name}");
    }
    let named: HashSet<&str> = expected.iter().map(|(name, _)| *name).collect();
    let surplus: Vec<&String> = found.keys().filter(|name| !named.contains(name.as_str())).collect();
    assert!(surplus.is_empty(), "{surplus:?}");
    assert_eq!(span["kind"], 1);
    assert_eq!(span["status"], Value::Null);
    assert_eq!(span["traceId"].as_str().unwrap().len(), 32);
}

#[test]
fn a_failure_and_a_server_show_as_such() {
    let traces = tempfile::tempdir().unwrap();
    let mut header = header();
    header.variants[0].provenance = Provenance::Served { url: "http://example.org".to_owned() };
    let mut store = RunStore::create(traces.path(), &header).unwrap();
    let mut failed = inference("a", 1);
    failed.prompt = PromptId::from("a");
    failed.outcome = Outcome::Failed {
        kind: FailureKind::Timeout,
        message: "nothing came".to_owned(),
        latency: std::time::Duration::from_secs(1),
    };
    store.inference(&window_id(0), &failed).unwrap();
    let span = &spans(store.folder())[0];
    assert_eq!(span["kind"], 3);
    assert_eq!(span["status"], json!({ "message": "nothing came", "code": 2 }));
    let found = attributes(span);
    assert_eq!(found["error.type"], json!({ "stringValue": "timeout" }));
    assert!(!found.contains_key("gen_ai.usage.output_tokens"));
}

#[test]
fn every_line_says_whose_it_is() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    for line in std::fs::read_to_string(folder.join("spans.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let found = attributes(&line["resourceSpans"][0]["resource"]);
        for (name, value) in [
            ("service.name", json!({ "stringValue": "infercost" })),
            ("service.version", json!({ "stringValue": "0.1.0" })),
            ("openinference.project.name", json!({ "stringValue": "infercost" })),
            ("infercost.run.id", json!({ "stringValue": "sample-run" })),
            ("host.cpu.model.name", json!({ "stringValue": "Example CPU 9000" })),
            ("infercost.host.memory_bytes", json!({ "intValue": "34359738368" })),
        ] {
            assert_eq!(found.get(name), Some(&value), "{name}");
        }
    }
}

#[test]
fn ids_follow_from_the_run_and_from_nothing_else() {
    let ids = |run: &str| {
        let traces = tempfile::tempdir().unwrap();
        let mut header = header();
        header.id = infercost_core::RunId::from(run);
        let mut store = RunStore::create(traces.path(), &header).unwrap();
        store.inference(&window_id(0), &inference("a", 1)).unwrap();
        let span = spans(store.folder()).remove(0);
        (span["traceId"].to_string(), span["spanId"].to_string())
    };
    assert_eq!(ids("one"), ids("one"));
    assert_ne!(ids("one").0, ids("two").0);
    assert_ne!(ids("one").1, ids("two").1);
}

#[test]
fn what_a_server_said_stands_apart_from_what_was_timed() {
    let traces = tempfile::tempdir().unwrap();
    let mut header = header();
    header.variants[0].provenance = Provenance::Served { url: "http://10.0.0.7:8080/v1".to_owned() };
    let mut store = RunStore::create(traces.path(), &header).unwrap();
    let mut served = inference("a", 1);
    served.cached_input_tokens = Some(3);
    served.served = Some(Box::new(infercost_core::ServedFacts {
        retries: 1,
        status: Some(200),
        counted_by: infercost_core::TokenCount::Usage,
        timings: Some(infercost_core::ServerTimings {
            prompt: Some(std::time::Duration::from_millis(90)),
            ..infercost_core::ServerTimings::default()
        }),
        ..infercost_core::ServedFacts::default()
    }));

    store.inference(&window_id(0), &served).unwrap();
    let found = attributes(&spans(store.folder())[0]);
    let int = |value: u64| json!({ "intValue": value.to_string() });

    for (name, value) in [
        ("server.address", json!({ "stringValue": "10.0.0.7" })),
        ("server.port", int(8080)),
        ("http.response.status_code", int(200)),
        ("gen_ai.usage.cache_read.input_tokens", int(3)),
        ("infercost.server.counted_by", json!({ "stringValue": "usage" })),
        ("infercost.server.retries", int(1)),
        ("infercost.server.prompt_ns", int(90_000_000)),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name}");
    }

    assert!(!found.contains_key("infercost.server.predicted_ns"));
}

/// Earlier versions wrote 0 where nobody had counted a prompt's tokens; now there is no attribute.
#[test]
fn prompt_tokens_that_nobody_counted_are_unknown() {
    let traces = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(traces.path(), &header()).unwrap();
    let folder = store.folder().to_owned();
    let untold = infercost_core::InferenceRecord { input_tokens: None, ..inference("a", 1) };
    store.inference(&window_id(0), &untold).unwrap();
    store.inference(&window_id(0), &inference("b", 2)).unwrap();
    let found = attributes(&spans(&folder)[0]);
    let names = ["gen_ai.usage.input_tokens", "llm.token_count.prompt", "llm.token_count.total"];
    assert!(names.iter().all(|name| !found.contains_key(*name)), "{found:?}");
    assert!(found.contains_key("llm.token_count.completion"));

    let file = folder.join("spans.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let seven = r#""gen_ai.usage.input_tokens","value":{"intValue":"7"}"#;
    assert!(text.contains(seven));
    let older = without_checksums(&text.replace(seven, &seven.replace('7', "0")));
    std::fs::write(&file, older).unwrap();
    let run = infercost_trace::read_run(&folder).unwrap();
    assert!(run.windows[0].inferences.iter().all(|one| one.input_tokens.is_none()));
}
