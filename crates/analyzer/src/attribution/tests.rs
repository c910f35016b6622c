#![expect(clippy::unwrap_used, reason = "a test may panic")]
use std::sync::Arc;

use infercost_core::{
    ChunkArrival, EnergyReading, EnergyScope, FailureKind, FinishReason, MeterKind, MeterSource,
    OperatingPoint, Outcome, PromptId, Thinking, VariantId, WindowId,
};
use proptest::prelude::*;

use super::*;

const START: u64 = 1_000_000;

/// Start, prefill and decode of each inference in milliseconds after the window's start.
fn window(wall: u64, joules: f64, inferences: &[(u64, u64, u64)]) -> WindowRecord {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(START);
    let inference = |(at, prefill, decode): &(u64, u64, u64)| InferenceRecord {
        prompt: PromptId::from("p"),
        repetition: 0,
        issued_at: start + Duration::from_millis(*at),
        input_text: None,
        input_tokens: Some(1),
        cached_input_tokens: None,
        max_tokens: 2,
        sampling: Arc::default(),
        served: None,
        outcome: Outcome::Completed {
            text: None,
            finish: FinishReason::Stop,
            output_tokens: 2,
            thinking: None,
            arrivals: vec![ChunkArrival { at: Duration::from_millis(*prefill), tokens: 2 }].into(),
            latency: Duration::from_millis(prefill + decode),
        },
    };

    WindowRecord {
        id: WindowId { variant: VariantId::from("v"), index: 0 },
        started_at: start,
        wall_time: Duration::from_millis(wall),
        operating_point: OperatingPoint::SEQUENTIAL,
        load: None,
        energy: EnergyReading::Measured {
            energy: Joules::new(joules),
            scope: EnergyScope::default(),
            source: MeterSource { kind: MeterKind::Counter, name: "made up".into() },
            updates: 1,
        },
        interrupted: false,
        interference: None,
        remeasures: None,
        inferences: inferences.iter().map(inference).collect(),
    }
}

fn check(window: &WindowRecord, per_inference: &[f64], unattributed: f64) {
    let got = attribute(window).unwrap();
    let got_parts: Vec<f64> = got.per_inference.iter().map(|joules| joules.get()).collect();
    assert_eq!(got_parts.len(), per_inference.len());
    let all = got_parts.iter().chain([got.unattributed.get()].iter()).copied().collect::<Vec<_>>();
    for (got, expected) in all.iter().zip(per_inference.iter().chain([&unattributed])) {
        assert!((got - expected).abs() < 1e-9, "{all:?} is not {per_inference:?} + {unattributed}");
    }
}

#[test]
fn shares() {
    // One after the other, a gap of 200 ms and a tail of 100 ms.
    check(&window(1000, 100.0, &[(0, 100, 400), (700, 100, 100)]), &[50.0, 20.0], 30.0);
    // Side by side for 400 ms: the common time counts half for each.
    check(&window(1000, 100.0, &[(0, 100, 500), (200, 100, 700)]), &[40.0, 60.0], 0.0);
    // One inside the other.
    check(&window(1000, 100.0, &[(0, 0, 1000), (400, 0, 200)]), &[90.0, 10.0], 0.0);
    check(&window(1000, 100.0, &[]), &[], 100.0);
    check(&window(0, 5.0, &[]), &[], 5.0);
    // A measured zero is shared as zero.
    check(&window(1000, 0.0, &[(0, 100, 400)]), &[0.0], 0.0);
}

#[test]
fn a_clock_that_jumped_is_not_believed() {
    let mut jumped = window(1000, 100.0, &[(0, 100, 200), (300, 100, 500)]);
    jumped.started_at += Duration::from_secs(3600);
    check(&jumped, &[30.0, 60.0], 10.0);
    jumped.wall_time = Duration::from_millis(600);
    check(&jumped, &[100.0 / 3.0, 200.0 / 3.0], 0.0);
}

#[test]
fn a_failure_takes_its_share() {
    let mut window = window(1000, 100.0, &[(0, 100, 400), (500, 100, 400)]);
    window.inferences[1].outcome = Outcome::Failed {
        kind: FailureKind::Timeout,
        message: String::new(),
        latency: Duration::from_millis(500),
    };
    check(&window, &[50.0, 50.0], 0.0);
}

#[test]
fn no_reading_no_share() {
    let mut window = window(1000, 100.0, &[(0, 100, 400)]);
    window.energy = EnergyReading::Unavailable { reason: "none".into() };
    assert_eq!(attribute(&window), None);
}

#[test]
fn hidden_thinking_is_decode() {
    let mut window = window(1000, 50.0, &[(0, 900, 100)]);
    let shown = time_shares(&window);
    if let Outcome::Completed { thinking, output_tokens, .. } = &mut window.inferences[0].outcome {
        *output_tokens = 50;
        *thinking = Some(Box::new(Thinking { tokens: Some(48), is_hidden: true, ..Thinking::default() }));
    }
    let hidden = time_shares(&window);
    assert!((shown[0].prefill - 0.9).abs() < 1e-9 && (shown[0].decode - 0.1).abs() < 1e-9, "{shown:?}");
    assert!(hidden[0].prefill == 0.0 && (hidden[0].decode - 1.0).abs() < 1e-9, "{hidden:?}");
}

/// Windows at 80 W in prefill and 40 W in decode, with very different mixes.
#[test]
fn phase_powers_are_found_where_windows_differ() {
    let mixed: Vec<WindowRecord> = (0..10_u64)
        .map(|i| {
            let (prefill, decode) = (100 * i + 50, 950 - 80 * i);
            let joules = 0.08 * prefill as f64 + 0.04 * decode as f64 + if i % 2 == 0 { 0.1 } else { -0.1 };
            window(prefill + decode, joules, &[(0, prefill, decode)])
        })
        .collect();
    let powers = phase_powers(&mixed).unwrap();
    assert!((powers.prefill - 80.0).abs() < 1.0 && (powers.decode - 40.0).abs() < 1.0, "{powers:?}");
    assert_eq!(phase_powers(&mixed[..7]), None, "too few windows");
    let alike: Vec<WindowRecord> = (0..10).map(|_| window(1000, 50.0, &[(0, 200, 800)])).collect();
    assert_eq!(phase_powers(&alike), None, "no difference to learn from");
}

proptest! {
    #[test]
    fn nothing_is_lost_or_made(
        wall in 0_u64..5_000,
        joules in 0.0_f64..1e6,
        inferences in proptest::collection::vec((0_u64..6_000, 0_u64..3_000, 0_u64..3_000), 0..20),
        prefill in 0.01_f64..100.0,
    ) {
        let window = window(wall, joules, &inferences);
        let shared = attribute_weighted(&window, PhasePowers { prefill, decode: 1.0 }).unwrap();
        let given: f64 = shared.per_inference.iter().map(|joules| joules.get()).sum();
        prop_assert!((given + shared.unattributed.get() - joules).abs() <= 1e-12 * joules);
        prop_assert!(shared.per_inference.iter().all(|joules| joules.get() >= 0.0));
        prop_assert!(shared.unattributed.get() >= -1e-9 * joules);
        let busy: f64 = time_shares(&window).iter().map(TimeShare::busy).sum();
        prop_assert!(busy <= window.wall_time.as_secs_f64() + 1e-9);
    }
}
