//! `infercost monitor` as a program: scripted sensors, scripted servers, and whoever asks.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[path = "monitor/otlp.rs"]
mod otlp;
mod program;
mod schema;
mod terminal;
#[expect(dead_code, reason = "other tests read the recorded run")]
mod workspace;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use infercost_core::Watts;
use infercost_energy::sysfs_twin::{Load, Playing, SysfsTwin};
use program::{infercost, json, run};
use schema::hold;
use serde_json::Value;
use terminal::on_a_terminal;

/// A package at 40 W.
fn sensors(folder: &Path) -> Playing {
    let mut twin = SysfsTwin::new(folder.join("sys"));
    twin.rapl_zone("intel-rapl:0", "package-0", Load::Constant(Watts::new(40.0)));
    twin.play().unwrap()
}

/// What a scripted server does with each request.
#[derive(Clone, Copy)]
enum Habit {
    /// llama.cpp's metrics: 50 tokens a second, one request under way.
    LlamaCpp,
    /// Something else.
    Garbage,
    /// More than anybody reads.
    Endless,
    /// Nothing, for a long time.
    Slow,
}

fn server(habit: Habit) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let began = Instant::now();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, habit, began));
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, habit: Habit, began: Instant) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request);
    let body = match habit {
        Habit::LlamaCpp => {
            let tokens = (began.elapsed().as_secs_f64() * 50.0) as u64;
            format!(
                "llamacpp:tokens_predicted_total {tokens}\nllamacpp:prompt_tokens_total {tokens}\n\
                 llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n"
            )
        }
        Habit::Garbage => "\u{1b}[2J<html>\u{0}".to_owned(),
        Habit::Endless => "llamacpp:requests_processing 1\n".repeat(400_000),
        Habit::Slow => {
            thread::sleep(Duration::from_secs(60));
            String::new()
        }
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

/// The snapshots that it printed.
fn snapshots(stdout: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn devices_servers_and_money_of_a_scripted_machine() {
    let folder = tempfile::tempdir().unwrap();
    let _playing = sensors(folder.path());
    let url = server(Habit::LlamaCpp);
    let arguments = [
        "monitor",
        "--server",
        &url,
        "--interval",
        "200ms",
        "--duration",
        "4s",
        "--json",
        "--alert",
        "cpu.power > 10 W",
        "--revenue-per-million",
        "1000",
    ];
    let output = run(folder.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let all = snapshots(&output.stdout);
    hold("monitor.v1", "monitor", &all);
    assert!(all.len() > 10, "{} snapshots", all.len());
    let last = all.last().unwrap();
    let value = |pointer: &str| last.pointer(pointer).and_then(Value::as_f64);
    let close =
        |found: Option<f64>, wanted: f64| found.is_some_and(|found| (found / wanted - 1.0).abs() < 0.25);
    // on a busy machine the stand-in counts late now and then; over the whole time it cannot
    let mean = value("/energy_j").zip(value("/running_s")).map(|(joules, seconds)| joules / seconds);
    assert!(close(mean, 40.0) && value("/power_w/value").is_some_and(|watts| watts > 0.0), "{last:#}");
    assert!(close(value("/servers/0/output_tokens_per_s/value"), 50.0), "{last:#}");
    assert!(close(value("/windows/1/joules_per_million/value"), 0.8e6), "{last:#}");
    assert_eq!(value("/servers/0/running/value"), Some(1.0));
    assert_eq!(value("/windows/1/idle_share/value"), Some(0.0));
    assert_eq!(last["servers"][0]["kind"], "llama.cpp");
    assert!(last["servers"][0]["requests"]["missing"].as_str().unwrap().contains("does not tell"));
    assert!(value("/money/revenue_per_hour/value").is_some_and(|revenue| revenue > 0.0));
    assert_eq!(last["money"]["assumed"], true);
    assert_eq!(last["alerts"][0]["rule"], "cpu.power > 10 W");
}

#[test]
fn servers_that_answer_strangely_are_away_and_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let servers = [server(Habit::Garbage), server(Habit::Endless), server(Habit::Slow)];
    let mut arguments = vec!["monitor", "--interval", "500ms", "--duration", "7s", "--json"];
    for server in &servers {
        arguments.extend(["--server", server]);
    }
    let output = run(folder.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all = snapshots(&output.stdout);
    assert!(all.len() >= 8, "only {} snapshots: something held it up", all.len());
    let last = all.last().unwrap();
    for (place, why) in [(0, "none of llama.cpp"), (1, "more than 4 MiB"), (2, "did not answer within")] {
        let said = last["servers"][place]["presence"]["why"].as_str().unwrap_or_default();
        assert!(said.contains(why), "{place}: {last:#}");
    }
    assert!(!String::from_utf8_lossy(&output.stdout).contains('\u{1b}'));
    assert!(last["power_w"]["missing"].as_str().is_some(), "{last:#}");
}

#[test]
fn lines_where_nobody_asks_for_json() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["monitor", "--interval", "200ms", "--duration", "1s"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() >= 4 && text.contains("! power is not known"), "{text}");
    assert!(text.contains("assumed prices"), "{text}");
}

/// On a terminal the view takes all of it, where no lines are asked for.
#[test]
fn lines_in_a_terminal_too() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["monitor", "--interval", "200ms", "--duration", "1s"];
    let another_screen = "\u{1b}[?1049h";
    let view = on_a_terminal(folder.path(), &arguments, "");
    assert!(view.contains(another_screen), "{view:?}");
    let lines = on_a_terminal(folder.path(), &[&arguments[..], &["--lines"]].concat(), "");
    assert!(!lines.contains(another_screen) && lines.lines().count() >= 4, "{lines:?}");
}

/// Which instruments read, what stands in for them, and in which money the answer is.
#[test]
fn instruments_and_money_are_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[prices]\ncurrency = \"EUR\"\nutilization = 0.5\nelectricity = 0.3\n\
                    hardware = { kind = \"rented\", per_hour = 1.0, source = \"a bill\", date = 2099-01-01 }\n\
                    [[exchange]]\nfrom = \"EUR\"\nto = \"USD\"\nrate = 2.0\nsource = \"a bank\"\ndate = 2099-01-01\n";
    std::fs::write(folder.path().join("infercost.toml"), settings).unwrap();
    let last = |more: &[&str]| {
        let arguments = ["monitor", "--interval", "200ms", "--duration", "1s", "--json"];
        let output = run(folder.path(), &[&arguments[..], more].concat());
        assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
        snapshots(&output.stdout).pop().unwrap()
    };
    let power = |snapshot: &Value| snapshot.pointer("/power_w/value").and_then(Value::as_f64);

    // nothing measures here
    let blind = last(&[]);
    assert_eq!(power(&blind), None, "{blind:#}");
    assert_ne!(last(&["--estimate"])["devices"], blind["devices"]);
    assert!(power(&last(&["--assume-watts", "70"])).is_some_and(|watts| (watts - 70.0).abs() < 1.0));
    let required = run(folder.path(), &["monitor", "--duration", "1s", "--require-measured"]);
    assert_eq!(required.status.code(), Some(5), "{}", String::from_utf8_lossy(&required.stderr));

    let price = |snapshot: &Value| snapshot["money"]["machine_per_hour"]["value"].as_f64().unwrap();
    assert_eq!(blind["money"]["currency"], "EUR");
    let dollars = last(&["--currency", "USD"]);
    assert_eq!(dollars["money"]["currency"], "USD");
    assert!((price(&dollars) - 2.0 * price(&blind)).abs() < 1e-9, "{dollars:#}");
    let why = |snapshot: &Value| snapshot["money"]["revenue_per_hour"]["missing"].to_string();
    assert_ne!(why(&last(&["--revenue", "0.5"])), why(&blind));

    // and now something does, which can be left alone
    let _playing = sensors(folder.path());
    assert!(power(&last(&[])).is_some_and(|watts| watts > 1.0));
    assert_eq!(power(&last(&["--meter", "none"])), None);
}

#[track_caller]
fn refused(arguments: &[&str], part: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &[&["monitor", "--duration", "1s"][..], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(said.contains(part), "{arguments:?}: {said}");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn what_is_refused_before_anything_begins() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    refused(&["--listen", &port], "another program listens there");
    refused(&["--listen", "0.0.0.0:0"], "needs --token");
    refused(&["--listen", "0.0.0.0:0", "--token", "short-secret"], "16 to 256");
    refused(&["--alert", "gpu.heat > 1"], "there are gpu.temperature");
    refused(&["--alert", "idle_waste > 1 EUR/h"], "amounts are in USD");
    refused(&["--server", "ftp://host"], "only http");
    refused(&["--server", "http://user:secret@host"], "no credentials");
    refused(&["--webhook", "http://user:secret@host/"], "password");
    refused(&["--interval", "1ms"], "100ms to 60s");
    let many: Vec<String> = (0..65).map(|index| format!("http://m{index}:9464")).collect();
    refused(&many.iter().map(String::as_str).collect::<Vec<_>>(), "at most 64");
}

/// A monitor that listens, and is stopped when the test ends.
struct Listening {
    child: Child,
    address: String,
}

impl Listening {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let all = [&["monitor", "--interval", "200ms", "--json", "--listen", "127.0.0.1:0"][..], arguments]
            .concat();
        let mut command = infercost(folder, &all);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("page: http://"))).unwrap();
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn get(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let mut answer = Vec::new();
        // a stream does not end by itself
        let _ = stream.take(20_000).read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_page_prometheus_and_a_stream_and_a_farm_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let _playing = sensors(folder.path());
    let named = ["--host", "farm.example"];
    let monitor = Listening::start(folder.path(), &named);
    thread::sleep(Duration::from_secs(2));
    let page = monitor.get("/", "localhost");
    assert!(page.contains("content-security-policy: default-src 'none'") && page.contains("<h1"), "{page}");
    let metrics = monitor.get("/metrics", "127.0.0.1");
    assert!(metrics.contains("hw_power_watts{hw_id=\"package-0\""), "{metrics}");
    let stream = monitor.get("/api/stream", "localhost");
    assert!(stream.matches("data: {").count() >= 2, "{stream}");
    assert!(monitor.get("/metrics", "evil.example").starts_with("HTTP/1.1 421"));
    assert!(monitor.get("/metrics", "farm.example").starts_with("HTTP/1.1 200"));

    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (here, away) = (format!("http://{}", monitor.address), format!("http://{away}"));
    let output =
        run(folder.path(), &["monitor", &here, &away, "--interval", "500ms", "--duration", "2s", "--json"]);
    let views = snapshots(&output.stdout);
    hold("farm.v1", "monitor", &views);
    let view = views.last().unwrap();
    assert!(view["machines"][0]["power_w"]["value"].as_f64().is_some_and(|watts| watts > 20.0), "{view:#}");
    assert_eq!(view["machines"][1]["presence"]["state"], "away");
    assert!(view["machines"][1]["power_w"]["value"].is_null());
    assert_eq!(view["power_w"]["value"], view["machines"][0]["power_w"]["value"], "{view:#}");
}

/// Whoever shows the token may read, and nobody else.
#[test]
fn a_token_is_shown_by_whoever_reads() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = Listening::start(folder.path(), &["--token", "0123456789abcdef"]);
    assert!(monitor.get("/metrics", "localhost").starts_with("HTTP/1.1 401"));
    let shown = "localhost\r\nauthorization: Bearer 0123456789abcdef";
    assert!(monitor.get("/metrics", shown).starts_with("HTTP/1.1 200"));
}

/// An alert is posted to the address that was given.
#[test]
fn an_alert_reaches_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let _playing = sensors(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/", listener.local_addr().unwrap());
    let (posted, came) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let _ = posted.send(String::from_utf8_lossy(&request[..read]).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let arguments = ["monitor", "--interval", "200ms", "--duration", "2s", "--json"];
    let alert = ["--alert", "cpu.power > 10 W", "--webhook", &hook];
    assert!(run(folder.path(), &[&arguments[..], &alert].concat()).status.success());
    let request = came.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(request.starts_with("POST / "), "{request}");
}

#[test]
fn what_was_recorded_is_billed_with_its_idle_time() {
    let folder = tempfile::tempdir().unwrap();
    let _playing = sensors(folder.path());
    let url = server(Habit::LlamaCpp);
    let output = run(
        folder.path(),
        &["monitor", "--server", &url, "--interval", "200ms", "--duration", "3s", "--json", "--record"],
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let recorded = std::fs::read_dir(folder.path().join("traces")).unwrap().next().unwrap().unwrap().path();
    let name = recorded.file_name().unwrap().to_str().unwrap().to_owned();

    let bill = json(&run(folder.path(), &["audit", &name, "--json"]));
    hold("monitored.v1", "audit", std::slice::from_ref(&bill));
    let value = |pointer: &str| bill.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
    assert!(value("/total/joules/value") > 60.0, "{bill:#}");
    assert!(value("/serving/hours") > 0.0 && value("/per_million/value") > 0.0, "{bill:#}");
    assert_eq!(bill["prices_assumed"], true);
    let text = run(folder.path(), &["audit", &name]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("It cost"), "{text:?}");

    // the same answer in every form, and in files
    let form = |arguments: &[&str]| {
        let output = run(folder.path(), &[&["audit", name.as_str()], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let markdown = form(&["--format", "markdown", "--export", "bill.csv", "--export", "bill.json"]);
    assert!(markdown.starts_with("**It cost") && markdown.contains("| serving |"), "{markdown}");
    let csv = form(&["--format", "csv"]);
    assert!(csv.starts_with("time,hours,J,\"electricity, USD\"") && csv.contains("\nserving,"), "{csv}");
    assert_eq!(std::fs::read_to_string(folder.path().join("bill.csv")).unwrap(), csv);
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("bill.json")).unwrap()).unwrap();
    assert_eq!(kept, bill);
    let chart = run(folder.path(), &["audit", &name, "--export", "bill.svg"]);
    assert_eq!(chart.status.code(), Some(2), "{chart:?}");
}
