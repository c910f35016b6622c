//! Servers that infercost starts and stops.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::StreamScript;

use super::forward::forward;
use super::{alone, bench, serving, texts_below};
use crate::program::{infercost, json, run};
use crate::run_on_disk::{only_run, spans};
use crate::tiny;

/// Whether anything listens on the port.
pub(crate) fn answers(port: u16) -> bool {
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
    forward(port, &server.base());
}

fn stub_command() -> String {
    let this = std::env::current_exe().unwrap();
    format!(
        "'{}' --ignored --exact --nocapture started::stub_server port={{port}} model={{model}}",
        this.display()
    )
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

/// A server that never answers is given up after its time, by every command that starts one.
#[test]
fn a_server_that_takes_too_long_is_given_up() {
    let _alone = alone();
    let folder = bench();
    tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
    let sleeping = "sh -c 'sleep 60' {model} {port}";
    let began = Instant::now();
    for (command, server) in [
        (&["compare", "some.gguf", "--prompts", "mine.jsonl"][..], sleeping.to_owned()),
        (&["record", "some.gguf", "--prompts", "mine.jsonl"], sleeping.to_owned()),
        (
            &["optimize", "--measure", "some.gguf", "--prompts", "mine.jsonl", "--vary", "np=1,2"],
            format!("{sleeping} {{np}}"),
        ),
    ] {
        let flags = ["--serve", &server, "--serve-timeout", "300ms"];
        let output = run(folder.path(), &[command, &flags].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains("0.3 s (--serve-timeout)"),
            "{command:?}: {error}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
}

#[test]
fn an_interrupted_run_stops_its_server() {
    let _alone = alone();
    // under `nohup` a hangup is ignored, and behind a shell's `&` a quit, here and in what is started from here: the mask
    // has bit 0 for the one and bit 2 for the other (proc(5))
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    for (signal, bit) in [("-TERM", 14), ("-HUP", 0), ("-QUIT", 2)] {
        if ignored >> bit & 1 == 0 {
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
