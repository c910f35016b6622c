//! Servers through the binary: beside a model in process, under load, broken, started and stopped.
//!
//! Tests in real time one at a time: they share two cores with whatever else runs.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod failures;
mod fooled;
mod forward;
mod hosted;
mod joules;
mod parquet;
#[path = "../program/mod.rs"]
mod program;
#[path = "../run_on_disk/mod.rs"]
mod run_on_disk;
#[path = "../schema/mod.rs"]
mod schema;
mod sprint;
mod started;
#[path = "../tiny/mod.rs"]
mod tiny;
mod under_load;
#[expect(dead_code, reason = "other tests read the recorded run")]
#[path = "../workspace/mod.rs"]
mod workspace;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::{Asked, Reply, StandIn, StreamScript};
use program::{json, run};
use run_on_disk::{only_run, spans};
use serde_json::Value;
use tempfile::TempDir;

const PROMPTS: &str = concat!(
    "{\"id\":\"a\",\"prompt\":\"Say t1.\",\"grader\":\"contains\",\"answer\":\"t1\",\"max_tokens\":16}\n",
    "{\"id\":\"b\",\"prompt\":\"Say zebra.\",\"grader\":\"contains\",\"answer\":\"zebra\",\"max_tokens\":16}\n",
    "{\"id\":\"c\",\"prompt\":\"Go on.\",\"max_tokens\":16}\n",
);
const MODELS: &str = r#"{"object":"list","data":[{"id":"m","object":"model","owned_by":"stand-in"}]}"#;

/// An operating point so short that fewer of the generator's timers fire in it than it judges itself by: a busy machine
/// does not make it the limit.
const SHORT: &str = "1300ms";

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.jsonl"), PROMPTS).unwrap();
    folder
}

/// A server of the model `m` that answers completions with what `choose` says.
fn serving(choose: impl Fn(&Asked<'_>) -> Reply + Send + Sync + 'static) -> StandIn {
    let (models, none) = (Reply::json(MODELS), Reply::not_found());
    StandIn::start(move |asked| match asked.path {
        path if path.ends_with("/completions") => choose(asked),
        "/v1/models" => models.clone(),
        _ => none.clone(),
    })
    .unwrap()
}

/// Answers after the time that `time` gives for so many requests in flight, this one included. The script computes them
/// itself: a request is over when its time is, however late the machine is.
fn taking(time: impl Fn(usize) -> Duration + Send + Sync) -> impl Fn(&Asked<'_>) -> Reply + Send + Sync {
    let ends = Mutex::new(Vec::new());
    move |_| {
        let mut ends = ends.lock().unwrap();
        let now = Instant::now();
        ends.retain(|end| *end > now);
        let first = time(ends.len() + 1);
        ends.push(now + first);
        StreamScript { first, tokens_per_chunk: 10, ..StreamScript::default() }.reply()
    }
}

fn url(server: &StandIn) -> String {
    format!("{}#m", server.base())
}

/// Every text that lies below the folder, with its path.
fn texts_below(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut texts = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            texts.extend(texts_below(&path));
        } else {
            texts.push((path.clone(), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
        }
    }
    texts
}

#[test]
fn a_model_in_process_and_a_server_stand_in_one_table() {
    let _alone = alone();
    let folder = bench();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    let script = StreamScript { first: Duration::from_millis(5), ..StreamScript::default() };
    let server = serving(move |_| script.reply());
    let url = url(&server);
    let arguments = [
        "compare",
        "some.gguf",
        &url,
        "--prompts",
        "mine.jsonl",
        "--concurrency",
        "1,4",
        "--duration",
        "1s",
        "--json",
    ];
    let output = run(folder.path(), &arguments);
    let report = json(&output);
    let [local, served] = report["candidates"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!(served["inferences"], 3, "{served:#}");
    assert_eq!(served["failures"], 0, "{served:#}");
    assert_eq!(served["quality"]["task_score"]["point"], 0.5);
    assert!(served["quality"]["kld_mean"].is_null() && served["unknown"]["kld_mean"].is_string());
    assert_eq!(served["provenance"]["kind"], "served");
    let concurrency = |candidate: &Value| -> Vec<u64> {
        let points = candidate["operating_points"].as_array().unwrap();
        points.iter().map(|point| point["operating_point"]["concurrency"].as_u64().unwrap()).collect()
    };
    assert_eq!(concurrency(local), [1]);
    assert_eq!(concurrency(served), [1, 4]);
    for point in served["operating_points"].as_array().unwrap() {
        assert!(point["requests_per_s"]["point"].as_f64().unwrap() > 10.0, "{point:#}");
        assert!(point["ttft_s"]["p50"].as_f64().unwrap() >= 0.005, "{point:#}");
        assert!(point["cost_per_inference"]["point"].as_f64().unwrap() > 0.0, "{point:#}");
    }
    let notes = report["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("concurrency 1 only")), "{notes:#?}");

    let cut = only_run(folder.path());
    let clients = spans(&cut, "inference");
    let mut seen = HashSet::new();
    for (span, attributes) in &clients {
        assert!(seen.insert(span["spanId"].as_str().unwrap().to_owned()));
        let is_client = span["kind"] == 3;
        assert_eq!(is_client, attributes.contains_key("server.port"));
        assert_eq!(is_client, attributes.contains_key("infercost.server.counted_by"));
    }
    assert!(clients.iter().any(|(span, _)| span["kind"] == 3));
    let windows = spans(&cut, "window");
    assert_eq!(windows.iter().filter(|(_, one)| one.contains_key("infercost.load")).count(), 3);

    let again = run(folder.path(), &["report", "--json"]);
    assert_eq!(json(&again), report, "the report is not what the trace says");
    let shown = run(folder.path(), &["report"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("under load") && shown.contains("4 in flight"), "{shown}");
}

/// A server that neither counts tokens nor tells of its cache: nothing is made up, and all of it is said.
#[test]
fn what_a_server_does_not_tell_is_said() {
    let _alone = alone();
    let folder = bench();
    let script = StreamScript { usage: false, ..StreamScript::default() };
    let server = serving(move |_| script.reply());
    let output = run(folder.path(), &["compare", &url(&server), "--prompts", "mine.jsonl", "--json"]);
    let report = json(&output);
    let candidate = &report["candidates"][0];
    assert!(candidate["input_tokens"].is_null(), "{candidate:#}");
    assert!(candidate["unknown"]["input_tokens"].is_string(), "{candidate:#}");
    assert!(candidate["output_tokens"].as_u64().unwrap() > 0, "{candidate:#}");
    let notes = report["notes"].to_string();
    for said in
        ["sent no `usage` with 3 of 3", "did not report the prompt tokens of 3 of 3", "from a prompt cache"]
    {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    let recorded = only_run(folder.path());
    for (_, attributes) in spans(&recorded, "inference") {
        assert!(!attributes.contains_key("gen_ai.usage.input_tokens"), "{attributes:#?}");
    }
    let header = fs::read_to_string(recorded.join("run.json")).unwrap();
    assert!(header.contains("\"sends_usage\""), "{header}");
}
