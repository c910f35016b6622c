//! A day at one reading a second, by a clock that runs as fast as it is asked, in the memory of an hour.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::cell::Cell;
use std::time::Duration;

use infercost_core::Joules;
use infercost_energy::devices::{DeviceKind, DeviceReading, DrawnEnergy};
use infercost_monitor::observation::{ServerAnswer, ServerFacts, ServerKind, ServerReading};
use infercost_monitor::sampling::{Clock, DeviceSource, Sampling, ServerSource};
use infercost_monitor::web::Board;
use infercost_monitor::{Monitor, MonitorOptions, Tariffs};
use jiff::Timestamp;

const DAY: u64 = 86_400;

/// A clock that steps a second each time somebody waits.
#[derive(Default)]
struct Scripted(Cell<u64>);

impl Clock for Scripted {
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.get())
    }

    fn wall(&self) -> Timestamp {
        // it is set an hour back in the middle of the day
        let seconds = i64::try_from(self.0.get()).unwrap();
        let set = if self.0.get() > DAY / 2 { 3600 } else { 0 };
        Timestamp::from_second(1_000_000_000 + seconds - set).unwrap()
    }
}

/// Eight boards at 100 W, one of which is away for a minute of every hour.
#[derive(Default)]
struct Boards(u64);

impl DeviceSource for Boards {
    fn read(&mut self) -> Vec<DeviceReading> {
        self.0 += 1;
        let mut boards = Vec::new();
        for index in 0..8 {
            if index == 7 && self.0 % 3600 < 60 {
                continue;
            }
            let energy = DrawnEnergy::Drawn {
                joules: Joules::new(100.0),
                over: Duration::from_secs(1),
                estimated: false,
            };
            let (id, name) = (format!("GPU-{index}"), format!("Board {index}"));
            let board = DeviceReading::of_energy(&id, &name, DeviceKind::Gpu, energy, "not shown");
            boards.push(DeviceReading { temperature: Ok(60.0), ..board });
        }
        boards
    }
}

/// A server that makes 50 tokens a second, and rests every other hour.
#[derive(Default)]
struct Served {
    second: u64,
    tokens: f64,
}

impl ServerSource for Served {
    fn read(&mut self, _patience: Duration) -> Vec<ServerReading> {
        self.second += 1;
        let works = (self.second / 3600).is_multiple_of(2);
        self.tokens += if works { 50.0 } else { 0.0 };
        let facts = ServerFacts {
            kind: ServerKind::Vllm,
            models: vec!["m".to_owned()],
            output_tokens: Ok(self.tokens),
            input_tokens: Ok(0.0),
            requests: Ok(self.tokens / 100.0),
            running: Ok(if works { 4.0 } else { 0.0 }),
            waiting: Ok(0.0),
            cache: Ok(0.5),
            first_token: Err("not told".to_owned()),
        };
        vec![ServerReading { address: "http://s".to_owned(), answer: ServerAnswer::Fresh(Box::new(facts)) }]
    }
}

/// Resident memory of this process, in bytes (proc_pid_statm(5)).
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_day_at_a_reading_a_second() {
    let clock = Scripted::default();
    let interval = Duration::from_secs(1);
    let options = MonitorOptions {
        machine: "m".to_owned(),
        version: "0".to_owned(),
        interval,
        tariffs: Tariffs::default(),
    };
    let mut monitor = Monitor::new(options);
    let mut sampling =
        Sampling::new(Box::new(Boards::default()), Box::new(Served::default()), clock, interval);
    let board = Board::default();

    let mut after_two_hours = 0;
    for second in 0..=DAY {
        monitor.take(&sampling.observe());
        board.publish(&monitor.snapshot());
        if second == 2 * 3600 {
            after_two_hours = resident();
        }
        sampling.clock().0.set(second + 1);
    }

    let grown = resident().saturating_sub(after_two_hours);
    assert!(grown < 2 << 20, "{grown} bytes more than after two hours");

    let snapshot = monitor.snapshot();
    let day = snapshot.window("day").unwrap();
    let share = *day.idle_share.value().unwrap();
    assert!((share - 0.5).abs() < 0.01, "{share}");
    let idle = *day.idle_w.value().unwrap();
    assert!((780.0..=800.0).contains(&idle), "{idle}");
    // half of the day's energy is drawn while nothing is served: 2 × 800 W at 50 tokens a second
    let per_million = *day.joules_per_million.value().unwrap();
    assert!((per_million / 32e6 - 1.0).abs() < 0.02, "{per_million}");
    assert!(snapshot.events.iter().any(|event| event.text.contains("is gone")));
}
