//! Servers through the binary: beside a model in process, under load, broken, started and stopped.
//!
//! Tests in real time one at a time: they share two cores with whatever else runs.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod program;
mod run_on_disk;
mod tiny;

use std::collections::HashSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use infercost_served_stand_in::{Asked, Fault, Reply, StandIn, StreamScript};
use program::{infercost, json, run};
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

/// Answers after the time that `time` gives for so many requests in flight, this one included. The script reckons them
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
        ["sent no `usage` with 3 of 3", "did not tell the prompt tokens of 3 of 3", "from a prompt cache"]
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

#[test]
fn faults_are_counted_by_kind_and_the_run_is_on_disk() {
    let _alone = alone();
    let folder = bench();
    let prompts: String = (0..8)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"fault {index}.\",\"max_tokens\":16}}\n"))
        .collect();
    fs::write(folder.path().join("faults.jsonl"), prompts).unwrap();
    let broken = |fault| StreamScript { fault: Some((2, fault)), ..StreamScript::default() }.reply();
    let replies = [
        ("fault 1.", broken(Fault::Reset), "connection"),
        ("fault 2.", broken(Fault::HalfJson), "protocol"),
        ("fault 3.", broken(Fault::Stall), "timeout"),
        ("fault 4.", Reply::error(400, &[], r#"{"error":{"message":"no such model"}}"#), "status"),
        ("fault 5.", Reply::whole(200, "text/html", &[], "<html>it works</html>"), "protocol"),
        ("fault 6.", broken(Fault::ErrorObject), "status"),
    ];
    let script: Vec<(&str, Reply)> =
        replies.iter().map(|(asked, reply, _)| (*asked, reply.clone())).collect();
    let server = serving(move |asked| {
        let found = script.iter().find(|(text, _)| asked.body.contains(text));
        found.map_or_else(|| StreamScript::default().reply(), |(_, reply)| reply.clone())
    });
    let url = url(&server);
    let arguments = [
        "compare",
        &url,
        "--prompts",
        "faults.jsonl",
        "--warm-ups",
        "0",
        "--request-timeout",
        "2s",
        "--json",
    ];
    let report = json(&run(folder.path(), &arguments));
    let candidate = &report["candidates"][0];
    assert_eq!((&candidate["inferences"], &candidate["failures"]), (&8.into(), &6.into()), "{candidate:#}");
    for kind in ["connection", "protocol", "timeout", "status"] {
        let expected = replies.iter().filter(|(.., of)| *of == kind).count();
        assert_eq!(candidate["failure_kinds"][kind], expected, "{kind}: {candidate:#}");
    }
    assert_eq!(spans(&only_run(folder.path()), "inference").len(), 8);
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

/// Servers that repeat what they were asked, or what they had answered, in each of their errors.
#[test]
fn errors_that_repeat_prompts_do_not_reach_the_disk_without_content() {
    let _alone = alone();
    let prompts: String = (0..5)
        .map(|index| format!("{{\"id\":\"p{index}\",\"prompt\":\"marmot {index}.\",\"max_tokens\":16}}\n"))
        .collect();
    let echo = |asked: &Asked<'_>| format!(r#"{{"error":{{"message":{}}}}}"#, Value::from(asked.body));
    let serve = move || {
        let none = Reply::not_found();
        StandIn::start(move |asked| match asked.path {
            "/v1/models" => Reply::json(r#"{"object":"list","data":[{"id":"m","owned_by":"vllm"}]}"#),
            "/v1/chat/completions" if asked.body.contains("marmot 1.") => {
                Reply::error(400, &[], &echo(asked))
            }
            "/v1/chat/completions" if asked.body.contains("marmot 2.") => {
                Reply::whole(200, "text/event-stream", &[], &format!("data: {}\n\n", echo(asked)))
            }
            "/v1/chat/completions" if asked.body.contains("marmot 3.") => {
                let event = r#"data: {"choices":"the marmot said"}"#;
                Reply::whole(200, "text/event-stream", &[], &format!("{event}\n\n"))
            }
            "/v1/chat/completions" => StreamScript::default().reply(),
            "/tokenize" => Reply::json(r#"{"tokens":[1,2]}"#),
            // what scores are asked from
            "/v1/completions" => Reply::error(400, &[], &echo(asked)),
            _ => none.clone(),
        })
        .unwrap()
    };
    for (flags, is_kept) in
        [(&[][..], true), (&["--no-content"][..], false), (&["--redact", "marmot"], false)]
    {
        let folder = bench();
        fs::write(folder.path().join("echo.jsonl"), &prompts).unwrap();
        tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
        let server = serve();
        let url = url(&server);
        let mut arguments = vec!["record", "some.gguf", &url, "--prompts", "echo.jsonl", "--warm-ups", "0"];
        arguments.extend(flags);
        let output = infercost(folder.path(), &arguments).env("INFERCOST_LOG", "debug").output().unwrap();
        let run = only_run(folder.path());
        let failures =
            spans(&run, "inference").iter().filter(|(span, _)| span["status"]["code"] == 2).count();
        assert_eq!(failures, 3, "{}", String::from_utf8_lossy(&output.stderr));
        let impossible: Vec<String> = spans(&run, "evaluation")
            .iter()
            .map(|(_, one)| one["gen_ai.evaluation.explanation"]["stringValue"].to_string())
            .filter(|reason| reason.contains("do not echo"))
            .collect();
        assert_eq!(impossible.len(), 5, "what infercost says of it stays");
        let texts = texts_below(&run);
        let said: Vec<_> = texts.iter().filter(|(_, text)| text.contains("marmot")).collect();
        // the pattern of --redact is part of the command line that a run repeats
        let said = said.iter().filter(|(path, _)| is_kept || flags.len() < 2 || !path.ends_with("run.json"));
        assert_eq!(said.count() > 0, is_kept, "{flags:?}");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(is_kept || !log.contains("marmot"), "{log}");
    }
}

#[test]
fn a_server_that_dies_leaves_a_run_that_says_so() {
    let _alone = alone();
    let folder = bench();
    let server = serving(|asked| {
        // the trial and the warm-ups come first
        let fault = (asked.number > 6).then_some((1, Fault::Die));
        StreamScript { fault, ..StreamScript::default() }.reply()
    });
    let url = url(&server);
    let arguments = [
        "compare",
        &url,
        "--prompts",
        "mine.jsonl",
        "--repetitions",
        "2",
        "--concurrency",
        "2,4",
        "--duration",
        "1s",
        "--request-timeout",
        "2s",
        "--json",
    ];
    let report = json(&run(folder.path(), &arguments));
    let candidate = &report["candidates"][0];
    assert_eq!(candidate["inferences"], 6, "{candidate:#}");
    assert!(candidate["failure_kinds"]["connection"].as_u64().is_some_and(|n| n >= 1), "{candidate:#}");
    let points = candidate["operating_points"].as_array().unwrap();
    assert_eq!(points.len(), 1, "a dead server was driven on: {points:#?}");
    assert!(points[0]["requests_per_s"].is_null() && points[0]["failures"].as_u64().unwrap() > 0);
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

/// The report on a server whose address is not this machine's; it is reached through a proxy on loopback, so that no second
/// machine is needed.
fn elsewhere(folder: &Path, more: &[&str]) -> Value {
    let script = StreamScript { first: Duration::from_millis(800), ..StreamScript::default() };
    let proxy = StandIn::start(move |asked| match asked.path {
        path if !path.starts_with("http://gpu.example:8000/") => Reply::not_found(),
        path if path.ends_with("/completions") => script.reply(),
        path if path.ends_with("/v1/models") => Reply::json(MODELS),
        _ => Reply::not_found(),
    })
    .unwrap();
    let arguments = ["compare", "http://gpu.example:8000/v1#m", "--prompts", "mine.jsonl", "--json"];
    let mut command = infercost(folder, &[&arguments, more].concat());
    command.env("http_proxy", proxy.base().trim_end_matches("/v1")).env("no_proxy", "127.0.0.1");
    command.env_remove("HTTP_PROXY").env_remove("NO_PROXY").env_remove("REQUEST_METHOD");
    let output = command.output().unwrap();
    let report = json(&output);
    assert_eq!(report["candidates"][0]["inferences"], 3, "{report:#}");
    assert_eq!(report["candidates"][0]["failures"], 0, "{report:#}");
    report["candidates"][0].clone()
}

#[test]
fn a_server_elsewhere_is_metered_and_priced_only_as_told() {
    let _alone = alone();
    let folder = bench();
    let found = elsewhere(folder.path(), &[]);
    let (energy, cost) = (&found["energy"], &found["cost"]);
    assert!(energy["gross_j"].is_null() && energy["per_inference_j"].is_null(), "{found:#}");
    assert!(cost["components"]["hardware"].is_null() && cost["components"]["energy"].is_null(), "{found:#}");
    let reasons = [&found["unknown"]["energy"], &cost["left_out"]["hardware"]];
    let wanted = ["point --meter at a plug or an exporter there", "give its rate per hour"];
    for (reason, wanted) in reasons.iter().zip(wanted) {
        let reason = reason.as_str().unwrap_or_default();
        assert!(reason.contains("gpu.example") && reason.contains(wanted), "{found:#}");
    }

    // a plug there, which shows 50 W
    let plug = StandIn::start(|_| Reply::json(r#"{"id":0,"apower":50.0}"#)).unwrap();
    let meter = format!("shelly:{}", plug.base().trim_end_matches("/v1"));
    let found = elsewhere(folder.path(), &["--meter", &meter]);
    let (energy, cost) = (&found["energy"], &found["cost"]);
    assert_eq!(energy["source"], "integrated", "{found:#}");
    let watts = energy["gross_j"].as_f64().unwrap() / (3.0 * found["latency_s"]["p50"].as_f64().unwrap());
    assert!((watts / 50.0 - 1.0).abs() < 0.2, "{watts} W: {found:#}");
    assert!(cost["components"]["energy"].as_f64().unwrap() > 0.0, "{found:#}");
    assert!(cost["components"]["hardware"].is_null(), "{found:#}");

    // a rate by the hour: 0.1 cent a second, and each request takes 0.8 s
    let rate = concat!(
        "[prices]\ncurrency = \"EUR\"\n",
        "hardware = { kind = \"rented\", per_hour = 3.6, source = \"offer\", date = 2026-11-01 }\n"
    );
    fs::write(folder.path().join("infercost.toml"), rate).unwrap();
    let found = elsewhere(folder.path(), &[]);
    let hardware = found["cost"]["components"]["hardware"].as_f64().unwrap();
    assert!((0.0008..0.0012).contains(&hardware), "{found:#}");
    assert!(found["energy"]["gross_j"].is_null(), "{found:#}");
}

/// Both times of a process and of its children that have ended, in seconds (proc_pid_stat(5)).
fn cpu_seconds(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(4).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

/// The server has its work done by a process that it starts, as servers do. What `/proc` shows is this machine's own, but
/// for the CPU's name: 150 W and 40 threads in the table.
#[test]
fn an_estimate_counts_the_processes_of_a_server_on_this_machine() {
    let _alone = alone();
    let folder = bench();
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "stub_server", &format!("port={free}")])
        .env("STUB_MODE", "busy")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now();
    while !answers(free) && patience.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(10));
    }
    let proc = folder.path().join("proc");
    fs::create_dir(&proc).unwrap();
    fs::write(proc.join("cpuinfo"), "model name\t: Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz\n").unwrap();
    for entry in ["self".to_owned(), server.id().to_string()] {
        std::os::unix::fs::symlink(Path::new("/proc").join(&entry), proc.join(&entry)).unwrap();
    }
    let before = cpu_seconds(server.id());
    let url = format!("http://127.0.0.1:{free}/v1#m");
    let arguments = ["compare", &url, "--prompts", "mine.jsonl", "--warm-ups", "0", "--estimate", "--json"];
    let output = infercost(folder.path(), &arguments).env("INFERCOST_PROC_ROOT", &proc).output().unwrap();
    let used = cpu_seconds(server.id()) - before;
    server.kill().unwrap();
    server.wait().unwrap();
    let report = json(&output);
    let energy = &report["candidates"][0]["energy"];
    assert_eq!(energy["source"], "estimated", "{report:#}");
    // One more request than the three that are measured tried the server out.
    let expected = 0.75 * used * 150.0 / 40.0;
    let ratio = energy["gross_j"].as_f64().unwrap() / expected;
    assert!(expected > 1.0 && (0.8..1.6).contains(&ratio), "{ratio} of {expected} J: {energy:#}");
}

/// Whether anything listens on the port.
fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Not a test: what `--serve` starts in the test below. Forwards the port that it is told to a scripted server.
#[test]
#[ignore = "a server for another test"]
fn stub_server() {
    let Some(port) = std::env::args().find_map(|word| word.strip_prefix("port=")?.parse::<u16>().ok()) else {
        return;
    };
    let mode = std::env::var("STUB_MODE").unwrap_or_default();
    writeln!(std::io::stderr(), "stub: {mode} on {port}").unwrap();
    assert_ne!(mode, "broken", "the stub was told to break");
    // a model takes its time to load
    sleep(Duration::from_millis(300));
    let script = StreamScript { first: Duration::from_millis(2), ..StreamScript::default() };
    let server = serving(move |_| {
        if mode == "busy" {
            let work = "n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done";
            assert!(Command::new("sh").args(["-c", work]).status().unwrap().success());
        }
        script.reply()
    });
    let to = server.base().trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for near in listener.incoming() {
        let (Ok(near), Ok(far)) = (near, TcpStream::connect(&to)) else { continue };
        for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(read) = from.read(&mut bytes) {
                    if read == 0 || to.write_all(&bytes[..read]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
        }
    }
}

fn stub_command() -> String {
    let this = std::env::current_exe().unwrap();
    format!("'{}' --ignored --exact --nocapture stub_server port={{port}} model={{model}}", this.display())
}

/// The port that the stub said it was told, by its log.
fn stub_port(log: &Path) -> u16 {
    let text = fs::read_to_string(log).unwrap();
    let said = text.lines().find(|line| line.starts_with("stub:")).unwrap();
    said.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn serve_starts_awaits_uses_and_stops_a_server() {
    let _alone = alone();
    let folder = bench();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    tiny::write_model(&folder.path().join("other.gguf"), 1, GgmlDType::Q8_0).unwrap();
    let command = stub_command();
    let arguments = [
        "compare",
        "some.gguf",
        "other.gguf",
        "--prompts",
        "mine.jsonl",
        "--serve",
        &command,
        "--concurrency",
        "2",
        "--duration",
        "1s",
        "--json",
    ];
    let output = run(folder.path(), &arguments);
    let report = json(&output);
    for candidate in report["candidates"].as_array().unwrap() {
        assert_eq!(
            (&candidate["inferences"], &candidate["failures"]),
            (&3.into(), &0.into()),
            "{candidate:#}"
        );
        assert!(candidate["engine"]["device"].as_str().unwrap().contains("http://127.0.0.1:"));
        assert!(candidate["engine"]["weights_sha256"].is_string());
        assert_eq!(candidate["operating_points"].as_array().unwrap().len(), 1);
    }
    let run_folder = only_run(folder.path());
    for name in ["server-some.log", "server-other.log"] {
        assert!(!answers(stub_port(&run_folder.join(name))), "{name}: a server outlived the run");
    }
    assert!(spans(&run_folder, "inference").iter().all(|(span, _)| span["kind"] == 3));
}

#[test]
fn a_run_without_content_keeps_no_log_of_its_server() {
    let _alone = alone();
    let command = stub_command();
    for (flags, is_kept) in
        [(&[][..], true), (&["--no-content"][..], false), (&["--redact", "[0-9]{9}"], false)]
    {
        let folder = bench();
        tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
        let mut arguments = vec!["record", "some.gguf", "--prompts", "mine.jsonl", "--serve", &command];
        arguments.extend(flags);
        let mut process = infercost(folder.path(), &arguments);
        let output = process.env("STUB_MODE", "chinchilla").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(spans(&only_run(folder.path()), "inference").len(), 3);
        let texts = texts_below(&folder.path().join("traces"));
        let logs = texts.iter().filter(|(_, text)| text.contains("chinchilla")).count();
        assert_eq!(logs, usize::from(is_kept), "{flags:?}");
        assert_eq!(said.contains("log is not kept"), !is_kept, "{said}");
    }
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let _alone = alone();
    let folder = bench();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    let command = stub_command();
    let mut process =
        infercost(folder.path(), &["compare", "some.gguf", "--prompts", "mine.jsonl", "--serve", &command]);
    let output = process.env("STUB_MODE", "broken").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("ended before it answered") && error.contains("told to break"), "{error}");
    let left: Vec<_> = fs::read_dir(folder.path().join("traces")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    for (command, wanted) in
        [("no-such-program {model} {port}", "no-such-program"), ("server --port {port}", "{model}")]
    {
        let output =
            run(folder.path(), &["compare", "some.gguf", "--prompts", "mine.jsonl", "--serve", command]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(wanted), "{error}");
    }
}

#[test]
fn an_interrupted_run_stops_its_server() {
    let _alone = alone();
    // under `nohup` a hangup is ignored, here and in what is started from here: bit 0 of the mask (proc(5))
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let hears_hangups = u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 == 0;
    for signal in ["-TERM", "-HUP", "-QUIT"] {
        if signal != "-HUP" || hears_hangups {
            interrupt_with(signal);
        }
    }
}

fn interrupt_with(signal: &str) {
    let folder = bench();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    let command = stub_command();
    let arguments = [
        "compare",
        "some.gguf",
        "--prompts",
        "mine.jsonl",
        "--serve",
        &command,
        "--concurrency",
        "2",
        "--duration",
        "60s",
    ];
    let mut child =
        infercost(folder.path(), &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now();
    let log = loop {
        assert!(patience.elapsed() < Duration::from_secs(120), "the server never came up");
        let runs = fs::read_dir(folder.path().join("traces")).into_iter().flatten().flatten();
        let log = runs.map(|run| run.path().join("server-some.log")).find(|path| path.is_file());
        if let Some(log) = log {
            break log;
        }
        sleep(Duration::from_millis(10));
    };
    let port = stub_port(&log);
    assert!(answers(port));
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{signal}: {status}");
    // a server that was killed needs a moment to be gone
    let patience = Instant::now();
    while answers(port) {
        assert!(patience.elapsed() < Duration::from_secs(5), "{signal}: the server outlived the run");
        sleep(Duration::from_millis(10));
    }
}
