//! `export`, live export, and reports on other programs' traces, through the binary and against replicas.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod program;
mod schema;
mod tiny;
mod workspace;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use program::{infercost, json, run};
use schema::hold;
use serde_json::Value;
use tempfile::TempDir;

/// A request as it came: its first line and headers, and its body.
type Request = (String, Vec<u8>);

/// The address of a server, and what came to it.
type Replica = (String, Arc<Mutex<Vec<Request>>>);

/// Answers every request with that status; keeps what came.
fn replica(status: u16) -> Replica {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let all: Arc<Mutex<Vec<Request>>> = Arc::default();
    let kept = Arc::clone(&all);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            thread::spawn(move || serve(stream, status, &kept));
        }
    });
    (url, all)
}

fn serve(mut stream: TcpStream, status: u16, kept: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        kept.lock().unwrap().push((head, body));
        write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")?;
    }
}

fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let recorded = workspace::sample_run();
    let copy = folder.path().join("traces/sample");
    fs::create_dir_all(&copy).unwrap();
    for name in ["run.json", "spans.jsonl"] {
        fs::copy(recorded.join(name), copy.join(name)).unwrap();
    }
    folder
}

fn run_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    infercost(folder, arguments).envs(variables.iter().copied()).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn langsmith_and_langfuse_get_what_they_read() {
    let folder = bench();
    let (url, requests) = replica(200);
    let langsmith = [
        ("LANGSMITH_API_KEY", "ls-secret-key"),
        ("LANGSMITH_ENDPOINT", url.as_str()),
        ("LANGSMITH_PROJECT", "costs"),
        // another collector's secrets stay away
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-other=other-secret"),
    ];

    let output = run_with(folder.path(), &["export", "--langsmith", "--compression", "none"], &langsmith);
    assert!(output.status.success(), "{}", told(&output));
    let langfuse = [
        ("LANGFUSE_PUBLIC_KEY", "pk"),
        ("LANGFUSE_SECRET_KEY", "lf-secret-key"),
        ("LANGFUSE_BASE_URL", url.as_str()),
    ];

    let output =
        run_with(folder.path(), &["export", "--langfuse", "--compression", "none", "--json"], &langfuse);
    assert!(output.status.success(), "{}", told(&output));
    hold("export.v1", "export", &[json(&output)]);
    let requests = requests.lock().unwrap();
    let [(smith, smith_body), (fuse, fuse_body)] = requests.as_slice() else { panic!("{}", requests.len()) };
    assert!(smith.starts_with("POST /otel/v1/traces "), "{smith}");
    assert!(
        smith.contains("x-api-key: ls-secret-key") && smith.contains("langsmith-project: costs"),
        "{smith}"
    );
    assert!(!smith.contains("other-secret"), "{smith}");

    for name in
        ["langsmith.span.kind", "langsmith.metadata.cost_total", "gen_ai.input.messages", "gen_ai.system"]
    {
        assert!(holds(smith_body, name), "{name}");
    }

    assert!(fuse.starts_with("POST /api/public/otel/v1/traces "), "{fuse}");
    assert!(fuse.contains("authorization: Basic cGs6bGYtc2VjcmV0LWtleQ=="), "{fuse}");

    for name in [
        "langfuse.observation.type",
        "langfuse.observation.cost_details",
        "langfuse.observation.usage_details",
    ] {
        assert!(holds(fuse_body, name), "{name}");
    }

    for body in [smith_body, fuse_body] {
        assert!(!holds(body, "secret-key"), "a secret is in a span");
    }
    let missing = run_with(folder.path(), &["export", "--langfuse"], &[("LANGFUSE_PUBLIC_KEY", "pk-secret")]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(told(&missing).contains("LANGFUSE_SECRET_KEY") && !told(&missing).contains("pk-secret"));
}

/// A run that is recorded goes to the same places when it is done.
#[test]
fn runs_are_sent_along_when_they_are_done() {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    fs::write(folder.path().join("one.txt"), "Say a.\n").unwrap();
    let (url, requests) = replica(200);
    let variables = [
        ("LANGSMITH_API_KEY", "ls-secret-key"),
        ("LANGSMITH_ENDPOINT", url.as_str()),
        ("LANGFUSE_PUBLIC_KEY", "pk"),
        ("LANGFUSE_SECRET_KEY", "lf-secret-key"),
        ("LANGFUSE_BASE_URL", url.as_str()),
    ];
    for (command, flag, path) in [
        ("record", "--langsmith", "/otel/v1/traces"),
        ("compare", "--langfuse", "/api/public/otel/v1/traces"),
    ] {
        let arguments = [command, "some.gguf", "--prompts", "one.txt", "--warm-ups", "0", flag];
        let output = run_with(folder.path(), &arguments, &variables);
        let came = requests.lock().unwrap().drain(..).collect::<Vec<Request>>();
        assert!(came.iter().any(|(head, _)| head.starts_with(&format!("POST {path} "))), "{}", told(&output));
    }
}

/// What an export of the newest run sends to a replica, as JSON that is not compressed.
#[track_caller]
fn sent_plainly(folder: &Path, (url, requests): &Replica, more: &[&str]) -> Vec<Request> {
    requests.lock().unwrap().clear();
    let wire = ["export", "--otlp", url, "--otlp-protocol", "http/json", "--compression", "none"];
    let output = run(folder, &[&wire[..], more].concat());
    assert!(output.status.success(), "{more:?}: {}", told(&output));
    requests.lock().unwrap().drain(..).collect()
}

/// Texts stay here, and so do costs, where somebody says so.
#[test]
fn content_and_costs_are_left_out_where_it_is_asked() {
    let folder = bench();
    let replica = replica(200);
    let sent = |more: &[&str]| {
        let requests = sent_plainly(folder.path(), &replica, more);
        let holds_any = |text: &str| requests.iter().any(|(_, body)| holds(body, text));
        (holds_any("\"input.value\""), holds_any("infercost.cost"))
    };
    assert_eq!(sent(&[]), (true, true));
    assert_eq!(sent(&["--no-content"]), (false, true));
    assert_eq!(sent(&["--plain"]), (true, false));
}

#[test]
fn refusals_are_clear_and_tell_no_secret() {
    let folder = bench();
    let check = |arguments: &[&str], code: i32, wanted: &str| {
        let output = run(folder.path(), &[&["export"], arguments].concat());
        let told = told(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(wanted) && !told.contains("secret-value"), "{arguments:?}: {told}");
    };
    check(&[], 2, "OTEL_EXPORTER_OTLP_ENDPOINT");
    check(&["nowhere", "--otlp", "http://127.0.0.1:9"], 2, "is not a run");
    check(&["--otlp", "localhost:4318"], 2, "http://");
    check(&["--otlp", "http://u:secret-value@h"], 2, "--otlp-header");
    check(&["--otlp", "http://127.0.0.1:9", "--header", "a b=secret-value"], 2, "header");
    check(&["--otlp", "http://127.0.0.1:9", "--header", "secret-value"], 2, "NAME=VALUE");
    check(&["--otlp", "http://127.0.0.1:9", "--redact", "("], 2, "--redact");
    check(&["--otlp", "http://127.0.0.1:9", "--redact", "x*"], 2, "empty text");
    check(&["--otlp", "http://a", "--langfuse"], 2, "--langfuse");
    check(&["--otlp", "http://127.0.0.1:9", "--protocol", "smoke"], 2, "http/json");
    let (url, _) = replica(401);
    check(&["--otlp", &url, "--header", "x-api-key=secret-value"], 1, "401");
    // a file of the run that is broken is named, and its bytes are escaped
    fs::write(folder.path().join("traces/sample/spans.jsonl"), "{\"resourceSpans\":\u{1b}[31m}\n{}\n")
        .unwrap();
    check(&["--plain", "--otlp", "http://127.0.0.1:9"], 1, "spans.jsonl");
}

#[test]
fn a_collector_that_is_away_costs_a_run_nothing_and_metrics_can_be_scraped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tiny::write_model(&folder.join("some.gguf"), 1, GgmlDType::F32).unwrap();
    let prompts: String = (0..30)
        .map(|index| {
            format!("{{\"id\":\"p{index}\",\"prompt\":\"My card is 4111-{index}.\",\"max_tokens\":24}}\n")
        })
        .collect();

    fs::write(folder.join("many.jsonl"), prompts).unwrap();
    let (port, gone) = {
        let (one, other) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        (one.local_addr().unwrap().port(), format!("http://{}", other.local_addr().unwrap()))
    };

    let listen = format!("127.0.0.1:{port}");
    let arguments = ["record", "some.gguf", "--prompts", "many.jsonl", "--metrics-listen", &listen];
    let more = ["--redact", "4[0-9]{3}-[0-9]+", "--otlp-header", "x-key=very-secret"];
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", gone.as_str())];
    let child = infercost(folder, &[&arguments[..], &more[..]].concat())
        .envs(variables)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let patience = Instant::now();
    let mut page = String::new();
    while !page.contains("gen_ai_client_operation_duration_seconds_count") {
        assert!(patience.elapsed() < Duration::from_secs(120), "no metrics came: {page}");
        thread::sleep(Duration::from_millis(5));
        let Ok(mut stream) = TcpStream::connect(&listen) else { continue };
        page.clear();
        let _ = stream
            .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
            .and_then(|()| stream.read_to_string(&mut page));
    }

    let output = child.wait_with_output().unwrap();
    let told = told(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("nothing is lost; to complete it: infercost export traces/"), "{told}");
    let run_folder: PathBuf = fs::read_dir(folder.join("traces")).unwrap().next().unwrap().unwrap().path();

    for name in ["run.json", "spans.jsonl"] {
        let text = fs::read_to_string(run_folder.join(name)).unwrap();
        assert!(!text.contains("very-secret"), "{name}");
        assert!(!text.contains("4111-"), "{name} holds what was to be redacted");
    }

    assert!(fs::read_to_string(run_folder.join("spans.jsonl")).unwrap().contains("[redacted]"));
    assert!(!told.contains("very-secret"), "{told}");
}

/// What is sent follows the thresholds and the prices that count: the recommendation stands on the spans.
#[test]
fn thresholds_and_prices_change_what_is_sent() {
    let folder = bench();
    let replica = replica(200);
    let sent = |more: &[&str]| {
        let requests = sent_plainly(folder.path(), &replica, more);
        let traces = requests.iter().filter(|(head, _)| head.contains("/v1/traces"));
        traces.flat_map(|(_, body)| body.clone()).collect::<Vec<u8>>()
    };

    let usual = sent(&[]);
    assert!(!usual.is_empty());
    assert!(sent(&[]) == usual, "the same run is sent in another way");
    for flags in [
        ["--margin", "0.001"],
        ["--max-kld", "0.0001"],
        ["--min-top1", "99.9%"],
        ["--min-score", "99%"],
        ["--confidence", "60%"],
        ["--slo", "ttft=1ms"],
    ] {
        assert!(sent(&flags) != usual, "{flags:?} changes nothing");
    }
    let refused = run(folder.path(), &["export", "--otlp", &replica.0, "--currency", "EUR"]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
}

/// A request that takes too long is given up, and made again.
#[test]
fn a_request_has_its_time() {
    let folder = bench();
    let asked = |more: &[&str]| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || {
                    let is_first = {
                        let mut count = counted.lock().unwrap();
                        *count += 1;
                        *count == 1
                    };
                    if is_first {
                        thread::sleep(Duration::from_millis(1500));
                    }
                    serve(stream, 200, &Mutex::default())
                });
            }
        });
        // one batch, so that a second connection is a second attempt
        let output = run(
            folder.path(),
            &[&["export", "--plain", "--otlp", &url, "--compression", "gzip"], more].concat(),
        );
        assert!(output.status.success(), "{more:?}: {}", told(&output));
        *count.lock().unwrap()
    };
    let usual = asked(&[]);
    assert!(asked(&["--timeout", "300ms"]) > usual, "no more than {usual} connections");
}

/// A Phoenix whose cursors go round in a circle.
#[test]
fn pages_that_repeat_themselves_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let (next, id) = if first.contains("cursor=A") { ("B", 2) } else { ("A", 1) };
            let span = format!(
                r#"{{"name":"s","context":{{"trace_id":"{id:032x}","span_id":"{id:016x}"}},"span_kind":"LLM",
                   "start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:00:01Z","status_code":"OK",
                   "attributes":{{"llm.model_name":"m"}}}}"#
            );
            let body = format!(r#"{{"data":[{span}],"next_cursor":"{next}"}}"#);
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
            let _ = write!(stream, "{head}connection: close\r\n\r\n{body}");
        }
    });

    let folder = tempfile::tempdir().unwrap();
    let mut child = infercost(folder.path(), &["report", &format!("phoenix:{url}/p"), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it asks for ever");
        }
        thread::sleep(Duration::from_millis(20));
    }

    let output = child.wait_with_output().unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", told(&output)));
    assert_eq!(report["calls"], 2, "{report:#}");
    assert!(told(&output).contains("repeats itself"), "{}", told(&output));
}

#[test]
fn other_programs_traces_are_reported_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let span = |id: u32, more: &str| {
        format!(
            "{{\"traceId\":\"{0:032x}\",\"spanId\":\"{0:016x}\",\"startTimeUnixNano\":\"1700000000000000000\",\
             \"endTimeUnixNano\":\"1700000002000000000\",\"attributes\":[\
             {{\"key\":\"gen_ai.operation.name\",\"value\":{{\"stringValue\":\"chat\"}}}},\
             {{\"key\":\"gen_ai.request.model\",\"value\":{{\"stringValue\":\"gpt\\u001b[31m-x\"}}}}{more}]}}",
            id
        )
    };

    let tokens = ",{\"key\":\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"1000\"}},\
                  {\"key\":\"gen_ai.usage.output_tokens\",\"value\":{\"intValue\":\"500\"}}";
    let line =
        |spans: &str| format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}\n");
    let text = line(&[span(1, tokens), span(2, "")].join(",")) + &line(&span(3, tokens));
    fs::write(folder.join("theirs.jsonl"), text).unwrap();
    fs::write(
        folder.join("infercost.toml"),
        "[[token_prices]]\nmodel = \"gpt*\"\ninput_per_million = \"2\"\noutput_per_million = \"10\"\n\
         currency = \"USD\"\nsource = \"list\"\ndate = \"2026-11-01\"\n",
    )
    .unwrap();

    let output = run(folder, &["report", "theirs.jsonl", "--json"]);
    let report = json(&output);
    let model = &report["models"][0];
    assert_eq!((&model["calls"], &model["input_tokens"]["calls"]), (&Value::from(3), &Value::from(2)));
    let cost = &model["costs"][0];
    assert_eq!((cost["basis"].as_str(), cost["calls"].as_u64()), (Some("by_token"), Some(2)));
    assert!((cost["total"].as_f64().unwrap() - 2.0 * (0.002 + 0.005)).abs() < 1e-12, "{cost}");
    let shown = run(folder, &["report", "theirs.jsonl", "--explain"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("1 of 3 calls does not say how many tokens the prompt had"), "{text}");
    assert!(!text.contains('\u{1b}') && text.contains("gpt\\u{1b}[31m-x"), "{text}");
    assert!(text.contains("0.0140 USD of 2 calls"), "{text}");

    // Two of the three calls have tokens: (1000 × 2 + 500 × 10) ÷ 10⁶ each.
    let audit = run(folder, &["audit", "theirs.jsonl", "--revenue", "0.1", "--json"]);
    let audit = json(&audit);
    assert!((audit["per_inference"]["point"].as_f64().unwrap() - 0.007).abs() < 1e-12, "{audit:#}");

    // no tokens, no cost, and no limit that it keeps within; what could not be used is said
    let negative = ",{\"key\":\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"-7\"}}";
    fs::write(folder.join("uncounted.jsonl"), line(&[span(1, negative), span(2, "")].join(","))).unwrap();
    let uncounted = run(folder, &["audit", "uncounted.jsonl", "--revenue", "0.1"]);
    let whole = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned() + &told(output);
    let said = whole(&uncounted);
    assert_eq!(uncounted.status.code(), Some(3), "{said}");
    assert!(said.contains("the cost of an inference is unknown: the number of tokens is unknown"), "{said}");
    assert!(said.contains("attributes hold no possible count"), "{said}");
    let shown = whole(&run(folder, &["report", "uncounted.jsonl"]));
    assert!(shown.contains("none of 2 calls says how many it read and wrote"), "{shown}");
    assert!(shown.contains("attributes hold no possible count"), "{shown}");

    let priceless = run(folder, &["audit", "--api-model", "gpt"]);
    assert_eq!(priceless.status.code(), Some(2), "{}", told(&priceless));
    fs::write(folder.join("none.jsonl"), line("")).unwrap();
    let none = run(folder, &["report", "none.jsonl"]);
    assert_eq!(none.status.code(), Some(2), "{}", told(&none));
    let wrong = run(folder, &["report", "phoenix:nowhere"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", told(&wrong));
}
