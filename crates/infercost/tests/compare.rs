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
use infercost_core::{ChunkArrival, Outcome};
use infercost_trace::{RunStore, read_run};
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
    check(&mine("nowhere.gguf"), 2, &["nowhere.gguf"]);
    check(&mine("smolm2-135m"), 2, &["did you mean `smollm2-135m-instruct`?"]);

    // what needs a load test says so
    let load =
        [("--duration", "5"), ("--load-warm-up", "1s"), ("--slo", "ttft=1s"), ("--arrivals", "constant")];
    for (flag, value) in load {
        let arguments = [&mine("some.gguf")[..], &[flag, value]].concat();
        check(&arguments, 2, &["--rate"]);
    }
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
    fs::write(folder.path().join("two.jsonl"), "\"thin\"\n\n\"in\"\n").unwrap();
    let printed = |more: &[&str]| {
        let output = run(folder.path(), &[&["tokenize", "some.gguf"], more].concat());
        assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };

    assert_eq!(printed(&["--text", "text"]), "[259,260,32,258]\n");
    assert_eq!(printed(&["--jsonl", "two.jsonl"]), "[259,260]\n[260]\n");
    let literal = "[259,260,32,60,124,105,109,95,101,110,100,124,62]\n";
    assert_eq!(printed(&["--text", "text", "--literal"]), literal);
    let pieces =
        "[{\"id\":259,\"piece\":\"th\"},{\"id\":260,\"piece\":\"in\"}]\n[{\"id\":260,\"piece\":\"in\"}]\n";
    assert_eq!(printed(&["--jsonl", "two.jsonl", "--pieces"]), pieces);

    // with --json one object holds all texts
    let object = |more: &[&str]| -> Value {
        let all = [&["--jsonl", "two.jsonl", "--json"], more].concat();
        serde_json::from_str(&printed(&all)).unwrap()
    };
    let texts = serde_json::json!([{"ids": [259, 260], "pieces": null}, {"ids": [260], "pieces": null}]);
    assert_eq!(object(&[])["texts"], texts);
    assert_eq!(object(&["--pieces"])["texts"][0]["pieces"], serde_json::json!(["th", "in"]));
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

/// As llama-bench: each model at each length, whose numbers stand where one model's always stood, too.
#[test]
fn speeds_of_several_models_at_several_lengths() {
    let folder = bench();
    let arguments = ["bench", "some.gguf", "other.gguf", "-p", "8,0.1k", "-n", "4", "-d", "9", "-r", "3"];
    let speeds = json(&run(folder.path(), &[&arguments[..], &["--threads", "1", "--json"]].concat()));
    let models = speeds["models"].as_array().unwrap();
    let names: Vec<&str> = models.iter().map(|model| model["variant"].as_str().unwrap()).collect();
    assert_eq!(names, ["some", "other"], "{speeds:#}");
    for model in models {
        let lengths: Vec<u64> = model["prefill"]
            .as_array()
            .unwrap()
            .iter()
            .map(|prefill| prefill["prompt_tokens"].as_u64().unwrap())
            .collect();
        assert_eq!(lengths, [8, 100], "{model:#}");
        assert!(model["decode_tokens_per_s"]["point"].as_f64().unwrap() > 0.0, "{model:#}");
        assert_eq!(model["engine"]["threads"], 1, "{model:#}");
    }
    assert_eq!((&speeds["variant"], &speeds["prompt_tokens"]), (&"some".into(), &8.into()));
    assert_eq!((&speeds["depth"], &speeds["decode_tokens"]), (&9.into(), &4.into()));

    let text = String::from_utf8(run(folder.path(), &arguments).stdout).unwrap();
    assert!(text.contains("decodes fastest of 2 models"), "{text}");
    assert_eq!(text.matches(" prefill ").count(), 4, "{text}");

    // the model's context is 512 tokens: what does not fit is refused
    for (flag, value) in [("--prompt-tokens", "8,2k"), ("--depth", "600"), ("--decode-tokens", "600")] {
        let output = run(folder.path(), &["bench", "some.gguf", "-r", "1", flag, value]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains("512"), "{flag}: {error}");
    }
    let once =
        run(folder.path(), &["bench", "some.gguf", "some.gguf", "-p", "8", "-n", "4", "--repetitions", "1"]);
    let said = String::from_utf8_lossy(&once.stderr);
    assert!(said.contains("! some.gguf was named twice"), "{said}");
    let text = String::from_utf8_lossy(&once.stdout);
    assert!(text.contains("some decodes ") && text.contains(" tokens/s and prefills "), "{text}");
    assert!(text.contains("prefill and decode have no interval: too few repetitions (-r 5)"), "{text}");
}

/// What every prompt was answered with, in a run of its own.
fn answers(folder: &Path, name: &str, more: &[&str]) -> HashMap<String, String> {
    let arguments = ["record", "some.gguf", "--prompts", "mine.jsonl", "--warm-ups", "0", "--traces", name];
    let output = run(folder, &[&arguments[..], more].concat());
    assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
    let recorded = fs::read_dir(folder.join(name)).unwrap().next().unwrap().unwrap().path();

    let mut answers = HashMap::new();
    for (_, attributes) in spans(&recorded, "inference") {
        let text = |key: &str| attributes.get(key).map_or_else(String::new, |value| value.to_string());
        answers.insert(text("infercost.prompt"), text("output.value"));
    }
    answers
}

/// At a temperature that makes all tokens alike, answers follow the seed; among the likeliest token alone they are greedy.
#[test]
fn flags_of_sampling_change_answers() {
    let folder = bench();
    let hot =
        |name: &str, more: &[&str]| answers(folder.path(), name, &[&["--temperature", "5"], more].concat());
    let greedy = answers(folder.path(), "greedy", &[]);
    assert_eq!(greedy.len(), 3, "{greedy:?}");

    let (one, other) = (hot("one", &["--seed", "1"]), hot("other", &["--seed", "2"]));
    assert!(one != greedy && one != other, "{greedy:?} {one:?} {other:?}");
    assert_eq!(hot("again", &["--seed", "1"]), one);
    assert_eq!(hot("likeliest", &["--top-k", "1"]), greedy);
    assert_eq!(hot("surest", &["--top-p", "0.001%"]), greedy);
}

/// What counts as good enough is kept with the run, for whoever reports on it later.
#[test]
fn thresholds_are_recorded_with_the_run() {
    let folder = bench();
    let policy = |name: &str, more: &[&str]| -> Value {
        answers(folder.path(), name, more);
        let recorded = fs::read_dir(folder.path().join(name)).unwrap().next().unwrap().unwrap().path();
        let header: Value = serde_json::from_slice(&fs::read(recorded.join("run.json")).unwrap()).unwrap();
        header["policy"].clone()
    };
    let usual = policy("usual", &[]);
    let flags = [
        ("--margin", "25%", "margin", 0.25),
        ("--max-kld", "0.5", "max_kld", 0.5),
        ("--min-top1", "0.5", "min_top1", 0.5),
        ("--min-score", "12.5%", "min_score", 0.125),
        ("--confidence", "75%", "confidence", 0.75),
    ];
    let mut all = vec!["--slo", "ttft=9s,share=50%"];
    for (flag, value, _, _) in flags {
        all.extend([flag, value]);
    }
    let given = policy("given", &all);
    for (flag, _, field, value) in flags {
        assert!(given[field] == value && usual[field] != value, "{flag}: {given:#} {usual:#}");
    }
    assert_eq!((&given["slo"]["ttft_s"], &given["slo"]["share"]), (&9.0.into(), &0.5.into()), "{given:#}");

    // the prices are in dollars, and no rate leads elsewhere
    for command in ["record", "compare"] {
        let refused =
            run(folder.path(), &[command, "some.gguf", "--prompts", "mine.jsonl", "--currency", "EUR"]);
        assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    }
}

#[test]
fn the_noise_floor_is_the_baseline_once_more() {
    let folder = bench();
    let arguments = ["compare", "some.gguf", "--prompts", "mine.jsonl", "--warm-ups", "0", "--json"];
    let floors = |more: &[&str]| {
        let report = json(&run(folder.path(), &[&arguments[..], more].concat()));
        let candidates = report["candidates"].as_array().unwrap().clone();
        candidates.iter().filter(|candidate| candidate["noise_floor"] == true).count()
    };
    assert_eq!((floors(&[]), floors(&["--noise-floor"])), (0, 1));
}

/// No test machine has that many boards, and most builds have no CUDA at all.
#[test]
fn a_device_that_is_not_there_is_refused_by_every_command() {
    let folder = bench();
    fs::write(folder.path().join("text"), "the inn ".repeat(50)).unwrap();
    for command in [
        "compare some.gguf --prompts mine.jsonl",
        "record some.gguf --prompts mine.jsonl",
        "bench some.gguf",
        "score some.gguf --text text --context 32",
        "optimize --measure some.gguf other.gguf --prompts mine.jsonl",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--device", "cuda:63"]).collect();
        let output = run(folder.path(), &words);
        let error = String::from_utf8_lossy(&output.stderr);
        if cfg!(feature = "cuda") {
            assert!(!output.status.success() && error.contains("CUDA device 63"), "{command}: {error}");
        } else {
            // before anything is read: the models are not even looked for
            assert_eq!(output.status.code(), Some(2), "{command}: {error}");
            assert!(error.contains("this build has no CUDA; use cpu"), "{command}: {error}");
            assert!(!error.contains("verifying") && !error.contains("loading"), "{command}: {error}");
        }
    }
}

/// What lies under the name of a new file stays, unless it is said that it may go.
#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let folder = bench();
    let kept = folder.path().join("small.gguf");
    fs::write(&kept, "precious").unwrap();
    let arguments = ["quantize", "some.gguf", "Q8_0", "--output", "small.gguf"];

    let refused = run(folder.path(), &arguments);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("small.gguf: the file exists; --force replaces it"), "{error}");
    assert_eq!(fs::read_to_string(&kept).unwrap(), "precious");

    let replaced = run(folder.path(), &[&arguments[..], &["--force"]].concat());
    assert!(replaced.status.success(), "{}", String::from_utf8_lossy(&replaced.stderr));
    assert!(fs::read(&kept).unwrap().starts_with(b"GGUF"));
}

/// The run of that folder with answers of one second each: what measured times allow to say depends on what else the
/// machine did.
fn settle(folder: &Path) {
    let mut record = read_run(folder).unwrap();
    for window in &mut record.windows {
        window.wall_time = Duration::from_secs(window.inferences.len() as u64);
        for (seconds, inference) in (0..).map(Duration::from_secs).zip(&mut window.inferences) {
            inference.issued_at = window.started_at + seconds;
            let Outcome::Completed { latency, arrivals, output_tokens, .. } = &mut inference.outcome else {
                continue;
            };
            *latency = Duration::from_secs(1);
            *arrivals = vec![ChunkArrival { at: *latency, tokens: *output_tokens }].into();
        }
    }

    fs::remove_dir_all(folder).unwrap();
    let mut store = RunStore::create(folder.parent().unwrap(), &record.header).unwrap();
    record.windows.iter().for_each(|window| store.window(window).unwrap());
    record.evaluations.iter().for_each(|evaluation| store.evaluation(evaluation).unwrap());
    store.finish(record.finished_at.unwrap()).unwrap();
}

/// What `optimize` says to type names files as they were named, and can be typed.
#[test]
fn commands_that_are_suggested_name_files() {
    let folder = bench();
    let prompt =
        |index: u32| format!("{{\"id\":\"p{index}\",\"prompt\":\"Count {index}.\",\"max_tokens\":4}}\n");
    fs::write(folder.path().join("mine.jsonl"), (0..20).map(prompt).collect::<String>()).unwrap();
    let compare = ["compare", "some.gguf", "other.gguf", "--prompts", "mine.jsonl"];
    let answer = run(folder.path(), &compare);
    assert!(matches!(answer.status.code(), Some(0 | 1 | 3)), "{}", String::from_utf8_lossy(&answer.stderr));
    settle(&only_run(folder.path()));

    let told = json(&run(folder.path(), &["optimize", "--json"]));
    let changes = told["changes"].as_array().unwrap();
    let other = changes.iter().find(|change| change["to"] == "other").unwrap();
    assert_eq!(other["command"], "use other.gguf in its place", "{told:#}");
    assert_eq!(
        other["confirm"],
        "infercost compare some.gguf other.gguf --baseline some.gguf --prompts mine.jsonl --exhaustive"
    );
    let threads = changes.iter().find(|change| change["kind"] == "threads").unwrap();
    assert_eq!(threads["command"], "infercost record some.gguf --threads 1 --prompts mine.jsonl");
}
