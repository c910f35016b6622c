//! Closed loops.

use std::time::Duration;

use infercost_core::{OperatingPoint, Outcome};

use crate::loading::{MS, attempts, completed, load, loaded, script, serving};

fn closed(concurrency: u32) -> OperatingPoint {
    OperatingPoint::Closed { concurrency }
}

#[test]
fn so_many_are_in_flight_and_the_window_lies_inside() {
    attempts(|| {
        let server = serving(script(20 * MS, 2 * MS, 11).reply());
        let (outcome, records) = loaded(&server, &load(closed(4), 200 * MS, 800 * MS), 3);
        let steady = outcome.steady.unwrap();
        assert!(steady.from >= 200 * MS && steady.to <= 1200 * MS && steady.to > 900 * MS, "{steady:?}");
        // About 42 ms an answer, four at a time, for a second.
        assert!((50..=110).contains(&outcome.issued), "{}", outcome.issued);
        assert_eq!(
            (outcome.issued, outcome.completed, outcome.failed),
            (records.len() as u64, records.len() as u64, 0)
        );
        let inside =
            outcome.in_flight.iter().filter(|point| point.at > steady.from && point.at + 50 * MS < steady.to);
        assert!(
            inside.clone().count() > 5 && inside.clone().all(|point| (3.5..=4.01).contains(&point.requests))
        );
        assert!(!outcome.over_saturated);
        // Prompts take turns, and repetitions count up.
        assert_eq!(records.iter().filter(|record| record.repetition == 2).count(), 3);
        // Connections serve again: few more than requests in flight were opened.
        assert!(
            server.connections() <= 10,
            "{} connections for {} requests",
            server.connections(),
            outcome.issued
        );
    });
}

#[test]
fn stamps_are_those_of_the_script() {
    attempts(|| {
        let server = serving(script(50 * MS, 10 * MS, 6).reply());
        let (outcome, records) = loaded(&server, &load(closed(2), Duration::ZERO, 400 * MS), 4);
        assert!(outcome.steady.is_some());
        for record in &records {
            let Outcome::Completed { arrivals, output_tokens, latency, .. } = &record.outcome else {
                panic!("{record:?}")
            };
            assert_eq!((arrivals.len(), *output_tokens), (7, 7));
            let at = |chunk: usize| arrivals.iter().nth(chunk).unwrap().at;
            assert!(at(0) >= 50 * MS && at(0) < 90 * MS, "{arrivals:?}");
            assert!(at(5) >= 100 * MS && *latency >= at(6), "{arrivals:?}");
            assert!(record.served.is_some());
        }
    });
}

#[test]
fn requests_are_bounded() {
    attempts(|| {
        let server = serving(script(Duration::ZERO, Duration::ZERO, 2).reply());
        let few =
            infercost_harness::load::Load { most_requests: 17, ..load(closed(5), Duration::ZERO, 5000 * MS) };
        let (outcome, records) = loaded(&server, &few, 2);
        assert_eq!((outcome.issued, records.len(), completed(&records)), (17, 17, 17));
        assert!(outcome.wall_time < 3000 * MS);
    });
}

#[test]
fn too_short_a_load_reaches_no_steady_state() {
    attempts(|| {
        let server = serving(script(200 * MS, Duration::ZERO, 2).reply());
        let (outcome, _) = loaded(&server, &load(closed(3), Duration::ZERO, 50 * MS), 2);
        assert_eq!((outcome.steady, outcome.completed), (None, 3));
    });
}
