#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use infercost_core::Joules;
use infercost_energy::devices::{DeviceKind, DeviceReading, DrawnEnergy};
use jiff::Timestamp;

use super::*;
use crate::observation::{Counted, ServerAnswer, ServerFacts, ServerKind};
use crate::snapshot::Presence;

fn options() -> MonitorOptions {
    MonitorOptions {
        machine: "test".to_owned(),
        version: "0".to_owned(),
        interval: Duration::from_secs(1),
        tariffs: Tariffs::default(),
    }
}

fn drawn(joules: f64, over_s: u64) -> DrawnEnergy {
    DrawnEnergy::Drawn { joules: Joules::new(joules), over: Duration::from_secs(over_s), estimated: false }
}

fn gpu(energy: DrawnEnergy) -> DeviceReading {
    DeviceReading {
        temperature: Ok(60.0),
        ..DeviceReading::of_energy("GPU-1", "Scripted", DeviceKind::Gpu, energy, "not shown")
    }
}

fn serving(tokens: f64, running: f64) -> ServerReading {
    let facts = ServerFacts {
        kind: ServerKind::LlamaCpp,
        models: Vec::new(),
        output_tokens: Ok(tokens),
        input_tokens: Ok(0.0),
        requests: Err("it does not tell".to_owned()),
        running: Ok(running),
        waiting: Ok(0.0),
        cache: Err("it does not tell".to_owned()),
        first_token: Ok(Counted { seconds: 0.0, count: 0.0 }),
    };
    of_server(ServerAnswer::Fresh(Box::new(facts)))
}

fn of_server(answer: ServerAnswer) -> ServerReading {
    ServerReading { address: "http://s".to_owned(), answer }
}

fn observe(monitor: &mut Monitor, second: u64, device: DeviceReading, server: ServerReading) {
    monitor.take(&Observation {
        at: Duration::from_secs(second),
        wall: Timestamp::from_second(1_000_000 + i64::try_from(second).unwrap()).unwrap(),
        devices: vec![device],
        servers: vec![server],
    });
}

#[track_caller]
fn close(shown: &Shown<f64>, wanted: f64) {
    assert!(shown.value().is_some_and(|value| (value - wanted).abs() < 1e-6), "{shown:?}, not {wanted}");
}

/// Ten seconds at 100 W and 20 tokens a second, then ten idle seconds at 40 W.
#[test]
fn power_tokens_and_idle_time_by_hand() {
    let mut monitor = Monitor::new(options());
    observe(&mut monitor, 0, gpu(drawn(999.0, 1)), serving(500.0, 1.0));
    for second in 1..=10 {
        observe(&mut monitor, second, gpu(drawn(100.0, 1)), serving(500.0 + 20.0 * second as f64, 1.0));
    }
    let busy = monitor.snapshot();
    close(&busy.power_w, 100.0);
    close(&busy.window("now").unwrap().output_tokens_per_s, 20.0);
    close(&busy.window("now").unwrap().joules_per_million, 5e6);
    close(&busy.window("now").unwrap().idle_share, 0.0);
    assert_eq!(busy.window("now").unwrap().idle_w.why(), Some("something was served all the time"));

    for second in 11..=20 {
        observe(&mut monitor, second, gpu(drawn(40.0, 1)), serving(700.0, 0.0));
    }
    let idle = monitor.snapshot();
    close(&idle.power_w, 40.0);
    assert!((idle.energy_j - 1400.0).abs() < 1e-9, "what was drawn before the monitor began is not its own");
    let minute = idle.window("minute").unwrap();
    close(&minute.idle_share, 0.5);
    close(&minute.idle_w, 40.0);
    close(&minute.joules_per_million, 7e6);
    close(&idle.servers[0].output_tokens, 200.0);
    assert_eq!(idle.power_covers, "gpu");
}

#[test]
fn a_meter_that_refreshes_slowly_gives_its_joules_to_the_whole_stretch() {
    let mut monitor = Monitor::new(options());
    observe(&mut monitor, 0, gpu(DrawnEnergy::Pending), serving(0.0, 1.0));
    for second in 1..=20 {
        let energy = if second % 5 == 0 { drawn(500.0, 5) } else { DrawnEnergy::Pending };
        observe(&mut monitor, second, gpu(energy), serving(second as f64, 1.0));
    }
    let snapshot = monitor.snapshot();
    close(&snapshot.power_w, 100.0);
    let minute = snapshot.window("minute").unwrap();
    assert!((minute.metered_s - 20.0).abs() < 1e-9, "{minute:?}");
    close(&minute.power_w, 100.0);
    close(&minute.joules_per_million, 1e8);
}

#[test]
fn what_is_missing_is_never_zero() {
    let mut monitor = Monitor::new(options());
    observe(&mut monitor, 0, gpu(drawn(1.0, 1)), serving(0.0, 0.0));
    observe(&mut monitor, 1, gpu(drawn(100.0, 1)), serving(0.0, 0.0));
    observe(
        &mut monitor,
        2,
        gpu(DrawnEnergy::Missing("NVML says: lost".to_owned())),
        of_server(ServerAnswer::Away("nothing listens there".to_owned())),
    );
    let snapshot = monitor.snapshot();
    assert!(
        snapshot.power_w.why().is_some_and(|why| why.contains("NVML says: lost")),
        "{:?}",
        snapshot.power_w
    );
    assert!((snapshot.unmeasured_s - 1.0).abs() < 1e-9);
    assert!((snapshot.energy_j - 100.0).abs() < 1e-9);
    let server = &snapshot.servers[0];
    assert!(!server.presence.is_here());
    assert_eq!(server.running.why(), Some("nothing listens there"));
    assert_eq!(server.output_tokens_per_s.why(), Some("nothing listens there"));
    assert!(snapshot.events.iter().any(|event| event.text.contains("does not answer") && event.warning));

    let empty = Monitor::new(options()).snapshot();
    assert!(
        empty.power_w.value().is_none() && empty.windows.iter().all(|window| window.joules.value().is_none())
    );
}

#[test]
fn a_device_that_vanishes_is_gone_and_comes_back() {
    let mut monitor = Monitor::new(options());
    let take = |monitor: &mut Monitor, second: u64, devices: Vec<DeviceReading>| {
        let wall = Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        monitor.take(&Observation { at: Duration::from_secs(second), wall, devices, servers: Vec::new() });
    };
    take(&mut monitor, 0, vec![gpu(drawn(1.0, 1))]);
    take(&mut monitor, 1, vec![gpu(drawn(50.0, 1))]);
    let lost = DeviceReading::of_energy(
        "GPU-1",
        "Scripted",
        DeviceKind::Gpu,
        DrawnEnergy::Missing("lost".to_owned()),
        "lost",
    );
    take(&mut monitor, 2, vec![lost.clone()]);
    take(&mut monitor, 5, vec![lost]);
    let gone = monitor.snapshot();
    let device = &gone.devices[0];
    assert!(
        matches!(&device.presence, Presence::Away { for_s, why } if (*for_s - 3.0).abs() < 1e-9 && why == "lost"),
        "{device:?}"
    );
    assert!(device.temperature_c.value().is_none() && device.power_w.value().is_none());
    close(&device.energy_j, 50.0);
    assert!(gone.power_covers.contains("without Scripted"), "{}", gone.power_covers);

    // not shown at all is gone as well
    take(&mut monitor, 6, Vec::new());
    take(&mut monitor, 7, vec![gpu(drawn(60.0, 1))]);
    let back = monitor.snapshot();
    assert!(back.devices[0].presence.is_here());
    let texts: Vec<&str> = back.events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, ["Scripted is gone: lost", "Scripted is back"]);
}

#[test]
fn a_package_that_shows_nothing_is_there_all_the_same() {
    let mut monitor = Monitor::new(options());
    let missing = || DrawnEnergy::Missing("no meter".to_owned());
    let package = DeviceReading::of_energy("package-0", "package-0", DeviceKind::Cpu, missing(), "not shown");
    let busy = DeviceReading { utilization: Ok(0.5), ..package.clone() };
    observe(&mut monitor, 0, busy, serving(0.0, 0.0));
    observe(&mut monitor, 1, package, serving(0.0, 0.0));
    let snapshot = monitor.snapshot();
    assert!(snapshot.devices[0].presence.is_here() && snapshot.events.is_empty(), "{snapshot:?}");
}

#[test]
fn servers_that_are_slow_or_start_again() {
    let mut monitor = Monitor::new(options());
    observe(&mut monitor, 0, gpu(drawn(1.0, 1)), serving(1000.0, 1.0));
    observe(&mut monitor, 1, gpu(drawn(1.0, 1)), serving(1010.0, 1.0));
    observe(&mut monitor, 2, gpu(drawn(1.0, 1)), of_server(ServerAnswer::Pending));
    observe(&mut monitor, 3, gpu(drawn(1.0, 1)), serving(1030.0, 1.0));
    close(&monitor.snapshot().servers[0].output_tokens_per_s, 10.0);
    close(&monitor.snapshot().window("now").unwrap().output_tokens_per_s, 10.0);
    // counters that begin again at 0 show what was generated since
    observe(&mut monitor, 4, gpu(drawn(1.0, 1)), serving(5.0, 1.0));
    let snapshot = monitor.snapshot();
    close(&snapshot.servers[0].output_tokens, 35.0);
    assert!(snapshot.events.iter().any(|event| event.text.contains("started again")));
}

#[test]
fn clocks_that_jump_and_a_monitor_that_was_held_up() {
    let mut monitor = Monitor::new(options());
    let take = |monitor: &mut Monitor, at: u64, wall: i64| {
        let wall = Timestamp::from_second(wall).unwrap();
        let devices = vec![gpu(drawn(10.0, 1))];
        monitor.take(&Observation { at: Duration::from_secs(at), wall, devices, servers: Vec::new() });
    };
    take(&mut monitor, 0, 1_000_000);
    take(&mut monitor, 1, 1_000_001);
    take(&mut monitor, 2, 996_402);
    take(&mut monitor, 3, 2_000_000);
    // the same moment twice adds no time
    take(&mut monitor, 3, 2_000_000);
    take(&mut monitor, 60, 2_000_057);
    let snapshot = monitor.snapshot();
    let texts: Vec<&str> = snapshot.events.iter().map(|event| event.text.as_str()).collect();
    assert!(texts[0].contains("set back by 3600 s") && texts[1].contains("set forward by"), "{texts:?}");
    assert!(texts[2].contains("nothing was observed for 57 s"), "{texts:?}");
    assert!((snapshot.window("day").unwrap().seen_s - 60.0).abs() < 1e-9);
}

/// A day at one reading a second, with devices and servers that come and go.
#[test]
fn a_snapshot_does_not_grow_with_the_day() {
    let mut monitor = Monitor::new(options());
    let mut after_some_hours = 0;
    for second in 0..86_400 {
        let server = match second % 500 {
            0..30 => of_server(ServerAnswer::Away("nothing listens there".to_owned())),
            30 => of_server(ServerAnswer::Pending),
            _ => serving(second as f64 * 7.0, (second % 3) as f64),
        };
        let energy = match second % 700 {
            0..5 => DrawnEnergy::Missing("lost".to_owned()),
            _ => drawn(100.0, 1),
        };
        observe(&mut monitor, second, gpu(energy), server);
        if second == 6 * 3_600 {
            after_some_hours = serde_json::to_vec(&monitor.snapshot()).unwrap().len();
        }
    }
    let snapshot = monitor.snapshot();
    let size = serde_json::to_vec(&snapshot).unwrap().len();
    assert!(size < after_some_hours + 500, "{size} {after_some_hours}");
    assert!(snapshot.events.len() <= MOST_EVENTS);
    let day = snapshot.window("day").unwrap();
    assert!(day.seen_s > 86_300.0 && day.metered_s < day.seen_s, "{day:?}");
    assert!(day.power_w.value().is_some_and(|watts| (watts - 100.0).abs() < 2.0), "{day:?}");
}
