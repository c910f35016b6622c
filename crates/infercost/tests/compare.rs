//! The whole line, through the binary: prompt set, engines, trace, report, exit code, resume, refusals.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod program;
mod run_on_disk;
mod tiny;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use program::{infercost, json, run};
use run_on_disk::{only_run, spans};
use serde_json::Value;
use tempfile::TempDir;

const PROMPTS: &str = concat!(
    "{\"id\":\"a\",\"prompt\":\"Say a.\",\"grader\":\"contains\",\"answer\":\"a\",\"max_tokens\":6}\n",
    "{\"id\":\"b\",\"prompt\":\"Is it b?\",\"choices\":[\"yes\",\"no\"],\"answer\":\"no\",\"max_tokens\":4}\n",
    "{\"id\":\"c\",\"prompt\":\"Go on.\",\"max_tokens\":8}\n",
);

/// A folder with two models, a prompt set, and nothing of the user's.
fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    tiny::write_model(&folder.path().join("other.gguf"), 1, GgmlDType::Q8_0).unwrap();
    fs::write(folder.path().join("mine.jsonl"), PROMPTS).unwrap();
    folder
}

/// Inferences in the trace by (variant, prompt, repetition), read from the spans themselves.
fn inferences(run: &Path) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for (_, attributes) in spans(run, "inference") {
        let key = ["infercost.variant", "infercost.prompt", "infercost.repetition"]
            .map(|key| attributes[key].to_string());
        *counts.entry(key.join(" ")).or_default() += 1;
    }
    counts
}

#[test]
fn files_that_no_manifest_knows() {
    let folder = bench();
    let arguments = [
        "compare",
        "./some.gguf",
        "./other.gguf",
        "--prompts",
        "mine.jsonl",
        "--baseline",
        "other",
        // a cost is shown where its interval says something, beside other tests as well
        "--window-prompts",
        "1",
        "--repetitions",
        "8",
        "--json",
    ];
    let output = run(folder.path(), &arguments);
    let report = json(&output);
    assert_eq!(report["schema"], "infercost.report/1");
    assert_eq!(report["baseline"], "other");
    let candidates = report["candidates"].as_array().unwrap();
    assert_eq!(
        candidates.iter().map(|each| each["variant"].as_str().unwrap()).collect::<Vec<_>>(),
        ["other", "some"]
    );
    for candidate in candidates {
        assert_eq!(candidate["inferences"], 24, "{candidate}");
        assert_eq!(candidate["energy"]["source"], "unavailable");
        assert!(
            candidate["energy"]["gross_j"].is_null() && candidate["cost"]["components"]["energy"].is_null()
        );
        let components = &candidate["cost"]["components"];
        let sum: f64 = ["energy", "hardware", "idle", "operation"]
            .iter()
            .filter_map(|part| components[*part].as_f64())
            .sum();
        let point = candidate["cost"]["per_inference"]["point"].as_f64().unwrap();
        assert!((sum - point).abs() <= 1e-12 * point.abs(), "{sum} is not {point}");
    }
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{:?}", output.status);

    let again = run(folder.path(), &["report", "--json"]);
    assert_eq!(json(&again), report, "the report is not what the trace says");
}

#[test]
fn content_stays_out_of_the_trace_and_is_graded_all_the_same() {
    let folder = bench();
    let arguments = ["compare", "some.gguf", "--prompts", "mine.jsonl", "--json", "--no-content"];
    let report = json(&run(folder.path(), &arguments));
    assert_eq!(report["candidates"][0]["quality"]["task_score"]["n"], 2);
    let spans = fs::read_to_string(only_run(folder.path()).join("spans.jsonl")).unwrap();
    assert!(!spans.contains("Say a.") && !spans.contains("output.value"));
}

/// Forty prompts.
fn write_many(folder: &Path) {
    let prompts: String = (0..40)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"Count {index}.\",\"grader\":\"contains\",\"answer\":\"1\",\"max_tokens\":24}}\n"))
        .collect();
    fs::write(folder.join("many.jsonl"), prompts).unwrap();
}

#[test]
fn a_hopeless_candidate_stops_early() {
    let folder = bench();
    write_many(folder.path());
    // beside other tests windows may be disturbed; measured again, they would be counted twice here
    let arguments = [
        "compare",
        "some.gguf",
        "other.gguf",
        "--prompts",
        "many.jsonl",
        "--max-kld",
        "0",
        "--max-remeasure",
        "0",
        "--json",
    ];
    let early = run(folder.path(), &arguments);
    let told = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(told.contains("other is not good enough after 20 prompts"), "{told}");
    let stopped = only_run(folder.path());
    assert_eq!(inferences(&stopped).len(), 40, "20 prompts by two variants");
    let early: Value = serde_json::from_slice(&early.stdout).unwrap();
    let again = run(folder.path(), &["report", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap(), early);
    fs::remove_dir_all(&stopped).unwrap();

    let whole = run(folder.path(), &[&arguments[..], &["--exhaustive"]].concat());
    let whole: Value = serde_json::from_slice(&whole.stdout).unwrap();
    for report in [&early, &whole] {
        assert_eq!(report["candidates"][1]["verdict"], "fail", "{report:#}");
        assert_eq!(report["recommendation"]["kind"], "keep_baseline", "{report:#}");
    }
    assert_eq!(whole["candidates"][1]["inferences"], 40);
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let folder = bench();
    write_many(folder.path());
    let arguments = [
        "compare",
        "some.gguf",
        "other.gguf",
        "--prompts",
        "many.jsonl",
        "--exhaustive",
        "--max-remeasure=0",
    ];
    let mut child =
        infercost(folder.path(), &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now();
    let spans = loop {
        assert!(patience.elapsed() < Duration::from_secs(120), "the run never began");
        let spans = fs::read_dir(folder.path().join("traces"))
            .ok()
            .and_then(|mut runs| {
                Some(
                    runs.find_map(|run| fs::read_to_string(run.ok()?.path().join("spans.jsonl")).ok())?
                        .lines()
                        .count(),
                )
            })
            .unwrap_or(0);
        if spans >= 15 {
            break spans;
        }
        sleep(Duration::from_millis(2));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let cut = only_run(folder.path());
    let before = inferences(&cut);
    assert!(!before.is_empty() && before.len() < 80, "cut off after {} of 80, {spans} spans", before.len());

    let resumed = run(folder.path(), &["compare", "--resume", "--json"]);
    let report = json(&resumed);
    let after = inferences(&cut);
    assert_eq!(after.len(), 80);
    assert!(after.values().all(|count| *count == 1), "{after:?}");
    for candidate in report["candidates"].as_array().unwrap() {
        assert_eq!(candidate["inferences"], 40);
        assert_eq!(candidate["quality"]["task_score"]["n"], 40);
    }
}

#[test]
fn refusals_are_clear_and_come_first() {
    let folder = bench();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("broken.jsonl", b"{\"id\":\"a\",\"prompt\":\"x\"}\n{\"id\":\"b\",\"prompt\":}\n");
    write("twice.jsonl", b"{\"id\":\"a\",\"prompt\":\"x\"}\n{\"id\":\"a\",\"prompt\":\"y\"}\n");
    write("empty.jsonl", b"\n");
    write("unanswered.jsonl", b"{\"id\":\"a\",\"prompt\":\"x\",\"grader\":\"exact\"}\n");
    write("regex.jsonl", b"{\"id\":\"a\",\"prompt\":\"x\",\"grader\":\"regex\",\"answer\":\"(\"}\n");
    write("long.jsonl", format!("{{\"id\":\"long\",\"prompt\":\"{}\"}}", "word ".repeat(200)).as_bytes());
    write("text.gguf", b"this is no model");
    let whole = fs::read(folder.path().join("some.gguf")).unwrap();
    write("cut.gguf", &whole[..whole.len() / 2]);
    write("strange.gguf", &replaced(&whole, b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0zebra"));
    write("untold.gguf", &replaced(&whole, b"gpt-2", b"gpt-9"));
    write("file", b"");
    write("bad.toml", b"[prices]\ncurrency = \"usd\"\n");
    let check = |arguments: &[&str], code: i32, wanted: &[&str]| {
        let output = run(folder.path(), arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        for words in wanted {
            assert!(error.contains(words), "{arguments:?}: {error} lacks {words:?}");
        }
    };

    let some = |set| ["compare", "some.gguf", "--prompts", set];
    check(&some("broken.jsonl"), 2, &["broken.jsonl:2:"]);
    check(&some("twice.jsonl"), 2, &["twice.jsonl:2:", "`a`", "line 1"]);
    check(&some("empty.jsonl"), 2, &["no prompts"]);
    check(&some("unanswered.jsonl"), 2, &["unanswered.jsonl:1:", "needs an `answer`"]);
    check(&some("regex.jsonl"), 2, &["regex.jsonl:1:"]);
    check(&some("nowhere.jsonl"), 2, &["nowhere.jsonl"]);
    check(&some("long.jsonl"), 1, &["`long`", "512"]);
    let mine = |model| ["compare", model, "--prompts", "mine.jsonl"];
    check(&mine("text.gguf"), 1, &["text.gguf"]);
    check(&mine("cut.gguf"), 1, &["cut.gguf"]);
    check(&mine("strange.gguf"), 1, &["zebra", "llama"]);
    check(&mine("untold.gguf"), 1, &["gpt-9"]);
    check(&mine("nowhere.gguf"), 1, &["nowhere.gguf"]);
    check(
        &["compare", "some.gguf", "--prompts", "mine.jsonl", "--traces", "file/below"],
        1,
        &["file/below", "--traces"],
    );

    check(
        &["compare", "some.gguf", "--prompts", "mine.jsonl", "--baseline", "x"],
        2,
        &["--baseline x", "some"],
    );

    check(
        &["compare", "some.gguf", "--prompts", "mine.jsonl", "--config", "bad.toml"],
        2,
        &["bad.toml", "three capital letters"],
    );

    check(&["compare", "some.gguf", "--prompts", "mine.jsonl", "--require-measured"], 5, &["doctor"]);
    check(&["compare", "--resume"], 2, &["nothing to resume"]);
    check(&["report"], 2, &["infercost compare"]);
    check(&["compare", "--offline"], 1, &["smollm2-135m-instruct"]);
    assert!(
        fs::read_dir(folder.path().join("traces")).is_ok_and(|mut runs| runs.next().is_none()),
        "a refused run left a trace"
    );
}

fn replaced(whole: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = whole.windows(from.len()).position(|window| window == from).unwrap();
    let mut changed = whole.to_vec();
    changed[at..at + from.len()].copy_from_slice(to);
    changed
}

#[test]
fn tokens_of_a_text() {
    let folder = bench();
    fs::write(folder.path().join("text"), "thin <|im_end|>").unwrap();
    let output = run(folder.path(), &["tokenize", "some.gguf", "--text", "text"]);
    let ids = json(&output);
    assert_eq!(ids, serde_json::json!([259, 260, 32, 258]));
}

#[test]
fn speed_of_a_model() {
    let folder = bench();
    let output = run(folder.path(), &["bench", "some.gguf", "-p", "32", "-n", "8", "-r", "2", "--json"]);
    let speed = json(&output);
    for kind in ["prefill_tokens_per_s", "decode_tokens_per_s"] {
        assert!(speed[kind]["point"].as_f64().unwrap() > 0.0, "{speed}");
        assert_eq!(speed[kind]["n"], 2);
    }
}
