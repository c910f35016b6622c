//! The whole way to real back-ends: Phoenix, and a collector in front of it, started from their packages.
//!
//! One test, since Phoenix takes its time to start. Where the packages cannot be installed it says so and stops.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod tiny;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use serde_json::{Value, json};

/// How long installing may take; a machine without the package index fails much earlier.
const INSTALL_SECONDS: &str = "280";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn note(text: &str) {
    // past libtest's capture
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Phoenix and what belongs to it; stopped when the test ends, however it ends.
struct Backends {
    folder: PathBuf,
    names: BTreeMap<String, String>,
}

impl Backends {
    /// `None`, with a line that says why, where they cannot be had.
    fn start() -> Option<Self> {
        let named = std::env::var_os("INFERCOST_BACKENDS").map(PathBuf::from);
        let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("backends"));
        let script = |verb: &str| {
            let mut command = Command::new("timeout");
            command.arg(INSTALL_SECONDS).arg(workspace().join("benches/traces/backends.sh"));
            command.arg(verb).arg(&folder).stdin(Stdio::null());
            command.output()
        };
        let install = script("install");
        let why = match &install {
            Ok(output) if output.status.success() => None,
            Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        if !install.is_ok_and(|output| output.status.success()) {
            let why = why.unwrap_or_else(|| "it took too long".to_owned());
            note(&format!("SKIPPED: Phoenix and rotel cannot be installed by pip: {why}"));
            return None;
        }
        let started = script("start").unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let text = String::from_utf8(started.stdout).unwrap();
        let names = text.lines().filter_map(|line| line.split_once('='));
        let names = names.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { folder, names })
    }

    fn get(&self, name: &str) -> &str {
        &self.names[name]
    }

    fn api(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.get("PHOENIX"));
        let mut answer = ureq::get(&url).call().unwrap_or_else(|error| panic!("{url}: {error}"));
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// All spans of a project; none where there is no such project yet.
    fn spans(&self, project: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        let known = self.api("/v1/projects?limit=1000");
        if !known["data"].as_array().unwrap().iter().any(|one| one["name"] == project) {
            return all;
        }
        loop {
            let page = self.api(&format!("/v1/projects/{project}/spans?limit=1000{cursor}"));
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// What is attached to spans of a project.
    fn annotations(&self, project: &str, spans: &[Value]) -> Vec<Value> {
        let mut all = Vec::new();
        for part in spans.chunks(50) {
            let id = |span: &Value| format!("span_ids={}", span["context"]["span_id"].as_str().unwrap());
            let ids: Vec<String> = part.iter().map(id).collect();
            let page =
                self.api(&format!("/v1/projects/{project}/span_annotations?limit=1000&{}", ids.join("&")));
            assert!(page["next_cursor"].is_null(), "there is a further page: {}", page["next_cursor"]);
            all.extend(page["data"].as_array().unwrap().iter().cloned());
        }
        all
    }

    /// The patterns of the price table's own entries, in order.
    fn prices(&self) -> Vec<String> {
        let query = "{generativeModels(first: 1000) {edges {node {namePattern kind}}}}";
        let body = json!({"query": query}).to_string();
        let mut answer = ureq::post(format!("{}/graphql", self.get("PHOENIX")))
            .content_type("application/json")
            .send(body)
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let edges = answer["data"]["generativeModels"]["edges"].as_array();
        let models = edges.unwrap_or_else(|| panic!("{answer:#}")).iter().map(|edge| &edge["node"]);
        let own = models.filter(|model| model["kind"] == "CUSTOM");
        let mut patterns: Vec<String> = own.map(|model| model["namePattern"].to_string()).collect();
        patterns.sort();
        patterns
    }

    /// The spans of a project, once there are so many.
    fn wait_for(&self, project: &str, count: usize) -> Vec<Value> {
        let patience = Instant::now();
        loop {
            let spans = self.spans(project);
            if spans.len() >= count {
                assert_eq!(spans.len(), count, "{project} has spans twice");
                return spans;
            }
            let waited = patience.elapsed();
            assert!(waited < Duration::from_secs(60), "{project} has {} of {count} spans", spans.len());
            sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        let script = workspace().join("benches/traces/backends.sh");
        let _ = Command::new(script).arg("stop").arg(&self.folder).status();
    }
}

/// The collector, so that it can be killed.
struct Rotel(Child);

impl Rotel {
    fn start(backends: &Backends) -> Self {
        let address = |name: &str| backends.get(name).trim_start_matches("http://").to_owned();
        let log = fs::File::create(backends.folder.join("rotel.log")).unwrap();
        let child = Command::new(backends.get("ROTEL_PROGRAM"))
            .args(["start", "--otlp-grpc-endpoint", &address("ROTEL_GRPC")])
            .args(["--otlp-http-endpoint", &address("ROTEL"), "--exporter", "otlp"])
            .args(["--otlp-exporter-endpoint", backends.get("PHOENIX"), "--otlp-exporter-protocol", "http"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let patience = Instant::now();
        while std::net::TcpStream::connect(address("ROTEL")).is_err() {
            assert!(patience.elapsed() < Duration::from_secs(30), "rotel does not listen");
            sleep(Duration::from_millis(100));
        }
        Self(child)
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn infercost(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infercost"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("INFERCOST_CACHE", folder.join("cache"))
        .env("HOME", folder)
        .env("INFERCOST_SYSFS_ROOT", folder.join("no-sensors"))
        .env("NO_COLOR", "1")
        .env("RAYON_NUM_THREADS", "2")
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = infercost(folder, arguments).output().unwrap();
    assert!(
        matches!(output.status.code(), Some(0)),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A copy of the recorded run. With `shift`, all ids are other ones: Phoenix holds each id once.
fn sample(folder: &Path, name: &str, shift: u32) -> PathBuf {
    let samples = workspace().join("traces/sample");
    let mut runs = fs::read_dir(samples).unwrap().map(|entry| entry.unwrap().path());
    let recorded = runs.find(|path| path.is_dir()).unwrap();
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
    fs::write(copy.join("spans.jsonl"), text).unwrap();
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
    let rotel = Rotel::start(&backends);
    each_protocol_arrives(&backends, folder, &recorded);
    note(&format!("protocols compared after {:.0} s", began.elapsed().as_secs_f64()));
    a_tap_hears_it(&backends, folder);
    a_killed_collector_loses_nothing(&backends, folder, rotel);
    note(&format!("all compared after {:.0} s", began.elapsed().as_secs_f64()));
}

fn phoenix_has_what_the_report_says(backends: &Backends, folder: &Path, recorded: &Path) {
    let report = json_of(&infercost(folder, &["report", "traces/sample", "--json"]).output().unwrap());
    let candidates = report["candidates"].as_array().unwrap();
    let export =
        ["export", "traces/sample", "--phoenix", backends.get("PHOENIX"), "--project", "sample", "--json"];
    let done = json_of(&run(folder, &export));

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
    let query =
        "{projects(first: 1000) {edges {node {name tokenCountTotal costSummary {total {cost tokens}}}}}}";
    let body = json!({"query": query}).to_string();
    let mut answer = ureq::post(format!("{}/graphql", backends.get("PHOENIX")))
        .content_type("application/json")
        .send(body)
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let projects = answer["data"]["projects"]["edges"].as_array().unwrap();
    let project = projects.iter().map(|edge| &edge["node"]).find(|node| node["name"] == "sample").unwrap();
    let theirs = project["costSummary"]["total"]["cost"].as_f64().unwrap();
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
        let wanted = if *name == report["baseline"] { &json!("baseline") } else { &candidate["verdict"] };
        assert_eq!(&verdict["result"]["label"], wanted, "{verdict:#}");
        let told = verdict["result"]["explanation"].as_str().unwrap_or_default();
        for reason in candidate["reasons"].as_array().unwrap() {
            assert!(told.contains(reason.as_str().unwrap()), "{verdict:#}");
        }
    }

    // once more: nothing is doubled, neither spans nor prices nor judgements
    let prices = backends.prices();
    assert!(prices.len() >= candidates.len(), "{prices:?}");
    let again = json_of(&run(folder, &export));
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
    let back = json_of(&run(folder, &["report", &address, "--json"]));
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
    let output = infercost(folder, &[&arguments[..], &more[..]].concat()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("they agree to a millionth"), "{told}");
    let run_folder = fs::read_dir(folder.join("compared")).unwrap().next().unwrap().unwrap().path();
    let on_disk = tree_on_disk(&run_folder);
    let spans = backends.wait_for("compared", on_disk.len());
    assert_eq!(tree_in_phoenix(&spans), on_disk);
    let text = Value::from(spans).to_string();
    assert!(text.contains("[redacted]") && !text.contains("4111-"), "{text}");
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
        let done = json_of(&run(folder, &[&arguments[..], &more[..]].concat()));
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
    let _ = infercost(folder, &["export", "traces/sample", "--otlp", &url, "--plain"]).output().unwrap();
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
    run(folder, &arguments);
    let spans = backends.wait_for("killed", on_disk.len());
    assert_eq!(tree_in_phoenix(&spans), on_disk);
}
