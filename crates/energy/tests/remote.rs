//! Plugs and exporters against replicas on the loopback interface.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use infercost_core::{EnergyReading, MeterError, MeterKind};
use infercost_energy::{MeterChoice, MeterOptions, discover};

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

fn choice(text: &str) -> MeterChoice {
    text.parse().unwrap()
}

fn exporter(url: &str, metric: &str, unit: &str) -> MeterChoice {
    choice(&format!("prometheus:{url}/metrics?metric={metric}&unit={unit}&covers=platform&node=a"))
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
    check_watts(choice(&format!("shelly:{second}")), 80.5, MeterKind::Integrated, 0.01);
    check_watts(choice(&format!("shelly:{first}")), 42.25, MeterKind::Integrated, 0.01);
    check_watts(choice(&format!("tasmota:{tasmota}")), 61.0, MeterKind::Integrated, 0.01);
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
    check_watts(exporter(&url, "x_joules_total", "joules"), 50.0, MeterKind::Counter, 0.35);
    check_watts(exporter(&url, "x_watts", "watts"), 33.0, MeterKind::Integrated, 0.01);
}

#[test]
fn what_goes_wrong_on_the_way_loses_the_window() {
    let shelly = |after: Option<(u16, &'static str)>| {
        let url = serve(move |_, seconds| {
            if seconds < 0.4 {
                Some((200, r#"{"apower":80.5}"#.to_owned()))
            } else {
                after.map(|(status, body)| (status, body.to_owned()))
            }
        });
        choice(&format!("shelly:{url}"))
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
    let (reading, _) = metered(exporter(&reset, "x_joules_total", "joules"), Duration::from_millis(1_500));
    assert!(
        matches!(&reading, EnergyReading::Unavailable { reason } if reason.contains("went back")),
        "{reading:?}"
    );
}

#[test]
fn nobody_there() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = discover(&options(choice(&format!("tasmota:http://{closed}")))).unwrap_err();
    assert!(
        matches!(&error, MeterError::RequiredMeterMissing { meter, .. } if meter == "tasmota"),
        "{error}"
    );
}

/// A strip's outlets are added up and it is said, or one is read: by number, component or the owner's name for it.
#[test]
fn outlets_of_one_plug() {
    let strip = serve(|path, _| {
        Some(match path {
            "/rpc/Shelly.GetStatus" => {
                (200, r#"{"sys":{},"switch:0":{"apower":40},"switch:1":{"apower":60.5}}"#.to_owned())
            }
            "/rpc/Shelly.GetConfig" => {
                (200, r#"{"switch:0":{"name":"lamp"},"switch:1":{"name":"server"}}"#.to_owned())
            }
            _ => (404, String::new()),
        })
    });

    for (channel, watts, remark) in [
        ("", 100.5, "2 channels added up: switch:0, switch:1"),
        ("?channel=1", 60.5, "channel switch:1 of switch:0, switch:1"),
        ("?channel=switch:0", 40.0, "channel switch:0 of"),
        ("?channel=server", 60.5, "channel switch:1 of"),
    ] {
        let mut meter = discover(&options(choice(&format!("shelly:{strip}{channel}")))).unwrap().meter;
        assert!(meter.describe().contains(remark), "{}", meter.describe());
        let open = meter.start().unwrap();
        let begun = Instant::now();
        thread::sleep(Duration::from_millis(1200));
        let joules = meter.stop(open).unwrap().joules().unwrap().get();
        let right = watts * begun.elapsed().as_secs_f64();
        assert!((joules / right - 1.0).abs() < 0.05, "{channel}: {joules} J, not {right}");
    }

    let wrong = discover(&options(choice(&format!("shelly:{strip}?channel=heater")))).unwrap_err();
    assert!(wrong.to_string().contains("no channel is called `heater`; the plug shows switch:0, switch:1"));
}

/// What may be one energy shown twice is left out and said, or refused with the label that would settle it.
#[test]
fn series_that_overlap() {
    let page = "x_watts{zone=\"package-0\"} 40\nx_watts{zone=\"core\"} 30\nx_watts{zone=\"psys\"} 90\n\
                y_watts{UUID=\"GPU-1\",job=\"a\"} 200\ny_watts{UUID=\"GPU-1\",job=\"b\"} 201\n";
    let url = serve(move |_, _| Some((200, page.to_owned())));
    let zones = choice(&format!("prometheus:{url}/metrics?metric=x_watts"));
    check_watts(zones.clone(), 40.0, MeterKind::Integrated, 0.01);
    let said = discover(&options(zones)).unwrap().meter.describe();
    assert!(said.contains("core, psys left out"), "{said}");

    let boards = discover(&options(choice(&format!("prometheus:{url}/metrics?metric=y_watts"))));
    let refused = boards.unwrap_err().to_string();
    assert!(refused.contains("choose with &job=a, or add &sum=all"), "{refused}");
    let one = choice(&format!("prometheus:{url}/metrics?metric=y_watts&job=b"));
    check_watts(one, 201.0, MeterKind::Integrated, 0.01);
    let both = choice(&format!("prometheus:{url}/metrics?metric=y_watts&sum=all"));
    check_watts(both, 401.0, MeterKind::Integrated, 0.01);
}
