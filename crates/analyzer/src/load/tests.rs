#![expect(clippy::unwrap_used, reason = "a test may panic")]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infercost_core::{
    ChunkArrival, ChunkArrivals, EnergyReading, FailureKind, FinishReason, Outcome, PromptId, SteadyState,
    VariantId, WindowId,
};

use super::steady::SteadyRates;
use super::*;

const START: u64 = 1_000_000;

/// `concurrency` requests always in flight, each `latency` ms with 10 tokens from half of it on; of 10 s, all but
/// the first second are steady. A request that `fails` says does.
fn window(concurrency: u32, latency: u64, fails: fn(u64) -> bool) -> WindowRecord {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(START);
    let mut inferences = Vec::new();

    for user in 0..u64::from(concurrency) {
        // users are out of step with one another
        let mut at = user * latency / u64::from(concurrency);
        while at + latency <= 10_000 {
            let index = inferences.len() as u64;
            let ms = Duration::from_millis;
            let outcome = if fails(index) {
                Outcome::Failed { kind: FailureKind::Status, message: "503".into(), latency: ms(latency) }
            } else {
                let arrival = |k| ChunkArrival { at: ms(latency / 2 + k * latency / 20), tokens: 1 };
                Outcome::Completed {
                    text: None,
                    finish: FinishReason::Stop,
                    output_tokens: 10,
                    thinking: None,
                    arrivals: (0..10).map(arrival).collect(),
                    latency: ms(latency),
                }
            };
            inferences.push(InferenceRecord {
                prompt: PromptId::from("p"),
                repetition: index as u32,
                issued_at: start + ms(at),
                input_text: None,
                input_tokens: Some(10),
                cached_input_tokens: Some(2),
                max_tokens: 10,
                sampling: Arc::default(),
                served: None,
                outcome,
            });
            at += latency;
        }
    }

    WindowRecord {
        id: WindowId { variant: VariantId::from("v"), index: 0 },
        started_at: start,
        wall_time: Duration::from_secs(10),
        operating_point: OperatingPoint::Closed { concurrency },
        load: Some(LoadFacts {
            steady: Some(SteadyState { from: Duration::from_secs(1), until: Duration::from_secs(9) }),
            ..LoadFacts::default()
        }),
        energy: EnergyReading::Unavailable { reason: "none".into() },
        interrupted: false,
        interference: None,
        remeasures: None,
        inferences,
    }
}

fn facts(window: &WindowRecord) -> Vec<(&WindowRecord, LoadFacts)> {
    vec![(window, window.load.unwrap())]
}

#[test]
fn throughput_is_that_of_the_steady_state() {
    for (concurrency, latency, expected) in [(1, 100, 10.0), (4, 100, 40.0), (8, 250, 32.0), (3, 370, 8.108)]
    {
        let window = window(concurrency, latency, |_| false);
        let SteadyRates { requests_per_s: requests, output_tokens_per_s: tokens } =
            Steady::of(&facts(&window)).rates(0.95);
        let (requests, tokens) = (requests.unwrap(), tokens.unwrap());
        assert!((requests.point / expected - 1.0).abs() < 0.01, "{concurrency} {latency}: {requests:?}");
        assert!((tokens.point / expected / 10.0 - 1.0).abs() < 0.03, "{concurrency} {latency}: {tokens:?}");
        assert!(requests.lower <= requests.point && requests.point <= requests.upper);
    }
}

#[test]
fn failures_are_no_throughput() {
    let window = window(4, 100, |index| index.is_multiple_of(2));
    let requests = Steady::of(&facts(&window)).rates(0.95).requests_per_s;
    assert!((requests.unwrap().point - 20.0).abs() < 0.5);
}

/// A server that ends its streams without a token is not fast.
#[test]
fn empty_answers_are_no_throughput() {
    let mut window = window(4, 100, |_| false);
    for inference in window.inferences.iter_mut().step_by(2) {
        if let Outcome::Completed { output_tokens, arrivals, .. } = &mut inference.outcome {
            *output_tokens = 0;
            *arrivals = ChunkArrivals::default();
        }
    }
    let requests = Steady::of(&facts(&window)).rates(0.95).requests_per_s;
    assert!((requests.unwrap().point - 20.0).abs() < 0.5);
}

#[test]
fn a_state_never_reached_has_no_rate() {
    let mut window = window(4, 100, |_| false);
    window.load = Some(LoadFacts::default());
    let steady = Steady::of(&facts(&window));
    assert_eq!(steady.rates(0.95), SteadyRates { requests_per_s: None, output_tokens_per_s: None });
    assert!(steady.why_no_rate().to_string().contains("--duration"));
}

/// Half of the requests fail and keep no target; of those that answer, TTFT is 50 ms and TPOT 5 ms.
#[test]
fn goodput_counts_what_keeps_the_targets() {
    for (fails, ttft, tpot, expected) in [
        (false, Some(0.05), Some(0.006), 1.0),
        (false, Some(0.049), None, 0.0),
        (false, None, Some(0.0049), 0.0),
        (true, Some(1.0), None, 0.5),
    ] {
        let window = window(4, 100, if fails { |index| index.is_multiple_of(2) } else { |_| false });
        let requests = Steady::of(&facts(&window)).issued();
        let slo = LatencyTargets { ttft_s: ttft, tpot_s: tpot, share: 0.9 };
        let got = goodput(&requests, &slo, 0.95).unwrap();
        assert!((got.point - expected).abs() < 0.02, "{ttft:?} {tpot:?}: {got:?}");
        let wanted = if expected > 0.9 { Verdict::Pass } else { Verdict::Fail };
        assert_eq!(meets(Some(&got), &slo, true), wanted);
        assert_ne!(meets(Some(&got), &slo, false), Verdict::Pass);
    }

    // answers without a token have no times, and one of a single token has no time per further one
    let cases: [(u32, Option<f64>, Option<f64>, f64); 6] = [
        (0, Some(1.0), None, 0.0),
        (0, None, Some(1.0), 0.0),
        (0, Some(1.0), Some(1.0), 0.0),
        (1, Some(1.0), Some(1e-6), 1.0),
        (1, Some(0.04), Some(1.0), 0.0),
        (2, Some(1.0), Some(1e-6), 0.0),
    ];

    for (tokens, ttft, tpot, expected) in cases {
        let mut window = window(4, 100, |_| false);
        for inference in &mut window.inferences {
            if let Outcome::Completed { output_tokens, arrivals, .. } = &mut inference.outcome {
                *output_tokens = tokens;
                *arrivals = arrivals.iter().take(tokens as usize).collect();
            }
        }
        let requests = Steady::of(&facts(&window)).issued();
        let slo = LatencyTargets { ttft_s: ttft, tpot_s: tpot, share: 0.9 };
        let got = goodput(&requests, &slo, 0.95).unwrap();
        assert!((got.point - expected).abs() < 1e-9, "{tokens} {ttft:?} {tpot:?}: {got:?}");
    }

    assert_eq!(
        meets(None, &LatencyTargets { ttft_s: None, tpot_s: None, share: 0.9 }, true),
        Verdict::Inconclusive
    );
}
