//! The whole way to real back-ends: Phoenix, and a collector in front of it, started from their packages.
//!
//! One test, since Phoenix takes its time to start. Where the packages cannot be installed it says so and stops.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod program;
mod schema;
#[path = "backends/started.rs"]
mod started;
mod tiny;
mod workspace;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::{Reply, StandIn, StreamScript};
use program::{infercost, json, run};
use schema::hold;
use serde_json::Value;
use started::{Backends, Rotel, note};

/// Runs it to its end, which must be good.
fn succeed(folder: &Path, arguments: &[&str]) -> Output {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A copy of the recorded run. With `shift`, all ids are other ones: Phoenix holds each id once.
fn sample(folder: &Path, name: &str, shift: u32) -> PathBuf {
    let recorded = workspace::sample_run();
    let copy = folder.join("traces").join(name);
    fs::create_dir_all(&copy).unwrap();
    fs::copy(recorded.join("run.json"), copy.join("run.json")).unwrap();
    let mut text = fs::read_to_string(recorded.join("spans.jsonl")).unwrap();

    for key in ["\"traceId\":\"", "\"spanId\":\"", "\"parentSpanId\":\""] {
        let mut parts = text.split(key);
        let mut changed = parts.next().unwrap().to_owned();
        for part in parts {
            changed.push_str(key);
            let first = part.chars().next().unwrap();
            match first.to_digit(16) {
                Some(digit) => changed.push(char::from_digit((digit + shift) % 16, 16).unwrap()),
                None => changed.push(first),
            }
            changed.push_str(&part[1..]);
        }
        text = changed;
    }

    // lines that were changed are no longer what their checksums are of
    let mut unsealed = String::new();
    for line in text.lines() {
        match line.split_once(",\"crc32\":") {
            Some((body, _)) => unsealed.push_str(&format!("{body}}}\n")),
            None => unsealed.push_str(&format!("{line}\n")),
        }
    }

    fs::write(copy.join("spans.jsonl"), unsealed).unwrap();
    copy
}

/// (span id, parent, kind) of each span on disk.
fn tree_on_disk(run: &Path) -> BTreeSet<(String, String, String)> {
    let mut tree = BTreeSet::new();
    for line in fs::read_to_string(run.join("spans.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap() {
            let text = |key: &str| span[key].as_str().unwrap().to_owned();
            let attributes = span["attributes"].as_array().unwrap();
            let kind = attributes.iter().find(|one| one["key"] == "openinference.span.kind").unwrap();
            let kind = kind["value"]["stringValue"].as_str().unwrap().to_owned();
            tree.insert((text("spanId"), text("parentSpanId"), kind));
        }
    }
    tree
}

/// The same as Phoenix tells it.
fn tree_in_phoenix(spans: &[Value]) -> BTreeSet<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    spans
        .iter()
        .map(|span| (text(&span["context"]["span_id"]), text(&span["parent_id"]), text(&span["span_kind"])))
        .collect()
}

#[test]
fn runs_arrive_at_phoenix_whole_and_cost_what_the_report_says() {
    let Some(backends) = Backends::start() else { return };
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let recorded = sample(folder, "sample", 0);
    phoenix_has_what_the_report_says(&backends, folder, &recorded);
    note(&format!("Phoenix compared after {:.0} s", began.elapsed().as_secs_f64()));
    compare_sends_its_run_along(&backends, folder);
    load_costs_there_what_its_operating_points_cost(&backends, folder);
    let rotel = Rotel::start(&backends);
    each_protocol_arrives(&backends, folder, &recorded);
    note(&format!("protocols compared after {:.0} s", began.elapsed().as_secs_f64()));
    a_tap_hears_it(&backends, folder);
    a_killed_collector_loses_nothing(&backends, folder, rotel);
    note(&format!("all compared after {:.0} s", began.elapsed().as_secs_f64()));
}

fn phoenix_has_what_the_report_says(backends: &Backends, folder: &Path, recorded: &Path) {
    let report = json(&run(folder, &["report", "traces/sample", "--json"]));
    let candidates = report["candidates"].as_array().unwrap();
    let export =
        ["export", "traces/sample", "--phoenix", backends.get("PHOENIX"), "--project", "sample", "--json"];
    let done = json(&succeed(folder, &export));
    hold("phoenix.v1", "export --phoenix", std::slice::from_ref(&done));

    // the tree
    let on_disk = tree_on_disk(recorded);
    let spans = backends.wait_for("sample", on_disk.len());
    assert_eq!(tree_in_phoenix(&spans), on_disk);
    assert_eq!(done["spans"], on_disk.len());

    // tokens, model by model
    for candidate in candidates {
        let of_model = spans.iter().filter(|span| {
            span["span_kind"] == "LLM" && span["attributes"]["llm.model_name"] == candidate["variant"]
        });
        let (mut calls, mut input, mut output) = (0, 0, 0);
        for span in of_model {
            calls += 1;
            input += span["attributes"]["llm.token_count.prompt"].as_i64().unwrap();
            output += span["attributes"]["llm.token_count.completion"].as_i64().unwrap();
        }
        let told = [&candidate["inferences"], &candidate["input_tokens"], &candidate["output_tokens"]];
        assert_eq!(
            told.map(|value| value.as_i64().unwrap()),
            [calls, input, output],
            "{}",
            candidate["variant"]
        );
    }

    // money: Phoenix's own column against the report's, and not against what export says of itself
    let ours: f64 = candidates
        .iter()
        .map(|one| {
            one["cost"]["per_inference"]["point"].as_f64().unwrap() * one["inferences"].as_f64().unwrap()
        })
        .sum();
    let theirs = backends.cost_of("sample");
    assert!((ours - theirs).abs() <= 1e-6 * ours, "the report says {ours}, Phoenix {theirs}");
    assert_eq!(done["same_total"], true, "{done:#}");

    // judgements
    let evaluations = on_disk.iter().filter(|(_, _, kind)| kind == "EVALUATOR").count();
    assert_eq!(done["annotations"], evaluations + candidates.len());
    let judgements = backends.annotations("sample", &spans);
    let verdicts: Vec<&Value> = judgements.iter().filter(|one| one["name"] == "verdict").collect();
    assert_eq!(judgements.len(), evaluations + candidates.len());
    assert_eq!(verdicts.len(), candidates.len());
    for candidate in candidates {
        let name = &candidate["variant"];
        let is_of = |span: &&Value| {
            let attributes = &span["attributes"];
            attributes["infercost.record"] == "variant" && attributes["infercost.variant"] == *name
        };
        let span = spans.iter().find(is_of).unwrap_or_else(|| panic!("{name} has no span: {:#}", spans[0]));
        let verdict = verdicts.iter().find(|one| one["span_id"] == span["context"]["span_id"]).unwrap();
        let wanted =
            if *name == report["baseline"] { &Value::from("baseline") } else { &candidate["verdict"] };
        assert_eq!(&verdict["result"]["label"], wanted, "{verdict:#}");
        let told = verdict["result"]["explanation"].as_str().unwrap_or_default();
        for reason in candidate["reasons"].as_array().unwrap() {
            assert!(told.contains(reason.as_str().unwrap()), "{verdict:#}");
        }
    }

    // once more: nothing is doubled, neither spans nor prices nor judgements
    let prices = backends.prices();
    assert!(prices.len() >= candidates.len(), "{prices:?}");
    let again = json(&succeed(folder, &export));
    assert_eq!(again["same_total"], true, "{again:#}");
    assert_eq!(backends.spans("sample").len(), on_disk.len());
    assert_eq!(backends.prices(), prices);
    let said = |all: &[Value]| -> BTreeSet<String> {
        all.iter()
            .map(|one| [&one["span_id"], &one["name"], &one["result"]].map(Value::to_string).join(" "))
            .collect()
    };
    let once_more = backends.annotations("sample", &spans);
    assert_eq!((once_more.len(), said(&once_more)), (judgements.len(), said(&judgements)));

    // and back in, as another program's traces
    let address = format!("phoenix:{}/sample", backends.get("PHOENIX"));
    let back = json(&succeed(folder, &["report", &address, "--json"]));
    assert_eq!(back["schema"], "infercost.foreign-report/1");
    for candidate in candidates {
        let models = back["models"].as_array().unwrap();
        let model = models.iter().find(|model| model["model"] == candidate["variant"]).unwrap();
        assert_eq!(model["calls"], candidate["inferences"]);
        assert_eq!(model["input_tokens"]["sum"].as_f64(), candidate["input_tokens"].as_f64());
        assert_eq!(model["output_tokens"]["sum"].as_f64(), candidate["output_tokens"].as_f64());
        let (theirs, ours) = (model["latency_s"]["p50"].as_f64(), candidate["latency_s"]["p50"].as_f64());
        // Phoenix keeps microseconds
        assert!((theirs.unwrap() - ours.unwrap()).abs() < 2e-6, "{model:#}");
    }
    #[cfg(feature = "fleet")]
    ingested(folder, &address, &back);
}

/// The project in tables, twice: the same calls and tokens as the report on it.
#[cfg(feature = "fleet")]
fn ingested(folder: &Path, address: &str, back: &Value) {
    for outcome in ["new", "replaced"] {
        let taken = json(&succeed(folder, &["ingest", address, "--into", "tables", "--json"]));
        let sources = taken["sources"].as_array().unwrap();
        assert!(
            !sources.is_empty() && sources.iter().all(|source| source["outcome"] == outcome),
            "{taken:#}"
        );
    }
    let fleet = json(&succeed(folder, &["fleet", "tables", "--json"]));
    for model in back["models"].as_array().unwrap() {
        let rows = fleet["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["keys"]["model"] == model["model"]).unwrap();
        assert_eq!(row["inferences"], model["calls"]);
        assert_eq!(row["output_tokens"].as_f64(), model["output_tokens"]["sum"].as_f64());
    }
}

fn compare_sends_its_run_along(backends: &Backends, folder: &Path) {
    tiny::write_model(&folder.join("some.gguf"), 1, GgmlDType::F32).unwrap();
    tiny::write_model(&folder.join("other.gguf"), 1, GgmlDType::Q8_0).unwrap();
    let prompts = concat!(
        "{\"id\":\"a\",\"prompt\":\"<b>Say</b> \\u001b[31m \\u0007 a.\",\"grader\":\"contains\",\"answer\":\"a\",\"max_tokens\":6}\n",
        "{\"id\":\"b\",\"prompt\":\"My number is 4111-1111.\",\"max_tokens\":8}\n",
    );
    fs::write(folder.join("mine.jsonl"), prompts).unwrap();
    let arguments = ["compare", "some.gguf", "other.gguf", "--prompts", "mine.jsonl", "--traces", "compared"];
    let more =
        ["--phoenix", backends.get("PHOENIX"), "--project", "compared", "--redact", "4[0-9]{3}-[0-9]+"];
    let output = run(folder, &[&arguments[..], &more[..]].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("they agree to a millionth"), "{told}");
    let run_folder = fs::read_dir(folder.join("compared")).unwrap().next().unwrap().unwrap().path();
    let on_disk = tree_on_disk(&run_folder);
    let spans = backends.wait_for("compared", on_disk.len());
    assert_eq!(tree_in_phoenix(&spans), on_disk);
    let text = Value::from(spans).to_string();
    assert!(text.contains("[redacted]") && !text.contains("4111-"), "{text}");
}

/// A request under load costs less than a single one: two are answered in the time of one.
fn load_costs_there_what_its_operating_points_cost(backends: &Backends, folder: &Path) {
    let script = StreamScript { first: Duration::from_millis(60), ..StreamScript::default() };
    let (models, stream) = (Reply::json(r#"{"object":"list","data":[{"id":"m"}]}"#), script.reply());
    let server = StandIn::start(move |asked| match asked.path {
        path if path.ends_with("/completions") => stream.clone(),
        "/v1/models" => models.clone(),
        _ => Reply::not_found(),
    })
    .unwrap();
    let url = format!("{}#m", server.base());
    let prompts: String = (0..4)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"Go on {index}.\",\"max_tokens\":16}}\n"))
        .collect();
    fs::write(folder.join("loaded.jsonl"), prompts).unwrap();
    let arguments = ["record", &url, "--prompts", "loaded.jsonl", "--traces", "loaded"];
    let load = ["--concurrency", "1,2", "--duration", "3s"];
    let more = ["--phoenix", backends.get("PHOENIX"), "--project", "loaded"];
    let output = infercost(folder, &[&arguments[..], &load[..], &more[..]].concat()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("they agree to a millionth"), "{told}");
    let run_folder = fs::read_dir(folder.join("loaded")).unwrap().next().unwrap().unwrap().path();
    let spans = backends.wait_for("loaded", tree_on_disk(&run_folder).len());
    let names: BTreeSet<&str> =
        spans.iter().filter_map(|span| span["attributes"]["llm.model_name"].as_str()).collect();
    assert!(names.iter().any(|name| name.ends_with(" at concurrency 1")), "{names:?}");

    let report = ["report", &run_folder.display().to_string(), "--json"];
    let report = json(&run(folder, &report));
    let candidate = &report["candidates"][0];
    let bill = |one: &Value, cost: &str, number: &str| {
        let inferences = one[number].as_f64().unwrap();
        one.pointer(cost).and_then(Value::as_f64).map(|cost| cost * inferences)
    };
    let single = bill(candidate, "/cost/per_inference/point", "inferences").unwrap();
    let points = candidate["operating_points"].as_array().unwrap();
    let at_points: Vec<f64> =
        points.iter().filter_map(|point| bill(point, "/cost_per_inference/point", "answered")).collect();
    // on a busy machine the way up may end early
    assert!(!at_points.is_empty(), "{points:#?}");
    let (ours, theirs) = (single + at_points.iter().sum::<f64>(), backends.cost_of("loaded"));
    assert!((ours - theirs).abs() <= 1e-6 * ours, "the report says {ours}, Phoenix {theirs}");
}

fn each_protocol_arrives(backends: &Backends, folder: &Path, recorded: &Path) {
    let count = tree_on_disk(recorded).len();
    let ways = [
        ("protobuf", "http/protobuf", "PHOENIX", "gzip"),
        ("grpc", "grpc", "PHOENIX_GRPC", "none"),
        ("rotel-json", "http/json", "ROTEL", "gzip"),
        ("rotel-protobuf", "http/protobuf", "ROTEL", "none"),
        ("rotel-grpc", "grpc", "ROTEL_GRPC", "gzip"),
    ];
    for (shift, (name, protocol, place, compression)) in (1..).zip(ways) {
        let copy = sample(folder, name, shift);
        let arguments =
            ["export", &format!("traces/{name}"), "--otlp", backends.get(place), "--protocol", protocol];
        let more = ["--compression", compression, "--project", name, "--plain", "--json"];
        let done = json(&succeed(folder, &[&arguments[..], &more[..]].concat()));
        assert_eq!(done["spans"], count, "{name}");
        let spans = backends.wait_for(name, count);
        assert_eq!(tree_in_phoenix(&spans), tree_on_disk(&copy), "{name}");
    }
}

fn a_tap_hears_it(backends: &Backends, folder: &Path) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut tap = Command::new(backends.get("OTELTAP"))
        .args(["--port", &port.to_string(), "--await-span", "^infercost record$"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    let patience = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(patience.elapsed() < Duration::from_secs(30), "oteltap does not listen");
        sleep(Duration::from_millis(100));
    }
    let url = format!("http://127.0.0.1:{port}");

    // it ends as soon as it has heard the root, so that the rest may find nobody
    run(folder, &["export", "traces/sample", "--otlp", &url, "--plain"]);
    let patience = Instant::now();
    let heard = loop {
        if let Some(status) = tap.try_wait().unwrap() {
            break status.success();
        }
        if patience.elapsed() > Duration::from_secs(30) {
            let _ = tap.kill();
            let _ = tap.wait();
            break false;
        }
        sleep(Duration::from_millis(100));
    };

    assert!(heard, "oteltap did not hear the run");
}

fn a_killed_collector_loses_nothing(backends: &Backends, folder: &Path, rotel: Rotel) {
    tiny::write_model(&folder.join("some.gguf"), 1, GgmlDType::F32).unwrap();
    let prompts: String = (0..40)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"Count {index}.\",\"max_tokens\":24}}\n"))
        .collect();
    fs::write(folder.join("many.jsonl"), prompts).unwrap();
    let url = backends.get("ROTEL").to_owned();
    let arguments = ["record", "some.gguf", "--prompts", "many.jsonl", "--otlp", &url, "--project", "killed"];
    let more = ["--traces", "live", "--repetitions", "3", "--otlp-header", "x-key=very-secret"];
    let child = infercost(folder, &[&arguments[..], &more[..]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let patience = Instant::now();
    let lines = || {
        let mut runs = fs::read_dir(folder.join("live")).ok()?;
        let text = fs::read_to_string(runs.find_map(|run| run.ok())?.path().join("spans.jsonl")).ok()?;
        Some(text.lines().count())
    };

    while lines().unwrap_or(0) < 30 {
        assert!(patience.elapsed() < Duration::from_secs(120), "the run never began");
        sleep(Duration::from_millis(5));
    }
    drop(rotel);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(!told.contains("very-secret"), "{told}");
    let run_folder = fs::read_dir(folder.join("live")).unwrap().next().unwrap().unwrap().path();
    assert!(!fs::read_to_string(run_folder.join("run.json")).unwrap().contains("very-secret"));
    let on_disk = tree_on_disk(&run_folder);
    assert_eq!(on_disk.iter().filter(|(_, _, kind)| kind == "LLM").count(), 120, "the disk has every answer");
    assert!(told.contains("to complete it: infercost export live/"), "{told}");

    // as it was told, with the collector back again
    let command = told.split("to complete it: infercost ").nth(1).unwrap().lines().next().unwrap();
    let arguments: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
    let _rotel = Rotel::start(backends);
    succeed(folder, &arguments);
    let spans = backends.wait_for("killed", on_disk.len());
    assert_eq!(tree_in_phoenix(&spans), on_disk);
}
