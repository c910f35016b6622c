//! Servers under load: targets, the knee, a run that is killed on its way up.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_openai_mock::{Reply, StandIn, StreamScript};
use serde_json::Value;

use super::{SHORT, alone, bench, serving, taking, url};
use crate::program::{infercost, json, run};
use crate::run_on_disk::{only_run, spans};

/// Two at a time are answered in a fraction of the target, more in a multiple of it.
#[test]
fn targets_are_kept_or_not() {
    let _alone = alone();
    let folder = bench();
    let server = serving(taking(|in_flight| Duration::from_millis(if in_flight <= 2 { 20 } else { 400 })));
    let url = url(&server);
    let arguments = [
        "compare",
        &url,
        "--prompts",
        "mine.jsonl",
        "--concurrency",
        "1,2,16",
        "--duration",
        SHORT,
        "--slo",
        "ttft=200ms",
        "--json",
    ];
    let report = json(&run(folder.path(), &arguments));
    let points = report["candidates"][0]["operating_points"].as_array().unwrap();
    let verdicts: Vec<&str> = points.iter().filter_map(|point| point["meets_targets"].as_str()).collect();
    assert_eq!(verdicts, ["pass", "pass", "fail"], "{points:#?}");
    assert!(points[2]["goodput"]["point"].as_f64().unwrap() < 0.5);
    let recommendation = &report["recommendation"];
    assert_eq!(recommendation["kind"], "keep_baseline");
    assert_eq!(recommendation["operating_point"]["concurrency"], 2, "{recommendation:#}");

    // other targets, same trace
    let other = json(&run(folder.path(), &["report", "--slo", "ttft=2s", "--json"]));
    assert_eq!(other["candidates"][0]["operating_points"][2]["meets_targets"], "pass");
}

/// The server answers 10, 20, 30 and 40 requests a second at 1 to 4 in flight, and 29 at any more: each step of the sweep
/// is decided by a quarter at least, which no busy machine makes up for.
#[test]
fn a_sweep_finds_the_knee() {
    let _alone = alone();
    let folder = bench();
    let time = |in_flight: usize| if in_flight <= 4 { 100 } else { 35 * in_flight as u64 };
    let server = serving(taking(move |in_flight| Duration::from_millis(time(in_flight))));
    let url = url(&server);
    let arguments = ["compare", &url, "--prompts", "mine.jsonl", "--sweep", "--duration", SHORT, "--json"];
    let report = json(&run(folder.path(), &arguments));
    let points = report["candidates"][0]["operating_points"].as_array().unwrap();
    let at = |point: &Value| point["operating_point"]["concurrency"].as_u64().unwrap();
    assert_eq!(points.iter().map(at).collect::<Vec<_>>(), [1, 2, 3, 4, 8], "{points:#?}");
    let knees = points.iter().filter(|point| point["knee"] == true);
    assert_eq!(knees.map(at).collect::<Vec<_>>(), [4], "{points:#?}");
}

/// The server grows with every request in flight, so that the way up would go on to the limit.
#[test]
fn a_sweep_ends_at_its_limit() {
    let _alone = alone();
    let folder = bench();
    let server = serving(taking(|_| Duration::from_millis(100)));
    let url = url(&server);
    let arguments = ["compare", &url, "--prompts", "mine.jsonl", "--sweep", "--sweep-limit", "2", "--json"];
    let report = json(&run(folder.path(), &[&arguments[..], &["--duration", SHORT]].concat()));
    let points = report["candidates"][0]["operating_points"].as_array().unwrap();
    let at: Vec<u64> =
        points.iter().filter_map(|point| point["operating_point"]["concurrency"].as_u64()).collect();
    assert_eq!(at, [1, 2], "{points:#?}");
}

/// When requests of an open loop of 25 a second came, and how long before those that count the load began.
fn arrivals(more: &[&str]) -> (Vec<Instant>, f64) {
    let folder = bench();
    let came = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&came);
    let server = serving(move |_| {
        kept.lock().unwrap().push(Instant::now());
        StreamScript { first: Duration::from_millis(5), tokens_per_chunk: 10, ..StreamScript::default() }
            .reply()
    });
    let url = url(&server);
    let arguments = ["record", &url, "--prompts", "mine.jsonl", "--warm-ups", "0", "--rate", "25"];
    let output = run(folder.path(), &[&arguments[..], &["--duration", SHORT], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let windows = spans(&only_run(folder.path()), "window");
    let (_, window) = windows.iter().find(|(_, one)| one.contains_key("infercost.load")).unwrap();
    let steady = window["infercost.load.steady_from_ns"]["intValue"].as_str().unwrap();
    let came = came.lock().unwrap().clone();
    (came, steady.parse::<f64>().unwrap() / 1e9)
}

/// How unevenly the last twenty requests came: the standard deviation of their distances, by their mean.
fn unevenness(came: &[Instant]) -> f64 {
    let last = &came[came.len() - 20..];
    let gaps: Vec<f64> = last.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    variance.sqrt() / mean
}

/// Independent users come at exponential distances, whose standard deviation is their mean.
#[test]
fn arrivals_and_warm_up_are_as_asked() {
    let _alone = alone();
    let (independent, warm_up) = arrivals(&[]);
    assert!((0.1..0.5).contains(&warm_up), "a tenth of {SHORT}: {warm_up}");
    let (even, longer) = arrivals(&["--arrivals", "constant", "--load-warm-up", "700ms"]);
    assert!((0.7..1.2).contains(&longer), "{longer}");

    let (random, regular) = (unevenness(&independent), unevenness(&even));
    assert!(random > 0.5 && regular < random / 2.0, "{random} and {regular}");
}

/// llama.cpp's server is told to leave its cache alone, unless it may use it.
#[test]
fn a_prompt_cache_is_used_where_it_may_be() {
    let _alone = alone();
    let asked = |more: &[&str]| {
        let folder = bench();
        let bodies = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&bodies);
        let script = StreamScript::default();
        let server = StandIn::start(move |asked| match asked.path {
            path if path.ends_with("/completions") => {
                kept.lock().unwrap().push_str(asked.body);
                script.reply()
            }
            "/v1/models" => Reply::json(r#"{"object":"list","data":[{"id":"m","owned_by":"llamacpp"}]}"#),
            _ => Reply::not_found(),
        })
        .unwrap();
        let url = url(&server);
        let arguments = ["record", &url, "--prompts", "mine.jsonl", "--warm-ups", "0"];
        let output = run(folder.path(), &[&arguments[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        bodies.lock().unwrap().clone()
    };

    let (left, used) = (asked(&[]), asked(&["--prompt-cache"]));
    assert!(left.contains("\"cache_prompt\":false"), "{left}");
    assert!(!used.is_empty() && !used.contains("cache_prompt"), "{used}");
}

#[test]
fn a_killed_run_goes_on_with_the_point_it_was_at() {
    let _alone = alone();
    let folder = bench();
    let server =
        serving(|_| StreamScript { first: Duration::from_millis(20), ..StreamScript::default() }.reply());
    let url = url(&server);
    let arguments =
        ["compare", &url, "--prompts", "mine.jsonl", "--concurrency", "1,2,3", "--duration", "1500ms"];
    let mut child =
        infercost(folder.path(), &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now();
    let loaded = |run: &Path| {
        let windows = spans(run, "window");
        windows.iter().filter(|(_, one)| one.contains_key("infercost.load")).count()
    };
    let traces = folder.path().join("traces");
    let repetitions = |run: &Path| spans(run, "inference").len();
    let mut at_first = None;
    loop {
        assert!(patience.elapsed() < Duration::from_secs(120), "the run never came so far");
        let mut runs = fs::read_dir(&traces).into_iter().flatten().flatten().map(|entry| entry.path());
        let run = runs.find(|path| path.join("spans.jsonl").is_file());
        if let Some(run) = run.filter(|run| loaded(run) >= 1) {
            let now = repetitions(&run);
            if now > *at_first.get_or_insert(now) + 5 {
                break;
            }
        }
        sleep(Duration::from_millis(5));
    }

    child.kill().unwrap();
    child.wait().unwrap();
    let cut = only_run(folder.path());
    let report = json(&run(folder.path(), &["compare", "--resume", "--json"]));
    let points = report["candidates"][0]["operating_points"].as_array().unwrap();
    assert_eq!(points.len(), 3, "{points:#?}");
    let windows = spans(&cut, "window");
    let interrupted = windows
        .iter()
        .filter(|(_, one)| one["infercost.window.interrupted"]["boolValue"] == true)
        .collect::<Vec<_>>();
    assert_eq!(interrupted.len(), 1);
    assert!(interrupted[0].1.contains_key("infercost.load"));
    assert_eq!(loaded(&cut), 4, "three points and the one that was cut off");
    let mut seen = HashSet::new();

    for (_, one) in spans(&cut, "inference") {
        let key = ["infercost.prompt", "infercost.repetition"].map(|name| one[name].to_string());
        assert!(seen.insert(key.join(" ")), "an inference stands twice");
    }
    let notes = report["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("was cut off")), "{notes:#?}");
}
