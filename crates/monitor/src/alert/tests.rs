#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use infercost_energy::devices::{DeviceKind, DeviceReading, DrawnEnergy};

use super::*;
use crate::observation::Observation;
use crate::{Monitor, MonitorOptions, Tariffs};

/// A board at these temperatures, one a second; `None` is a reading that is not there.
fn told(rule: &str, temperatures: impl IntoIterator<Item = Option<f64>>) -> Vec<(u64, bool)> {
    let mut alerts = Alerts::new(vec![rule.parse().unwrap()]);
    let mut monitor = Monitor::new(MonitorOptions {
        machine: "m".to_owned(),
        version: "0".to_owned(),
        interval: Duration::from_secs(1),
        tariffs: Tariffs::default(),
    });
    let mut told = Vec::new();
    for (second, temperature) in (0..).zip(temperatures) {
        let energy = DrawnEnergy::Missing("none".to_owned());
        let board = DeviceReading {
            temperature: temperature.ok_or_else(|| "lost".to_owned()),
            utilization: Ok(0.5),
            ..DeviceReading::of_energy("GPU-1", "board", DeviceKind::Gpu, energy, "none")
        };
        let at = Duration::from_secs(second);
        let wall = jiff::Timestamp::UNIX_EPOCH;
        monitor.take(&Observation { at, wall, devices: vec![board], servers: Vec::new() });
        for notice in alerts.look(&monitor.snapshot(), at) {
            told.push((second, notice.raised));
        }
    }
    told
}

fn steady(temperature: f64, seconds: usize) -> impl Iterator<Item = Option<f64>> {
    std::iter::repeat_n(Some(temperature), seconds)
}

#[test]
fn a_condition_must_hold_for_its_time() {
    let rule = "gpu.temperature > 85 for 30s";
    assert_eq!(told(rule, steady(90.0, 30)), [], "29 s are not 30");
    assert_eq!(told(rule, steady(90.0, 40)), [(30, true)]);
    // a dip begins it again, and so does a reading that is not there
    let dip = steady(90.0, 20).chain(steady(80.0, 1)).chain(steady(90.0, 25));
    assert_eq!(told(rule, dip), []);
    let hole = steady(90.0, 20).chain([None]).chain(steady(90.0, 25));
    assert_eq!(told(rule, hole), []);
    assert_eq!(told("gpu.temperature > 85", steady(90.0, 3)), [(0, true)]);
}

#[test]
fn it_is_taken_back_below_a_margin_and_after_calm() {
    let rule = "gpu.temperature > 85";
    // 84 is no more above 85, but within 5 %
    let near = steady(90.0, 5).chain(steady(84.0, 60));
    assert_eq!(told(rule, near), [(0, true)]);
    let far = steady(90.0, 5).chain(steady(70.0, 60));
    assert_eq!(told(rule, far), [(0, true), (15, false)]);
    // what cannot be read is not over
    let lost = steady(90.0, 5).chain(std::iter::repeat_n(None, 60));
    assert_eq!(told(rule, lost), [(0, true)]);
    assert_eq!(
        told("gpu.temperature < 20", steady(10.0, 2).chain(steady(30.0, 20))),
        [(0, true), (12, false)]
    );
}

#[test]
fn what_trembles_makes_no_storm() {
    let trembling = (0..3600).map(|second| Some(if second % 2 == 0 { 86.0 } else { 84.5 }));
    assert_eq!(told("gpu.temperature > 85", trembling), [(0, true)]);
    // an hour of a minute hot, a minute cold: at most one alert in five minutes
    let swinging = (0..3600).map(|second| Some(if (second / 60) % 2 == 0 { 95.0 } else { 50.0 }));
    let all = told("gpu.temperature > 85", swinging);
    let raised: Vec<u64> = all.iter().filter(|(_, raised)| *raised).map(|(second, _)| *second).collect();
    assert!(raised.len() <= 12 && raised.windows(2).all(|pair| pair[1] - pair[0] >= 300), "{raised:?}");
}

#[test]
fn rules() {
    for (text, limit, lasting) in [
        ("gpu.temperature > 85 for 30s", 85.0, 30),
        ("gpu.temperature  >  85 C", 85.0, 0),
        ("idle_waste > 0.10 USD/h for 10m", 0.1, 600),
        ("power > 1.5 kW for 1h", 1500.0, 3600),
        ("gpu.utilization < 10%", 0.1, 0),
        ("gpu.utilization < 10 %", 0.1, 0),
        ("server.cache > 90", 0.9, 0),
        ("server.ttft > 500 ms", 0.5, 0),
        ("server.away > 2 m", 120.0, 0),
        ("gpu.throttled > 0", 0.0, 0),
        ("loss > 100 %", 1.0, 0),
    ] {
        let rule: Rule = text.parse().unwrap();
        assert!((rule.limit() - limit).abs() < 1e-12, "{text}: {}", rule.limit());
        assert_eq!(rule.lasting().as_secs(), lasting, "{text}");
    }
    let money: Rule = "idle_waste > 0.10 EUR/h".parse().unwrap();
    assert_eq!(money.currency(), Some("EUR"));

    for (text, part) in [
        ("", "no quantity"),
        ("gpu.temperature", "no quantity, comparison"),
        ("gpu.heat > 1", "there are gpu.temperature"),
        ("gpu.temperature = 85", "neither > nor <"),
        ("gpu.temperature > hot", "not a number"),
        ("gpu.temperature > inf", "not a number"),
        ("gpu.temperature > 85 W", "is in C"),
        ("gpu.temperature > 85 C now", "something follows"),
        ("gpu.temperature > 85 for ever", "the time is none"),
        ("gpu.temperature > 85 for 2h x", "the time is none"),
        ("idle_waste > 1 W", "money an hour"),
        ("server.waiting > 3 W", "has no unit"),
        ("gpu.temperature > 85\u{1b}[2J", "control characters"),
    ] {
        let error = text.parse::<Rule>().unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains('\u{1b}'), "{text:?}: {error}");
    }
}
