//! Plugs and exporters against replicas on the loopback interface.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use infercost_core::{EnergyDomain, EnergyReading, MeterError, MeterKind};
use infercost_energy::{EnergyUnit, MeterChoice, MeterOptions, PrometheusQuery, discover};

/// Serves `answer(path, seconds since the beginning)`; `None` never answers. Runs until the process ends.
fn serve(answer: impl Fn(&str, f64) -> Option<(u16, String)> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let begun = Instant::now();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            match answer(&path, begun.elapsed().as_secs_f64()) {
                Some((status, body)) => {
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(format!("{head}{body}").as_bytes());
                }
                None => silent.push(stream),
            }
        }
    });
    url
}

fn options(choice: MeterChoice) -> MeterOptions {
    MeterOptions { choice, ..MeterOptions::default() }
}

fn metered(choice: MeterChoice, length: Duration) -> (EnergyReading, f64) {
    let mut meter = discover(&options(choice)).unwrap().meter;
    let open = meter.start().unwrap();
    let begun = Instant::now();
    thread::sleep(length);
    let reading = meter.stop(open).unwrap();
    (reading, begun.elapsed().as_secs_f64())
}

fn check_watts(choice: MeterChoice, expected: f64, kind: MeterKind, tolerance: f64) {
    let (reading, elapsed) = metered(choice.clone(), Duration::from_secs(2));
    let EnergyReading::Measured { energy, source, .. } = &reading else { panic!("{choice:?}: {reading:?}") };
    let share = energy.get() / (expected * elapsed) - 1.0;
    assert!(share.abs() < tolerance, "{choice:?}: {energy:?} in {elapsed} s");
    assert_eq!(source.kind, kind);
}

fn exporter(url: &str, metric: &str, unit: EnergyUnit) -> MeterChoice {
    MeterChoice::Prometheus(PrometheusQuery {
        url: format!("{url}/metrics"),
        metric: metric.to_owned(),
        labels: vec![("node".to_owned(), "a".to_owned())],
        unit,
        domain: EnergyDomain::Platform,
    })
}

#[test]
fn plugs() {
    let second = serve(|path, _| {
        (path == "/rpc/Switch.GetStatus?id=0").then(|| (200, r#"{"id":0,"apower":80.5}"#.to_owned()))
    });
    let first = serve(|path, _| {
        Some(match path {
            "/meter/0" => (200, r#"{"power":42.25,"is_valid":true,"total":7}"#.to_owned()),
            _ => (404, String::new()),
        })
    });
    let tasmota = serve(|path, _| {
        let right = path == "/cm?cmnd=Status%208";
        right.then(|| (200, r#"{"StatusSNS":{"ENERGY":{"Power":61}}}"#.to_owned()))
    });
    check_watts(MeterChoice::Shelly(second), 80.5, MeterKind::Integrated, 0.01);
    check_watts(MeterChoice::Shelly(first), 42.25, MeterKind::Integrated, 0.01);
    check_watts(MeterChoice::Tasmota(tasmota), 61.0, MeterKind::Integrated, 0.01);
}

#[test]
fn exporters() {
    let url = serve(|_, seconds| {
        let page = format!(
            "# TYPE x counter\nx_joules_total{{node=\"a\"}} {}\nx_joules_total{{node=\"b\"}} 5\nx_watts{{node=\"a\"}} 33\n",
            1000.0 + 50.0 * seconds
        );
        Some((200, page))
    });
    // Asked twice a second, a counter is off by as much as half a second in two at either edge.
    check_watts(exporter(&url, "x_joules_total", EnergyUnit::Joules), 50.0, MeterKind::Counter, 0.35);
    check_watts(exporter(&url, "x_watts", EnergyUnit::Watts), 33.0, MeterKind::Integrated, 0.01);
}

#[test]
fn what_goes_wrong_on_the_way_loses_the_window() {
    let shelly = |after: Option<(u16, &'static str)>| {
        MeterChoice::Shelly(serve(move |_, seconds| {
            if seconds < 0.4 {
                Some((200, r#"{"apower":80.5}"#.to_owned()))
            } else {
                after.map(|(status, body)| (status, body.to_owned()))
            }
        }))
    };
    // the plug's address stands in its name, so only what comes behind "failed" tells what went wrong
    for (after, part) in [
        (Some((500, "")), "500"),
        (Some((200, "\u{1b}[2J")), "/rpc/Switch.GetStatus"),
        (Some((200, r#"{"apower":-5}"#)), "not an energy"),
        (None, "timeout"),
    ] {
        let (reading, _) = metered(shelly(after), Duration::from_millis(3_200));
        let EnergyReading::Unavailable { reason } = &reading else { panic!("{after:?}: {reading:?}") };
        let (_, why) = reason.split_once(" failed: ").unwrap_or_else(|| panic!("{after:?}: {reason}"));
        assert!(why.contains(part), "{after:?}: {why}");
        assert!(!reason.contains('\u{1b}'), "{reason:?}");
    }
    let reset = serve(|_, seconds| {
        Some((200, format!("x_joules_total{{node=\"a\"}} {}\n", if seconds < 0.7 { 500.0 } else { 1.0 })))
    });
    let (reading, _) =
        metered(exporter(&reset, "x_joules_total", EnergyUnit::Joules), Duration::from_millis(1_500));
    assert!(
        matches!(&reading, EnergyReading::Unavailable { reason } if reason.contains("went back")),
        "{reading:?}"
    );
}

#[test]
fn nobody_there() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = discover(&options(MeterChoice::Tasmota(format!("http://{closed}")))).unwrap_err();
    assert!(
        matches!(&error, MeterError::RequiredMeterMissing { meter, .. } if meter == "tasmota"),
        "{error}"
    );
}
