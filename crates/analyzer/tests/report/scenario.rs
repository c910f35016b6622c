//! Builds run records of made-up variants.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use infercost_core::Judgment;
use infercost_core::manifest::Provenance;
use infercost_core::price::{HardwareCost, Price, PriceBook};
use infercost_core::run::VariantHeader;
use infercost_core::testing::made_up_run;
use infercost_core::*;

/// Arrivals that each come `factor` times as late.
pub(crate) fn later(arrivals: &ChunkArrivals, factor: f64) -> ChunkArrivals {
    let late = |chunk: ChunkArrival| ChunkArrival { at: chunk.at.mul_f64(factor), ..chunk };
    arrivals.iter().map(late).collect()
}

/// Prompts in one window.
const BLOCK: usize = 10;

/// How one made-up variant behaves on prompt `i`.
#[derive(Clone)]
pub(crate) struct Behavior {
    pub(crate) name: &'static str,
    /// Latency relative to the baseline's.
    pub(crate) slowness: f64,
    /// Watts while it runs; `None` for no meter.
    pub(crate) watts: Option<f64>,
    pub(crate) score: fn(usize) -> f64,
    pub(crate) kld: Option<fn(usize) -> f64>,
    pub(crate) fails: fn(usize) -> bool,
    pub(crate) graded: fn(usize) -> bool,
    /// Prompt tokens, where anybody counts them.
    pub(crate) input_tokens: fn(usize) -> Option<u32>,
    pub(crate) noise_floor: bool,
    /// The window that was cut off.
    pub(crate) interrupted: Option<u32>,
}

impl Behavior {
    /// As fast and as good as the baseline.
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            slowness: 1.0,
            watts: Some(50.0),
            score: right_on_most,
            kld: Some(|i| 0.001 + 0.0005 * (i % 5) as f64),
            fails: |_| false,
            graded: |_| true,
            input_tokens: |_| Some(30),
            noise_floor: false,
            interrupted: None,
        }
    }
}

/// Right on four of five.
pub(crate) fn right_on_most(i: usize) -> f64 {
    if i.is_multiple_of(5) { 0.0 } else { 1.0 }
}

/// Prices that are all known.
pub(crate) fn prices() -> PriceBook {
    let price = |name: &str, value: &str, unit: &str| Price {
        name: name.into(),
        value: value.parse().unwrap(),
        currency: Currency::EUR,
        unit: unit.into(),
        source: "a bill".into(),
        date: "2026-01-01".parse().unwrap(),
    };
    PriceBook {
        name: "mine".into(),
        assumed: false,
        currency: Currency::EUR,
        electricity: Some(price("electricity", "0.30", "kWh")),
        hardware: Some(HardwareCost::Owned {
            purchase: price("hardware", "8760", "machine"),
            salvage_share: 0.1,
            life_years: 4.0,
        }),
        operation: Some(price("operation", "0.05", "hour")),
        utilization: 0.5,
        utilization_basis: infercost_core::price::UtilizationBasis::Given,
        pue: 1.2,
    }
}

/// A run of `prompts` prompts by the behaviors, the first the baseline; variants take turns in blocks.
pub(crate) fn run(id: &str, prompts: usize, behaviors: &[Behavior]) -> RunRecord {
    run_in_blocks(id, prompts, BLOCK, behaviors)
}

/// The same in blocks of so many prompts.
pub(crate) fn run_in_blocks(
    id: &str,
    prompts: usize,
    block_length: usize,
    behaviors: &[Behavior],
) -> RunRecord {
    let chosen: Vec<PromptId> = (0..prompts).map(|i| PromptId(format!("p{i}"))).collect();
    let mut record = RunRecord {
        header: header(id, &chosen, behaviors),
        loads: Vec::new(),
        idles: vec![idle(behaviors)],
        windows: Vec::new(),
        evaluations: Vec::new(),
        finished_at: None,
    };
    let mut clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    for (turn, (block, behavior)) in (0..prompts.div_ceil(block_length))
        .flat_map(|block| behaviors.iter().map(move |b| (block, b)))
        .enumerate()
    {
        let indices = (block * block_length)..((block + 1) * block_length).min(prompts);
        let window = window(turn as u32, clock, behavior, indices.clone(), &chosen);
        clock += window.wall_time;
        record.windows.push(window);
        for i in indices {
            evaluate(
                &mut record.evaluations,
                clock,
                behavior,
                i,
                &chosen[i],
                behavior.name == behaviors[0].name,
            );
        }
    }
    record
}

fn header(id: &str, chosen: &[PromptId], behaviors: &[Behavior]) -> RunHeader {
    let variants = behaviors.iter().map(|behavior| VariantHeader {
        id: VariantId(format!("tiny/{}", behavior.name)),
        engine: EngineIdentity {
            weight_bytes_per_token: Some(Bytes(1_000_000)),
            ..EngineIdentity::default()
        },
        provenance: Provenance::Local { file: behavior.name.into() },
        license: None,
        noise_floor: behavior.noise_floor,
        token_price: None,
    });
    RunHeader {
        id: RunId(id.into()),
        started_at: "2026-01-10T00:00:00Z".parse().unwrap(),
        variants: variants.collect(),
        baseline: VariantId(format!("tiny/{}", behaviors[0].name)),
        prompts: made_up_run::prompts(chosen.to_vec()),
        warm_ups: 1,
        content: false,
        machine: MachineFacts { id: Some("one".into()), ..MachineFacts::default() },
        ..made_up_run::header(prices())
    }
}

fn reading(watts: Option<f64>, time: Duration) -> EnergyReading {
    match watts {
        Some(watts) => EnergyReading::Measured {
            energy: Watts::new(watts) * time,
            scope: EnergyScope(BTreeSet::from([EnergyDomain::CpuPackage])),
            source: MeterSource { kind: MeterKind::Counter, name: "rapl".into() },
            updates: 100,
        },
        None => EnergyReading::Unavailable { reason: "this machine has no meter".into() },
    }
}

fn idle(behaviors: &[Behavior]) -> IdleRecord {
    let wall_time = Duration::from_secs(10);
    IdleRecord {
        boards: Vec::new(),
        cross_checks: Vec::new(),
        phase: IdlePhase::Resident,
        started_at: SystemTime::UNIX_EPOCH,
        wall_time,
        energy: reading(behaviors[0].watts.map(|_| 20.0), wall_time),
    }
}

/// Ten per cent of a window belongs to no inference.
fn window(
    index: u32,
    started_at: SystemTime,
    behavior: &Behavior,
    indices: std::ops::Range<usize>,
    chosen: &[PromptId],
) -> WindowRecord {
    let mut elapsed = Duration::ZERO;
    let mut inferences = Vec::new();
    for i in indices {
        let tokens = 8 + (i % 7) as u32;
        let step = Duration::from_secs_f64(0.010 * behavior.slowness * (1.0 + 0.01 * ((i * 37) % 11) as f64));
        let first = step * 3;
        let latency = first + step * (tokens - 1);
        let outcome = if (behavior.fails)(i) {
            Outcome::Failed { kind: FailureKind::Timeout, message: "too late".into(), latency }
        } else {
            let arrivals = (0..tokens).map(|k| ChunkArrival { at: first + step * k, tokens: 1 }).collect();
            Outcome::Completed {
                text: None,
                finish: FinishReason::Stop,
                output_tokens: tokens,
                thinking: None,
                arrivals,
                latency,
            }
        };
        inferences.push(InferenceRecord {
            prompt: chosen[i].clone(),
            repetition: 0,
            issued_at: started_at + elapsed,
            input_text: None,
            input_tokens: (behavior.input_tokens)(i),
            cached_input_tokens: None,
            max_tokens: 64,
            sampling: Sampling::default(),
            served: None,
            outcome,
        });
        elapsed += latency + latency / 9;
    }
    let interrupted = behavior.interrupted == Some(index);
    WindowRecord {
        id: WindowId { variant: VariantId(format!("tiny/{}", behavior.name)), index },
        started_at,
        wall_time: elapsed,
        operating_point: OperatingPoint::SEQUENTIAL,
        load: None,
        energy: reading(behavior.watts.filter(|_| !interrupted), elapsed),
        interrupted,
        interference: None,
        remeasures: None,
        inferences,
    }
}

fn evaluate(
    evaluations: &mut Vec<EvaluationRecord>,
    evaluated_at: SystemTime,
    behavior: &Behavior,
    i: usize,
    prompt: &PromptId,
    baseline: bool,
) {
    let mut push = |result| {
        evaluations.push(EvaluationRecord {
            variant: VariantId(format!("tiny/{}", behavior.name)),
            prompt: prompt.clone(),
            repetition: 0,
            evaluated_at,
            duration: Duration::ZERO,
            result,
        });
    };
    if (behavior.fails)(i) {
        push(Evaluation::Task(TaskScore::of("exact", Judgment::Failed)));
    } else if (behavior.graded)(i) {
        let score = (behavior.score)(i);
        let label = if score > 0.5 { "correct" } else { "incorrect" };
        push(Evaluation::Task(TaskScore {
            grader: "exact".into(),
            score,
            label: label.into(),
            choices: None,
        }));
    }
    if let Some(kld) = behavior.kld.filter(|_| !baseline) {
        let kld = vec![kld(i); 10];
        let top1_matches = if kld[0] > 0.1 { 5 } else { 10 - u32::from(i.is_multiple_of(9)) };
        push(Evaluation::Divergence(Divergence {
            top1_matches,
            baseline_nll: 10.0,
            candidate_nll: Some(10.0 + kld.iter().sum::<f64>()),
            at_least: false,
            kld,
        }));
    }
}
