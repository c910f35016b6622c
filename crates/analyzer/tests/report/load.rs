//! Operating points and what they recommend.

use std::sync::Arc;
use std::time::Duration;

use infercost_analyzer::{Analysis, report};
use infercost_core::manifest::Provenance;
use infercost_core::price::HardwareCost;
use infercost_core::report::Report;
use infercost_core::*;

use crate::scenario::{Behavior, prices, run};

pub(crate) const FULL: &str = "tiny/full";
pub(crate) const SMALL: &str = "tiny/q4";

/// `concurrency` requests in flight for 30 s, of which all but the first and last second are steady; 40 W.
pub(crate) fn add_load(
    record: &mut RunRecord,
    variant: &str,
    concurrency: u32,
    latency: Duration,
    facts: LoadFacts,
) {
    let last = record.windows.last().unwrap();
    let started_at = last.started_at + last.wall_time;
    let index = last.id.index + 1;
    let wall_time = Duration::from_secs(30);
    let earlier = record.windows.iter().filter(|window| window.id.variant.as_str() == variant);
    let earlier = earlier.flat_map(|window| &window.inferences).map(|one| one.repetition + 1);
    let first = earlier.max().unwrap_or(0);
    let mut inferences = Vec::new();

    for user in 0..concurrency {
        let mut at = latency * user / concurrency;
        while at + latency <= wall_time {
            let arrival = |k: u32| ChunkArrival { at: latency / 4 + latency * k / 16, tokens: 1 };
            inferences.push(InferenceRecord {
                prompt: PromptId::from(format!("p{}", inferences.len() % 100)),
                repetition: first + inferences.len() as u32 / 100,
                issued_at: started_at + at,
                input_text: None,
                input_tokens: Some(30),
                cached_input_tokens: None,
                max_tokens: 64,
                sampling: Arc::default(),
                served: None,
                outcome: Outcome::Completed {
                    text: None,
                    finish: FinishReason::Stop,
                    output_tokens: 12,
                    thinking: None,
                    arrivals: (0..12).map(arrival).collect(),
                    latency,
                },
            });
            at += latency;
        }
    }

    record.windows.push(WindowRecord {
        id: WindowId { variant: VariantId::from(variant), index },
        started_at,
        wall_time,
        operating_point: OperatingPoint::Closed { concurrency },
        load: Some(facts),
        energy: EnergyReading::Measured {
            energy: Joules::new(40.0 * 30.0),
            scope: EnergyScope::of([EnergyDomain::CpuPackage]),
            source: MeterSource { kind: MeterKind::Counter, name: "rapl".into() },
            updates: 100,
        },
        interrupted: false,
        interference: None,
        remeasures: None,
        inferences,
    });
}

pub(crate) fn steady() -> LoadFacts {
    let steady = SteadyState { from: Duration::from_secs(1), until: Duration::from_secs(29) };
    LoadFacts { steady: Some(steady), ..LoadFacts::default() }
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Both variants alone; then under load, where the small one answers four at once in twice the time of one.
pub(crate) fn driven() -> RunRecord {
    let mut record = run("r1", 100, &[Behavior::named("full"), Behavior::named("q4")]);
    add_load(&mut record, FULL, 1, ms(200), steady());
    add_load(&mut record, SMALL, 1, ms(200), steady());
    add_load(&mut record, SMALL, 2, ms(250), steady());
    add_load(&mut record, SMALL, 4, ms(400), steady());
    add_load(&mut record, SMALL, 8, ms(800), steady());
    record
}

fn analyze(record: &RunRecord, slo: Option<LatencyTargets>) -> Report {
    let policy = Policy { slo, ..Policy::default() };
    let prices = prices();
    let runs = std::slice::from_ref(record);
    report(&Analysis {
        runs,
        policy: &policy,
        prices: &prices,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: Some(1e9),
    })
    .unwrap()
}

fn switched(report: &Report) -> (&str, Option<OperatingPoint>, &str) {
    match &report.recommendation {
        Recommendation::Switch { variant, operating_point, why, .. } => {
            (variant.as_str(), *operating_point, why)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn single_requests_decide_quality_and_load_decides_cost() {
    let without = {
        let mut record = driven();
        record.windows.retain(|window| window.load.is_none());
        analyze(&record, None)
    };
    let report = analyze(&driven(), None);
    for (one, other) in report.candidates.iter().zip(&without.candidates) {
        assert!(other.operating_points.is_empty());
        let mut single = one.clone();
        single.operating_points.clear();
        assert_eq!(single, *other, "load changed what single requests say");
    }
    let points = &report.candidates[1].operating_points;
    let rates: Vec<f64> = points.iter().map(|point| point.requests_per_s.unwrap().point.round()).collect();
    assert_eq!(rates, [5.0, 8.0, 10.0, 10.0]);
    assert_eq!(points.iter().map(|point| point.knee).collect::<Vec<_>>(), [false, false, true, false]);
    let (variant, point, why) = switched(&report);
    assert_eq!(variant, SMALL);
    assert!(matches!(point, Some(OperatingPoint::Closed { concurrency: 4 | 8 })), "{point:?}");
    assert!(why.contains("of the baseline's cost (full at concurrency 1)"), "{why}");
    assert!(
        report.notes.iter().any(|note| note.starts_with("Under load, full takes part at concurrency 1 only"))
    );
}

/// Where more than one request in flight was asked for, a model in this process says why it had one, even if nothing else
/// was tested harder.
#[test]
fn a_model_in_process_alone_says_that_it_takes_one_request_at_a_time() {
    let mut record = driven();
    record.windows.retain(|window| window.operating_point == OperatingPoint::SEQUENTIAL);
    for (concurrency, rate, is_said) in
        [(vec![1], vec![], false), (vec![1, 4], vec![], true), (vec![], vec![2.0], true)]
    {
        let load = LoadSpec { concurrency, rate, ..LoadSpec::default() };
        record.header.spec = Some(RunSpec { load: Some(load), ..RunSpec::default() });
        let notes = analyze(&record, None).notes;
        let said = notes.iter().any(|note| note.starts_with("Under load, full"));
        assert_eq!(said, is_said, "{notes:#?}");
    }
}

/// 0.225 + 0.05 per hour, half the hours used, 0.30 per kWh, PUE 1.2, 40 W, 20 W idle; 10 requests a second.
#[test]
fn cost_is_machine_hours_over_throughput() {
    let report = analyze(&driven(), None);
    let point = &report.candidates[1].operating_points[2];
    let rate = point.requests_per_s.unwrap().point;
    let tariff = 0.30 * 1.2 / 3.6e6;
    let hours = (0.225 + 0.05) / 3600.0 / rate / 0.5;
    let expected = hours + 40.0 / rate * tariff + 20.0 / rate * tariff;
    let cost = point.cost_per_inference.unwrap();
    assert!((cost.point / expected - 1.0).abs() < 1e-6, "{cost:?} is not {expected}");
    assert!(cost.lower <= cost.point && cost.point <= cost.upper);
    let parts = point.cost_components;
    let sum: f64 = [parts.energy, parts.hardware, parts.idle, parts.operation].into_iter().flatten().sum();
    assert!((sum - cost.point).abs() < 1e-15);
    assert!((point.energy_per_inference_j.unwrap().point - 40.0 / rate).abs() < 1e-9);
}

/// TTFT is a quarter of the latency: 50, 62.5, 100 and 200 ms at 1, 2, 4 and 8 in flight.
#[test]
fn targets_rule_operating_points_out() {
    let slo = |ttft_s| Some(LatencyTargets { ttft_s: Some(ttft_s), tpot_s: None, share: 0.9 });
    for (ttft, concurrency) in [(0.07, 2), (0.11, 4)] {
        let report = analyze(&driven(), slo(ttft));
        let (variant, point, why) = switched(&report);
        assert_eq!((variant, point), (SMALL, Some(OperatingPoint::Closed { concurrency })));
        assert!(
            why.starts_with(&format!("q4 at concurrency {concurrency} meets the targets at 0.")),
            "{why}"
        );
    }
    let report = analyze(&driven(), slo(0.01));
    let Recommendation::KeepBaseline { operating_point, why, .. } = &report.recommendation else { panic!() };
    assert_eq!(*operating_point, None);
    assert!(why.contains("at no operating point"), "{why}");
    assert!(
        report.candidates[1].operating_points.iter().all(|point| point.meets_targets == Some(Verdict::Fail))
    );
}

#[test]
fn what_is_not_steady_is_not_recommended() {
    type Spoil = fn(&mut LoadFacts);
    let flags: [(&str, Spoil); 3] = [
        ("no steady state", |facts| facts.steady = None),
        ("over-saturated", |facts| facts.over_saturated = true),
        ("client-limited", |facts| facts.client_limited = true),
    ];
    for (name, spoil) in flags {
        let mut record = driven();
        for window in
            record.windows.iter_mut().filter(|window| window.operating_point != OperatingPoint::SEQUENTIAL)
        {
            spoil(window.load.as_mut().unwrap());
        }
        let report = analyze(&record, None);
        // What is left is one request at a time, at which both cost the same.
        let Recommendation::MeasureMore { why, .. } = &report.recommendation else {
            panic!("{name}: {:?}", report.recommendation)
        };
        assert!(why.contains("q4 at concurrency 1"), "{name}: {why}");
    }
}

/// The first window at 4 in flight is slower than the server, since infercost was the limit in it.
#[test]
fn a_point_that_was_driven_again_counts_without_its_limited_window() {
    let limited = LoadFacts { client_limited: true, ..steady() };
    let with = |facts: &[LoadFacts]| {
        let mut record = run("r1", 100, &[Behavior::named("full"), Behavior::named("q4")]);
        add_load(&mut record, FULL, 1, ms(200), steady());
        for facts in facts {
            add_load(&mut record, SMALL, 4, ms(if facts.client_limited { 800 } else { 400 }), *facts);
        }
        analyze(&record, None)
    };
    let whole = with(&[steady()]);
    let again = with(&[limited, steady()]);
    let (whole, again) = (&whole.candidates[1].operating_points, &again.candidates[1].operating_points);
    assert_eq!((whole.len(), again.len()), (1, 1));
    let note = again[0].notes.iter().find(|note| note.contains("the limit in 1 window, which is left out"));
    assert!(note.is_some() && !again[0].client_limited, "{:?}", again[0].notes);
    assert_eq!(again[0].requests_per_s.map(|rate| rate.point.round()), Some(10.0));
    assert_eq!(again[0].requests, whole[0].requests);
    // where it was the limit each time, the point stands as such
    let never = with(&[limited, limited]);
    let never = &never.candidates[1].operating_points[0];
    assert!(never.client_limited && never.requests_per_s.is_some_and(|rate| rate.point < 6.0));
}

/// What says nothing of the server does not lie above a knee.
#[test]
fn a_knee_has_a_point_above_it_that_counts() {
    type Spoil = fn(&mut LoadFacts);
    let spoils: [(&str, Spoil); 2] =
        [("no rate", |facts| facts.steady = None), ("client-limited", |facts| facts.client_limited = true)];
    let marked = |record: &RunRecord| {
        let report = analyze(record, None);
        let points = &report.candidates[1].operating_points;
        let knee = points.iter().find(|point| point.knee).map(|point| point.operating_point);
        let said = report.notes.iter().any(|note| note.contains("is saturated"));
        assert_eq!(knee.is_some(), said);
        knee
    };

    let record = |latencies: &[(u32, u64)], facts: LoadFacts| {
        let mut record = run("r1", 20, &[Behavior::named("full"), Behavior::named("q4")]);
        let last = latencies.len() - 1;
        for (index, (concurrency, latency)) in latencies.iter().enumerate() {
            let facts = if index == last { facts } else { steady() };
            add_load(&mut record, SMALL, *concurrency, ms(*latency), facts);
        }
        record
    };

    let knee = |concurrency| Some(OperatingPoint::Closed { concurrency });

    // 10, 20 and 20 a second
    assert_eq!(marked(&record(&[(1, 100), (2, 100), (4, 200)], steady())), knee(2));

    // 10, 20, 20 and 40
    assert_eq!(marked(&record(&[(1, 100), (2, 100), (4, 200), (8, 200)], steady())), None);

    for (name, spoil) in spoils {
        let mut facts = steady();
        spoil(&mut facts);
        assert_eq!(marked(&record(&[(1, 100), (2, 100), (4, 200)], facts)), None, "{name}");
        assert_eq!(marked(&record(&[(1, 100), (2, 100), (4, 200), (8, 200)], facts)), knee(2), "{name}");
    }
}

/// At four in flight the small one is cheapest by far; how many of its requests fail there decides.
#[test]
fn a_point_that_mostly_fails_is_not_recommended() {
    let closed = |concurrency| Some(OperatingPoint::Closed { concurrency });
    for (every, recommended, failing) in [
        (1000, closed(4), false),
        (11, closed(2), false), // not shown to fail no more often than the baseline, which never does
        (9, closed(2), true),
        (2, closed(2), true),
    ] {
        let mut record = driven();
        record.windows.retain(|window| window.operating_point != OperatingPoint::Closed { concurrency: 8 });
        for window in &mut record.windows {
            if window.operating_point == (OperatingPoint::Closed { concurrency: 4 }) {
                for inference in window.inferences.iter_mut().step_by(every) {
                    let latency = inference.outcome.latency();
                    let message = "503".to_owned();
                    inference.outcome = Outcome::Failed { kind: FailureKind::Status, message, latency };
                }
            }
        }
        let report = analyze(&record, None);
        let (variant, point, _) = switched(&report);
        assert_eq!((variant, point), (SMALL, recommended), "one of {every} fails");
        let point = report.candidates[1].operating_points.last().unwrap();
        assert_eq!(point.failing, failing, "one of {every} fails");
        assert_eq!(point.failing, point.notes.iter().any(|note| note.contains("is not recommended")));
    }
}

#[test]
fn a_candidate_that_is_not_good_enough_is_no_bargain() {
    let wrong = Behavior { score: |_| 0.0, ..Behavior::named("q4") };
    let mut record = run("r1", 100, &[Behavior::named("full"), wrong]);
    add_load(&mut record, FULL, 1, ms(200), steady());
    add_load(&mut record, SMALL, 4, ms(200), steady());
    let report = analyze(&record, None);
    assert!(
        matches!(report.recommendation, Recommendation::KeepBaseline { .. }),
        "{:?}",
        report.recommendation
    );
}

/// Another machine's hardware has no price here, unless it is rented.
#[test]
fn a_server_elsewhere_is_not_billed_for_this_machine() {
    let mut record = driven();
    record.header.variants[1].provenance = Provenance::Served { url: "http://10.0.0.7/v1".into() };
    for window in record.windows.iter_mut().filter(|window| window.id.variant.as_str() == SMALL) {
        window.energy = EnergyReading::Unavailable { reason: "it runs on 10.0.0.7".into() };
    }
    let report = analyze(&record, None);
    let candidate = &report.candidates[1];
    assert!(candidate.cost.components.hardware.is_none() && candidate.cost.components.idle.is_none());
    assert!(candidate.cost.left_out.get(CostPart::Hardware).unwrap().to_string().contains("10.0.0.7"));
    assert!(candidate.operating_points[0].cost_components.hardware.is_none());

    let policy = Policy::default();
    let mut rented = prices();
    let rate = match &rented.hardware {
        Some(HardwareCost::Owned { purchase, .. }) => purchase.clone(),
        _ => unreachable!("the scenario's machine is owned"),
    };
    rented.hardware = Some(HardwareCost::Rented { rate, includes_electricity: true });
    let runs = std::slice::from_ref(&record);
    let analysis = Analysis {
        runs,
        policy: &policy,
        prices: &rented,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: None,
    };
    let report = infercost_analyzer::report(&analysis).unwrap();
    assert!(report.candidates[1].operating_points[0].cost_components.hardware.is_some());
}

#[test]
fn a_window_that_was_cut_off_is_left_out_and_said() {
    let mut record = driven();
    record.windows.last_mut().unwrap().interrupted = true;
    let report = analyze(&record, None);
    assert_eq!(report.candidates[1].operating_points.len(), 3);
    assert!(
        report.notes.iter().any(|note| note.starts_with("1 window under load was cut off")),
        "{:#?}",
        report.notes
    );
}

/// Nothing is known of the candidate's cost under load: single requests decide, and it is said.
#[test]
fn a_rival_without_a_rate_is_not_called_costlier() {
    let mut record = run("r1", 100, &[Behavior::named("full"), Behavior::named("q4")]);
    add_load(&mut record, FULL, 1, ms(200), steady());
    add_load(&mut record, SMALL, 4, ms(200), LoadFacts::default());
    let report = analyze(&record, None);
    assert!(
        matches!(report.recommendation, Recommendation::MeasureMore { .. }),
        "{:?}",
        report.recommendation
    );
    assert!(report.notes.iter().any(|note| note.contains("that of single requests")), "{:#?}", report.notes);
}
