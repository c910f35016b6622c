//! What `monitor --otlp` pushes, as a collector receives it: names, units, kinds and values.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::{Habit, sensors, server, snapshots};
use crate::program::run;

/// A request as it came.
struct Posted {
    /// Request line and headers, in small letters.
    head: String,
    body: Value,
}

/// A collector that answers everything with one status, and keeps what came.
struct Receiver {
    url: String,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let posted = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posted);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || receive(stream, status, &kept));
            }
        });
        Self { url, posted }
    }
}

fn receive(mut stream: TcpStream, status: u16, kept: &Mutex<Vec<Posted>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line.to_lowercase());
        }

        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        let mut body = vec![0; length.trim().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        kept.lock().unwrap().push(Posted { head, body: serde_json::from_slice(&body).unwrap() });
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The metric of that name in a request.
fn metric<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array()?;
    metrics.iter().find(|metric| metric["name"] == name)
}

/// The points of a metric, whatever its kind.
fn points(metric: &Value) -> &Vec<Value> {
    let points = metric.pointer("/gauge/dataPoints").or_else(|| metric.pointer("/sum/dataPoints"));
    points.and_then(Value::as_array).unwrap()
}

/// The text of a point's or a resource's attribute.
fn attribute<'a>(holder: &'a Value, name: &str) -> Option<&'a str> {
    let all = holder["attributes"].as_array()?;
    all.iter().find(|one| one["key"] == name)?["value"]["stringValue"].as_str()
}

fn arguments<'a>(receiver: &'a str, server: &'a str) -> Vec<&'a str> {
    vec![
        "monitor",
        "--server",
        server,
        "--interval",
        "200ms",
        "--duration",
        "3s",
        "--json",
        "--push-every",
        "1s",
        "--otlp",
        receiver,
        "--otlp-protocol",
        "http/json",
        "--otlp-header",
        "x-tenant=mine",
    ]
}

/// What a collector must get of a metric.
struct Wanted {
    name: &'static str,
    unit: &'static str,
    /// True for a sum that only grows.
    is_sum: bool,
    /// Where the same number stands in the snapshot that was printed last.
    shown: &'static str,
}

const fn gauge(name: &'static str, unit: &'static str, shown: &'static str) -> Wanted {
    Wanted { name, unit, is_sum: false, shown }
}

const fn sum(name: &'static str, unit: &'static str, shown: &'static str) -> Wanted {
    Wanted { name, unit, is_sum: true, shown }
}

const WANTED: [Wanted; 11] = [
    gauge("hw.power", "W", "/devices/0/power_w/value"),
    sum("hw.energy", "J", "/devices/0/energy_j/value"),
    gauge("infercost.server.running", "{request}", "/servers/0/running/value"),
    gauge("infercost.server.waiting", "{request}", "/servers/0/waiting/value"),
    gauge("infercost.server.output_rate", "{token}/s", "/servers/0/output_tokens_per_s/value"),
    sum("infercost.monitor.seen", "s", "/sums/seen_s"),
    sum("infercost.monitor.energy", "J", "/sums/joules"),
    sum("infercost.monitor.output_tokens", "{token}", "/sums/output_tokens"),
    sum("infercost.monitor.input_tokens", "{token}", "/sums/input_tokens"),
    sum("infercost.monitor.serving", "s", "/sums/serving_s"),
    sum("infercost.monitor.idle", "s", "/sums/idle_s"),
];

#[test]
fn a_collector_gets_what_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let _playing = sensors(folder.path());
    let (receiver, url) = (Receiver::start(200), server(Habit::LlamaCpp));
    let output = run(folder.path(), &arguments(&receiver.url, &url));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let posted = receiver.posted.lock().unwrap();
    assert!((3..=6).contains(&posted.len()), "{} pushes in 3 s, one a second and a last one", posted.len());
    for one in posted.iter() {
        assert!(one.head.starts_with("post /v1/metrics http/1.1"), "{}", one.head);
        assert!(one.head.contains("content-type: application/json"), "{}", one.head);
        assert!(one.head.contains("x-tenant: mine"), "{}", one.head);
    }

    // the last push is of the snapshot that was printed last
    let last = &posted.last().unwrap().body;
    let shown = snapshots(&output.stdout).pop().unwrap();
    let resource = &last["resourceMetrics"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), Some("infercost"));
    assert_eq!(attribute(resource, "host.name"), shown["machine"].as_str());

    for wanted in &WANTED {
        let found = metric(last, wanted.name).unwrap_or_else(|| panic!("no {}: {last:#}", wanted.name));
        assert_eq!(found["unit"], wanted.unit, "{found:#}");
        assert_eq!(found.get("sum").is_some(), wanted.is_sum, "{found:#}");
        if wanted.is_sum {
            assert_eq!(found["sum"]["isMonotonic"], true, "{found:#}");
            // cumulative: a collector that misses one push misses nothing
            assert_eq!(found["sum"]["aggregationTemporality"], 2, "{found:#}");
        }
        let expected = shown.pointer(wanted.shown).and_then(Value::as_f64);
        assert_eq!(points(found)[0]["asDouble"].as_f64(), expected, "{} {found:#}", wanted.name);
    }

    let power = &points(metric(last, "hw.power").unwrap())[0];
    assert_eq!(attribute(power, "hw.id"), Some("package-0"));
    let running = &points(metric(last, "infercost.server.running").unwrap())[0];
    assert_eq!(attribute(running, "server.address"), Some(url.as_str()));
    // what this server does not tell is no point, and no zero
    let cache = metric(last, "infercost.server.cache").map(|found| points(found).len());
    assert!(matches!(cache, None | Some(0)), "{last:#}");
}

#[test]
fn a_collector_that_refuses_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let _playing = sensors(folder.path());
    let (receiver, url) = (Receiver::start(503), server(Habit::LlamaCpp));
    let output = run(folder.path(), &arguments(&receiver.url, &url));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    assert!(snapshots(&output.stdout).len() > 8, "it was held up");
    assert!(receiver.posted.lock().unwrap().len() >= 3, "it gave up");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("x-tenant"), "{said}");
}
