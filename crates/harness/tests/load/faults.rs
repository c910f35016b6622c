//! What goes wrong under load is counted, and ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use infercost_core::{Engine, OperatingPoint, Outcome};
use infercost_harness::HarnessError;
use infercost_harness::load::put_under_load;
use infercost_openai_mock::{Fault, Reply, StandIn, StreamScript};
use infercost_served::{ServedModel, ServedOptions};

use crate::loading::{MS, attempts, load, loaded, prompts, script, serving};

const CLOSED: OperatingPoint = OperatingPoint::Closed { concurrency: 8 };

#[test]
fn each_fault_is_counted_under_its_kind() {
    attempts(|| {
        let broken = |fault| StreamScript { fault: Some((2, fault)), ..script(5 * MS, MS, 6) }.reply();
        let replies = [
            script(5 * MS, MS, 6).reply(),
            broken(Fault::Reset),
            broken(Fault::HalfJson),
            broken(Fault::Stall),
            broken(Fault::ErrorObject),
            Reply::error(429, &["Retry-After: 0"], "{}"),
        ];
        let next = AtomicU64::new(0);
        let server = StandIn::start(move |asked| {
            if !asked.path.ends_with("/completions") {
                return Reply::json(r#"{"data":[{"id":"m"}]}"#);
            }
            replies[next.fetch_add(1, Ordering::Relaxed) as usize % replies.len()].clone()
        })
        .unwrap();
        let began = Instant::now();
        let (outcome, records) = loaded(&server, &load(CLOSED, Duration::ZERO, 1500 * MS), 4);
        assert!(began.elapsed() < 4000 * MS, "{:?}", began.elapsed());
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for record in &records {
            if let Outcome::Failed { kind, .. } = &record.outcome {
                *kinds.entry(kind.name()).or_default() += 1;
            }
        }
        assert_eq!(
            kinds.keys().copied().collect::<Vec<_>>(),
            ["connection", "protocol", "status", "timeout"]
        );
        assert_eq!(kinds.values().sum::<u64>(), outcome.failed);
        assert_eq!(outcome.completed + outcome.failed, outcome.issued);
        let retries: u32 =
            records.iter().filter_map(|record| record.served.as_ref()).map(|served| served.retries).sum();
        assert!(retries > 0);
    });
}

#[test]
fn a_server_that_dies_ends_the_load() {
    attempts(|| {
        let die = AtomicU64::new(0);
        let server = StandIn::start(move |asked| {
            if !asked.path.ends_with("/completions") {
                return Reply::json(r#"{"data":[{"id":"m"}]}"#);
            }
            let fault = (die.fetch_add(1, Ordering::Relaxed) == 60).then_some((2, Fault::Die));
            StreamScript { fault, ..script(5 * MS, MS, 4) }.reply()
        })
        .unwrap();
        let began = Instant::now();
        let (outcome, records) = loaded(&server, &load(CLOSED, Duration::ZERO, 60_000 * MS), 4);
        assert!(began.elapsed() < 10_000 * MS, "{:?}", began.elapsed());
        assert!(
            outcome.completed >= 40 && outcome.failed >= 200,
            "{} and {}",
            outcome.completed,
            outcome.failed
        );
        assert_eq!(records.len() as u64, outcome.issued);
    });
}

/// A load test until a sink or a flag ends it.
fn ended(on_finished: &mut dyn FnMut() -> Result<(), String>, stop: &AtomicBool) -> HarnessError {
    let server = serving(script(20 * MS, MS, 4).reply());
    let options = ServedOptions { no_trial: true, ..ServedOptions::default() };
    let engine = ServedModel::connect(&format!("{}#m", server.base()).parse().unwrap(), &options).unwrap();
    let mut keep = |_| on_finished().map_err(Into::into);
    let load = load(CLOSED, Duration::ZERO, 60_000 * MS);
    put_under_load(engine.concurrent().unwrap(), &prompts(3), &load, &mut keep, stop).unwrap_err()
}

#[test]
fn a_sink_that_fails_ends_the_load() {
    attempts(|| {
        let began = Instant::now();
        let error = ended(&mut || Err("disk full".into()), &AtomicBool::new(false));
        assert_eq!(error.to_string(), "disk full");
        assert!(began.elapsed() < 2000 * MS);
    });
}

#[test]
fn the_caller_may_stop_it() {
    attempts(|| {
        let began = Instant::now();
        let stop = AtomicBool::new(false);
        let mut seen = 0;
        let error = ended(
            &mut || {
                seen += 1;
                stop.store(seen >= 20, Ordering::Relaxed);
                Ok(())
            },
            &stop,
        );
        assert!(matches!(error, HarnessError::Interrupted));
        assert!(began.elapsed() < 2000 * MS);
    });
}
