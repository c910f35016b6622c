//! Open loops.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use infercost_core::{InferenceRecord, OperatingPoint};
use infercost_harness::load::{Arrivals, Load};
use infercost_openai_mock::{Reply, StandIn};

use crate::loading::{MS, attempts, completed, load, loaded, script, serving};

fn open(rate: f64, duration: Duration) -> Load {
    load(OperatingPoint::Open { rate }, Duration::ZERO, duration)
}

#[test]
fn requests_are_sent_at_their_rate_whatever_comes_back() {
    attempts(|| {
        let server = serving(script(300 * MS, Duration::ZERO, 2).reply());
        let constant = Load { arrivals: Arrivals::Constant, ..open(100.0, 1000 * MS) };
        let (outcome, records) = loaded(&server, &constant, 5);
        assert_eq!((outcome.issued, completed(&records)), (100, 100));
        let mut issued: Vec<_> = records.iter().map(|record: &InferenceRecord| record.issued_at).collect();
        issued.sort();
        let span = issued[99].duration_since(issued[0]).unwrap();
        assert!(span >= 970 * MS && span <= 1100 * MS, "{span:?}");
        // 300 ms at 100 a second: 30 in flight.
        let middle = outcome.in_flight.iter().find(|point| point.at >= 600 * MS).unwrap();
        assert!((25.0..=36.0).contains(&middle.requests), "{middle:?}");
        assert!(!outcome.over_saturated);
        let steady = outcome.steady.unwrap();
        assert!(steady.from == Duration::ZERO && steady.to >= 970 * MS, "{steady:?}");
    });
}

#[test]
fn an_over_saturated_server_is_found_and_left() {
    attempts(|| {
        // The n-th request waits until n × 20 ms have gone by since the first: 50 a second, while 150 are sent.
        let first = std::sync::OnceLock::new();
        let number = AtomicU64::new(0);
        let server = StandIn::start(move |asked| {
            if !asked.path.ends_with("/completions") {
                return Reply::json(r#"{"data":[{"id":"m"}]}"#);
            }
            let now = std::time::Instant::now();
            let first = *first.get_or_init(|| now);
            let due = first + 20 * MS * u32::try_from(number.fetch_add(1, Ordering::Relaxed)).unwrap();
            script(due.saturating_duration_since(now), Duration::ZERO, 2).reply()
        })
        .unwrap();
        let (outcome, records) = loaded(&server, &open(150.0, 6000 * MS), 5);
        assert!(outcome.over_saturated && outcome.steady.is_none(), "{:?}", outcome.in_flight.last());
        // Nine hundred were due; it was left half-way.
        assert!(outcome.issued < 750, "{} were issued", outcome.issued);
        assert_eq!(outcome.issued, records.len() as u64);
    });
}
