//! Builds run records of made-up variants.

use std::time::Duration;

use infercost_core::Judgment;
use infercost_core::manifest::Provenance;
use infercost_core::price::{HardwareCost, Price, PriceBook};
use infercost_core::run::VariantHeader;
use infercost_core::testing::{RunBuilder, ScriptedFailure, ScriptedInference, made_up_run, reading};
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
        utilization_stated: None,
        pue: 1.2,
        pue_assumed: false,
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
    let chosen: Vec<PromptId> = (0..prompts).map(|i| PromptId::from(format!("p{i}"))).collect();
    let mut run = RunBuilder::new(header(id, &chosen, behaviors));
    run.idle(IdlePhase::Resident, behaviors[0].watts.map(|_| 20.0), Duration::from_secs(10));

    for block in 0..prompts.div_ceil(block_length) {
        let indices = (block * block_length)..((block + 1) * block_length).min(prompts);
        for behavior in behaviors {
            let variant = VariantId::from(format!("tiny/{}", behavior.name));
            let inferences = indices.clone().map(|i| inference(behavior, i, &chosen[i]));
            let window = run.window(&variant, behavior.watts, inferences);
            if behavior.interrupted == Some(window.id.index) {
                window.interrupted = true;
                window.energy = reading(None, window.wall_time);
            }

            let is_baseline = behavior.name == behaviors[0].name;
            for i in indices.clone() {
                for result in evaluations(behavior, i, is_baseline) {
                    run.evaluation(&variant, &chosen[i], result);
                }
            }
        }
    }
    run.unfinished()
}

fn header(id: &str, chosen: &[PromptId], behaviors: &[Behavior]) -> RunHeader {
    let variants = behaviors.iter().map(|behavior| VariantHeader {
        id: VariantId::from(format!("tiny/{}", behavior.name)),
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
        id: RunId::from(id),
        started_at: "2026-01-10T00:00:00Z".parse().unwrap(),
        variants: variants.collect(),
        baseline: VariantId::from(format!("tiny/{}", behaviors[0].name)),
        prompts: made_up_run::prompts(chosen.to_vec()),
        warm_ups: 1,
        content: false,
        machine: MachineFacts { id: Some("one".into()), ..MachineFacts::default() },
        ..made_up_run::header(prices())
    }
}

/// Ten per cent of a window belongs to no inference.
fn inference(behavior: &Behavior, i: usize, prompt: &PromptId) -> ScriptedInference {
    let tokens = 8 + (i % 7) as u32;
    let step = Duration::from_secs_f64(0.010 * behavior.slowness * (1.0 + 0.01 * ((i * 37) % 11) as f64));
    let first = step * 3;
    let too_late = || ScriptedFailure { kind: FailureKind::Timeout, message: "too late".into() };

    ScriptedInference {
        prompt: prompt.clone(),
        input_text: None,
        input_tokens: (behavior.input_tokens)(i),
        cached_input_tokens: None,
        max_tokens: 64,
        text: None,
        tokens,
        first,
        step,
        failure: (behavior.fails)(i).then(too_late),
        pause: (first + step * (tokens - 1)) / 9,
    }
}

/// How an answer is judged.
fn evaluations(behavior: &Behavior, i: usize, is_baseline: bool) -> Vec<Evaluation> {
    let mut results = Vec::new();
    if (behavior.fails)(i) {
        results.push(Evaluation::Task(TaskScore::of("exact", Judgment::Failed)));
    } else if (behavior.graded)(i) {
        let score = (behavior.score)(i);
        let judged = TaskScore::of("exact", Judgment::of(score > 0.5));
        results.push(Evaluation::Task(TaskScore { score, ..judged }));
    }

    if let Some(kld) = behavior.kld.filter(|_| !is_baseline) {
        let kld = vec![kld(i); 10];
        let top1_matches = if kld[0] > 0.1 { 5 } else { 10 - u32::from(i.is_multiple_of(9)) };
        results.push(Evaluation::Divergence(Divergence {
            top1_matches,
            baseline_nll: 10.0,
            candidate_nll: Some(10.0 + kld.iter().sum::<f64>()),
            at_least: false,
            kld,
        }));
    }
    results
}
