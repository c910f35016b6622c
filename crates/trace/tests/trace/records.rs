//! Records to write: fixed ones, and strategies for any.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infercost_core::{
    BoardState, ChoiceLikelihoods, ChunkArrival, ChunkArrivals, CrossCheck, Divergence, EnergyDomain,
    EnergyReading, EnergyScope, EstimationMethod, Evaluation, EvaluationKind, EvaluationRecord, FailureKind,
    FinishReason, GraderName, IdlePhase, IdleRecord, InferenceRecord, Interference, Joules, Judgment,
    LoadFacts, LoadRecord, MeterKind, MeterSource, OperatingPoint, OtherEnd, Outcome, ParameterChange,
    PromptId, RunHeader, Sampling, ServedFacts, ServerTimings, SteadyState, TaskScore, Thinking, TokenCount,
    UsageFault, VariantId, Watts, WindowId, WindowRecord,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const BASELINE: &str = "example-100m/f16";
pub(crate) const CANDIDATE: &str = "example-100m/q8_0";

pub(crate) fn header() -> RunHeader {
    serde_json::from_str(include_str!("../../examples/sample_header.json")).unwrap()
}

/// Seconds after the run's start.
pub(crate) fn moment(seconds: u64) -> SystemTime {
    SystemTime::from(header().started_at) + Duration::from_secs(seconds)
}

pub(crate) fn window_id(index: u32) -> WindowId {
    WindowId { variant: VariantId::from(BASELINE), index }
}

pub(crate) fn inference(prompt: &str, issued: u64) -> InferenceRecord {
    InferenceRecord {
        prompt: PromptId::from(prompt),
        repetition: 0,
        issued_at: moment(issued),
        input_text: Some("two and two?".to_owned()),
        input_tokens: Some(7),
        cached_input_tokens: None,
        max_tokens: 16,
        sampling: Arc::default(),
        served: None,
        outcome: Outcome::Completed {
            text: Some("four".to_owned()),
            finish: FinishReason::Stop,
            output_tokens: 2,
            thinking: None,
            arrivals: vec![
                ChunkArrival { at: Duration::from_millis(100), tokens: 1 },
                ChunkArrival { at: Duration::from_millis(115), tokens: 1 },
            ]
            .into(),
            latency: Duration::from_millis(120),
        },
    }
}

pub(crate) fn window(index: u32, started: u64, inferences: Vec<InferenceRecord>) -> WindowRecord {
    WindowRecord {
        id: window_id(index),
        started_at: moment(started),
        wall_time: Duration::from_secs(5),
        operating_point: OperatingPoint::SEQUENTIAL,
        load: None,
        energy: EnergyReading::Measured {
            energy: Joules::new(12.5),
            scope: EnergyScope::of([EnergyDomain::CpuPackage]),
            source: MeterSource { kind: MeterKind::Counter, name: "rapl package-0".to_owned() },
            updates: 100,
        },
        interrupted: false,
        interference: None,
        remeasures: None,
        inferences,
    }
}

pub(crate) fn evaluation(prompt: &str, score: f64) -> EvaluationRecord {
    EvaluationRecord {
        variant: VariantId::from(BASELINE),
        prompt: PromptId::from(prompt),
        repetition: 0,
        evaluated_at: moment(100),
        duration: Duration::from_millis(1),
        result: Evaluation::Task(TaskScore {
            grader: "exact".into(),
            score,
            judgment: Judgment::Correct,
            choices: None,
        }),
    }
}

/// Text of every kind that files and models give: control characters, quotes, markup, any script.
pub(crate) fn text() -> BoxedStrategy<String> {
    prop_oneof![
        Just(String::new()),
        Just("\u{0}\u{1b}[31m\r\n\t\"\\ \u{7f}\u{2028}\u{feff}\u{10ffff}".to_owned()),
        Just("</script><b>\",\"name\":\"spans go here\"".to_owned()),
        Just("ö".repeat(70_000)),
        "\\PC{0,24}",
        vec(any::<char>(), 0..24).prop_map(|letters| letters.into_iter().collect()),
    ]
    .boxed()
}

pub(crate) fn finite() -> BoxedStrategy<f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
        Just(0.0),
        Just(f64::MIN_POSITIVE / 3.0),
        Just(f64::MAX),
        Just(-f64::MAX),
        Just(0.1 + 0.2),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<SystemTime> {
    (0..4_000_000_000_000_000_000u64).prop_map(|nanos| UNIX_EPOCH + Duration::from_nanos(nanos)).boxed()
}

fn length() -> BoxedStrategy<Duration> {
    (0..4_000_000_000_000_000_000u64).prop_map(Duration::from_nanos).boxed()
}

fn variant() -> BoxedStrategy<VariantId> {
    prop_oneof![Just(BASELINE), Just(CANDIDATE)].prop_map(VariantId::from).boxed()
}

fn domain() -> BoxedStrategy<EnergyDomain> {
    prop_oneof![
        Just(EnergyDomain::CpuPackage),
        Just(EnergyDomain::Dram),
        Just(EnergyDomain::Gpu),
        Just(EnergyDomain::Platform),
        Just(EnergyDomain::Wall),
        prop_oneof![Just("gpu".to_owned()), Just("other:".to_owned()), text()].prop_map(EnergyDomain::Other),
    ]
    .boxed()
}

fn energy() -> BoxedStrategy<EnergyReading> {
    let scope = || btree_set(domain(), 0..4).prop_map(EnergyScope);
    let kind = prop_oneof![Just(MeterKind::Counter), Just(MeterKind::Integrated)];
    let method = prop_oneof![
        finite().prop_map(|watts| EstimationMethod::GivenWatts { watts: Watts::new(watts) }),
        (text(), finite(), text()).prop_map(|(model, tdp, source)| EstimationMethod::CpuTdp {
            model,
            tdp: Watts::new(tdp),
            source
        }),
        text().prop_map(|parts| EstimationMethod::Mixed { parts }),
    ];

    prop_oneof![
        (finite(), scope(), kind, text(), any::<u32>()).prop_map(|(joules, scope, kind, name, updates)| {
            EnergyReading::Measured {
                energy: Joules::new(joules),
                scope,
                source: MeterSource { kind, name },
                updates,
            }
        }),
        (finite(), scope(), method).prop_map(|(joules, scope, method)| EnergyReading::Estimated {
            energy: Joules::new(joules),
            scope,
            method
        }),
        text().prop_map(|reason| EnergyReading::Unavailable { reason }),
    ]
    .boxed()
}

fn arrivals() -> BoxedStrategy<ChunkArrivals> {
    let at = (0..=i64::MAX as u64).prop_map(Duration::from_nanos);
    prop_oneof![vec((at.clone(), Just(1)), 0..8), vec((at, prop_oneof![Just(1), any::<u32>()]), 0..8),]
        .prop_map(|chunks| chunks.into_iter().map(|(at, tokens)| ChunkArrival { at, tokens }).collect())
        .boxed()
}

fn outcome() -> BoxedStrategy<Outcome> {
    let finish = prop_oneof![Just(FinishReason::Stop), Just(FinishReason::Length)];
    let kind = prop_oneof![
        Just(FailureKind::ContextExceeded),
        Just(FailureKind::NotFinite),
        Just(FailureKind::Template),
        Just(FailureKind::Timeout),
        Just(FailureKind::Connection),
        Just(FailureKind::Status),
        Just(FailureKind::Protocol),
        Just(FailureKind::Engine),
    ];

    prop_oneof![
        (option::of(text()), finish, (any::<u32>(), option::of(thinking())), arrivals(), length()).prop_map(
            |(text, finish, (output_tokens, thinking), arrivals, latency)| Outcome::Completed {
                text,
                finish,
                output_tokens,
                thinking,
                arrivals,
                latency
            }
        ),
        (kind, text(), length()).prop_map(|(kind, message, latency)| Outcome::Failed {
            kind,
            message,
            latency
        }),
    ]
    .boxed()
}

fn thinking() -> BoxedStrategy<Box<Thinking>> {
    (option::of(text()), option::of(any::<u32>()), any::<bool>(), option::of(length()))
        .prop_map(|(text, tokens, is_hidden, first_answer)| {
            Box::new(Thinking { text, tokens, is_hidden, first_answer })
        })
        .boxed()
}

fn interference() -> BoxedStrategy<Interference> {
    let time = || option::of(length());
    let throttles = (option::of(any::<u64>()), vec(text(), 0..3));
    (option::of(any::<u32>()), (time(), time(), time(), time()), option::of(0.0..1.0_f64), throttles)
        .prop_map(|(processors, (own, others, stolen, queued), frequency_share, throttles)| Interference {
            processors,
            own,
            others,
            stolen,
            queued,
            frequency_share,
            thermal_throttles: throttles.0,
            board_throttles: throttles.1,
        })
        .boxed()
}

/// What a server claims, and what was made of it.
fn claims() -> impl Strategy<Value = ServedFacts> {
    let fault = prop_oneof![
        Just(UsageFault::NotACount),
        any::<u64>().prop_map(|claimed| UsageFault::OutputBeyondLimit { claimed }),
        any::<i64>().prop_map(|difference| UsageFault::TotalDoesNotAddUp { difference }),
    ];
    let change = (text(), option::of(text()))
        .prop_map(|(refused, replacement)| ParameterChange { refused, replacement });
    let lists = (vec(fault, 0..3), vec(change, 0..3));
    let claimed = option::of(0..i64::MAX.cast_unsigned());
    (claimed, option::of(any::<u32>()), lists).prop_map(|(claimed, thinking, (usage_faults, replaced))| {
        ServedFacts {
            claimed_output_tokens: claimed,
            reported_thinking_tokens: thinking,
            usage_faults,
            replaced,
            ..ServedFacts::default()
        }
    })
}

fn sampling() -> BoxedStrategy<Sampling> {
    (finite(), option::of(finite()), option::of(any::<u32>()), any::<u64>())
        .prop_map(|(temperature, top_p, top_k, seed)| Sampling { temperature, top_p, top_k, seed })
        .boxed()
}

fn served() -> BoxedStrategy<ServedFacts> {
    let counted = prop_oneof![Just(TokenCount::Usage), Just(TokenCount::Chunks)];
    let timings =
        (option::of(any::<u32>()), option::of(length()), option::of(any::<u32>()), option::of(length()))
            .prop_map(|(prompt_tokens, prompt, predicted_tokens, predicted)| ServerTimings {
                prompt_tokens,
                prompt,
                predicted_tokens,
                predicted,
            });
    let counts = (any::<u32>(), any::<u32>(), any::<u32>());
    let other_end = option::of(prop_oneof![Just(OtherEnd::ToolCall), Just(OtherEnd::ContentFilter)]);
    let told = (option::of(timings), other_end, claims());
    (counts, length(), option::of(any::<u16>()), counted, any::<bool>(), told)
        .prop_map(|(counts, retried_for, status, counted_by, count_mismatch, told)| ServedFacts {
            retries: counts.0,
            retried_for,
            status,
            counted_by,
            streamed_tokens: counts.1,
            count_mismatch,
            reasoning_chunks: counts.2,
            timings: told.0,
            other_end: told.1,
            ..told.2
        })
        .boxed()
}

fn driven() -> BoxedStrategy<LoadFacts> {
    let steady = (length(), length()).prop_map(|(from, until)| SteadyState { from, until });
    (option::of(steady), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(steady, client_limited, over_saturated, machine_busy)| LoadFacts {
            steady,
            client_limited,
            over_saturated,
            machine_busy,
        })
        .boxed()
}

/// An inference of the prompt of that number; ids in a run are distinct.
fn any_inference(number: usize) -> BoxedStrategy<InferenceRecord> {
    let head = (text(), any::<u32>(), time(), option::of(text()), option::of(1..u32::MAX));
    (head, option::of(any::<u32>()), any::<u32>(), sampling(), option::of(served()), outcome())
        .prop_map(
            move |(
                (prompt, repetition, issued_at, input_text, input_tokens),
                cached,
                max_tokens,
                sampling,
                served,
                outcome,
            )| {
                InferenceRecord {
                    prompt: PromptId::from(format!("{number} {prompt}")),
                    repetition,
                    issued_at,
                    input_text,
                    input_tokens,
                    cached_input_tokens: cached,
                    max_tokens,
                    sampling: sampling.into(),
                    served: served.map(Box::new),
                    outcome,
                }
            },
        )
        .boxed()
}

fn evaluated() -> BoxedStrategy<Evaluation> {
    let grader = prop_oneof![
        Just(GraderName::from("exact")),
        Just(GraderName::from("choice")),
        Just(GraderName::from("one that is not known here")),
    ];
    let choices = (vec(finite(), 0..5), vec(any::<u32>(), 0..5))
        .prop_map(|(log_likelihood, bytes)| Box::new(ChoiceLikelihoods { log_likelihood, bytes }));
    prop_oneof![
        (grader, finite(), select(Judgment::ALL.to_vec()), option::of(choices)).prop_map(
            |(grader, score, judgment, choices)| Evaluation::Task(TaskScore {
                grader,
                score,
                judgment,
                choices
            })
        ),
        (vec(finite(), 0..9), any::<u32>(), finite(), option::of(finite()), any::<bool>()).prop_map(
            |(kld, top1_matches, baseline_nll, candidate_nll, at_least)| {
                Evaluation::Divergence(Divergence {
                    kld,
                    at_least,
                    top1_matches,
                    baseline_nll,
                    candidate_nll,
                })
            }
        ),
        (prop::sample::select(EvaluationKind::ALL.to_vec()), text())
            .prop_map(|(what, reason)| Evaluation::Impossible { what, reason }),
    ]
    .boxed()
}

fn any_evaluation() -> BoxedStrategy<EvaluationRecord> {
    (variant(), text(), any::<u32>(), time(), length(), evaluated())
        .prop_map(|(variant, prompt, repetition, evaluated_at, duration, result)| EvaluationRecord {
            variant,
            prompt: PromptId::from(prompt),
            repetition,
            evaluated_at,
            duration,
            result,
        })
        .boxed()
}

fn any_window(index: u32) -> BoxedStrategy<WindowRecord> {
    let point = prop_oneof![
        any::<u32>().prop_map(|concurrency| OperatingPoint::Closed { concurrency }),
        finite().prop_map(|rate| OperatingPoint::Open { rate }),
    ];
    let found = (any::<bool>(), option::of(driven()), option::of(interference()), option::of(any::<u32>()));
    (variant(), time(), length(), point, energy(), found, (any_inference(0), any_inference(1)))
        .prop_map(move |(variant, started_at, wall_time, operating_point, energy, found, (first, second))| {
            let (interrupted, load, interference, remeasures) = found;
            let mut inferences = vec![first, second];
            for inference in &mut inferences {
                inference.prompt = PromptId::from(format!("{index} {}", inference.prompt));
            }
            WindowRecord {
                id: WindowId { variant, index },
                started_at,
                wall_time,
                operating_point,
                load,
                energy,
                interrupted,
                interference: interference.map(Box::new),
                remeasures,
                inferences,
            }
        })
        .boxed()
}

fn boards() -> impl Strategy<Value = Vec<BoardState>> {
    let some = || prop::option::of(any::<u32>());
    let board =
        (any::<String>(), some(), prop::option::of(0.0..1e4_f64), some(), some(), any::<String>(), some());
    let board = board.prop_map(|(name, temperature_c, limit, graphics, memory, reason, other_processes)| {
        BoardState {
            uuid: format!("GPU-{name}"),
            name,
            temperature_c,
            power_limit_w: limit.map(Watts::new),
            graphics_clock_mhz: graphics,
            memory_clock_mhz: memory,
            throttle_reasons: vec![reason],
            other_processes,
        }
    });
    prop::collection::vec(board, 0..3)
}

fn cross_checks() -> impl Strategy<Value = Vec<CrossCheck>> {
    let check = (any::<String>(), 0.0..1e9_f64, 0.0..1e9_f64, any::<u32>()).prop_map(
        |(name, counted, integrated, windows)| CrossCheck {
            name,
            counted: Joules::new(counted),
            integrated: Joules::new(integrated),
            windows,
        },
    );
    prop::collection::vec(check, 0..3)
}

/// Everything that can stand in a run besides its header.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) load: LoadRecord,
    pub(crate) idle: IdleRecord,
    pub(crate) windows: Vec<WindowRecord>,
    pub(crate) evaluation: EvaluationRecord,
}

pub(crate) fn measured() -> BoxedStrategy<Measured> {
    let load = (variant(), time(), length()).prop_map(|(variant, started_at, load_time)| LoadRecord {
        variant,
        started_at,
        load_time,
    });
    let phase = prop_oneof![Just(IdlePhase::BeforeLoad), Just(IdlePhase::Resident), Just(IdlePhase::After)];
    let idle = (phase, time(), length(), energy(), boards(), cross_checks()).prop_map(
        |(phase, started_at, wall_time, energy, boards, cross_checks)| IdleRecord {
            phase,
            started_at,
            wall_time,
            energy,
            boards,
            cross_checks,
        },
    );
    (load, idle, (any_window(0), any_window(1)), any_evaluation())
        .prop_map(|(load, idle, (first, second), evaluation)| Measured {
            load,
            idle,
            windows: vec![first, second],
            evaluation,
        })
        .boxed()
}
