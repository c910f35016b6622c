//! A made-up run of any size, so that writing, reading and reporting can be timed without a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infercost_core::manifest::Provenance;
use infercost_core::price::PriceBook;
use infercost_core::run::VariantHeader;
use infercost_core::testing::made_up_run;
use infercost_core::{
    Bytes, ChunkArrival, Divergence, EnergyDomain, EnergyReading, EnergyScope, EngineIdentity, Evaluation,
    EvaluationRecord, FinishReason, IdlePhase, IdleRecord, InferenceRecord, Joules, Judgment, LoadRecord,
    MachineFacts, MeterKind, MeterSource, OperatingPoint, Outcome, PromptId, RunHeader, RunId, TaskScore,
    VariantId, WindowId, WindowRecord,
};
use infercost_trace::{RunStore, StoreError};

/// The variants, baseline first.
pub const VARIANTS: [&str; 4] =
    ["example-135m/full", "example-135m/q8_0", "example-135m/q4_k", "example-135m/q4_0"];

/// Prompts in a window.
const WINDOW_PROMPTS: u32 = 25;

/// How large a made-up run is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Prompts, each answered once by each of the [`VARIANTS`], graded, and compared with the baseline.
    pub prompts: u32,
    /// Output tokens of each answer.
    pub tokens: u32,
}

impl Size {
    /// The smallest run of at least this many spans: an inference and two evaluations a prompt and variant.
    pub fn of_spans(spans: u32, tokens: u32) -> Self {
        let variants = u32::try_from(VARIANTS.len()).unwrap_or(u32::MAX);
        Self { prompts: spans.div_ceil(3 * variants), tokens }
    }
}

/// Writes a finished run below `traces` and gives its folder.
///
/// # Errors
/// [`StoreError`] where the folder cannot be written, or the run is there already.
pub fn write(traces: &Path, id: &str, size: Size, prices: PriceBook) -> Result<PathBuf, StoreError> {
    let header = header(id, size, prices);
    let start = SystemTime::from(header.started_at);
    let mut store = RunStore::create(traces, &header)?;
    let mut now = start;

    for phase in [IdlePhase::BeforeLoad, IdlePhase::Resident] {
        let wall_time = Duration::from_secs(2);
        store.idle(&IdleRecord {
            phase,
            started_at: now,
            wall_time,
            energy: measured(20.0),
            boards: Vec::new(),
            cross_checks: Vec::new(),
        })?;
        now += wall_time;
    }

    for variant in VARIANTS {
        let load_time = Duration::from_millis(350);
        store.load(&LoadRecord { variant: variant.into(), started_at: now, load_time })?;
        now += load_time;
    }

    let mut index = 0;
    for first in (0..size.prompts).step_by(WINDOW_PROMPTS as usize) {
        let block = first..(first + WINDOW_PROMPTS).min(size.prompts);
        for (number, variant) in (0..).zip(VARIANTS) {
            let window = window(variant, number, index, block.clone(), size.tokens, now);
            now += window.wall_time;
            store.window(&window)?;
            index += 1;
            for prompt in block.clone() {
                for result in [task(prompt, number), divergence(prompt, number, size.tokens)] {
                    store.evaluation(&EvaluationRecord {
                        variant: variant.into(),
                        prompt: prompt_id(prompt),
                        repetition: 0,
                        evaluated_at: now,
                        duration: Duration::from_micros(250),
                        result,
                    })?;
                }
            }
        }
    }

    let folder = store.folder().to_owned();
    store.finish(now)?;
    Ok(folder)
}

/// The header of a made-up run.
pub fn header(id: &str, size: Size, prices: PriceBook) -> RunHeader {
    let chosen: Vec<PromptId> = (0..size.prompts).map(prompt_id).collect();
    RunHeader {
        id: RunId::from(id.to_owned()),
        machine: MachineFacts {
            cpu: Some("Example CPU".to_owned()),
            cores: Some(2),
            memory_bandwidth: Some(2e10),
            ..MachineFacts::default()
        },
        variants: VARIANTS.iter().map(|variant| variant_header(variant)).collect(),
        baseline: VariantId::from(VARIANTS[0]),
        prompts: made_up_run::prompts(chosen),
        warm_ups: 2,
        meter: "rapl package-0, dram-0".to_owned(),
        ..made_up_run::header(prices)
    }
}

/// One inference of a made-up run: `tokens` tokens at 15 ms each, behind 80 ms of prefill.
pub fn inference(prompt: u32, tokens: u32, issued_at: SystemTime) -> InferenceRecord {
    // a little uneven, so that times are not the most compressible of digits
    let at = |token: u32| Duration::from_nanos(80_000_000 + 15_000_117 * u64::from(token));
    InferenceRecord {
        prompt: prompt_id(prompt),
        repetition: 0,
        issued_at,
        input_text: Some("Which of these is a fruit: stone, pear, chair? Answer with one word. ".repeat(3)),
        input_tokens: Some(60 + prompt % 7),
        cached_input_tokens: Some(0),
        max_tokens: tokens,
        sampling: Arc::default(),
        served: None,
        outcome: Outcome::Completed {
            text: Some("The answer is \"pear\",\nas most people know. ".repeat(3)),
            finish: FinishReason::Stop,
            output_tokens: tokens,
            thinking: None,
            arrivals: (0..tokens).map(|token| ChunkArrival { at: at(token), tokens: 1 }).collect(),
            latency: at(tokens),
        },
    }
}

/// The teacher-forced comparison of a made-up answer.
pub fn divergence(prompt: u32, variant: u32, tokens: u32) -> Evaluation {
    let spread = f64::from(variant) * 0.01;
    let kld = |token: u32| spread * f64::from((prompt + 7 * token) % 11) / 5.0;
    Evaluation::Divergence(Divergence {
        kld: (0..tokens).map(kld).collect(),
        at_least: false,
        top1_matches: tokens.saturating_sub(variant),
        baseline_nll: 0.7 * f64::from(tokens),
        candidate_nll: Some((0.7 + spread) * f64::from(tokens)),
    })
}

fn variant_header(variant: &str) -> VariantHeader {
    let engine = EngineIdentity {
        engine: "candle".to_owned(),
        version: "0.11.1".to_owned(),
        device: "cpu".to_owned(),
        threads: Some(2),
        file_size: Some(Bytes(150_000_000)),
        weight_bytes_per_token: Some(Bytes(140_000_000)),
        ..EngineIdentity::default()
    };
    VariantHeader {
        id: variant.into(),
        engine,
        provenance: Provenance::Published { source: "made up for a benchmark".to_owned() },
        license: None,
        noise_floor: false,
        token_price: None,
    }
}

fn window(
    variant: &str,
    number: u32,
    index: u32,
    block: std::ops::Range<u32>,
    tokens: u32,
    started_at: SystemTime,
) -> WindowRecord {
    let mut now = started_at;
    let mut inferences = Vec::new();
    for prompt in block {
        let record = inference(prompt, tokens, now);
        now += record.outcome.latency();
        inferences.push(record);
    }
    let wall_time = now.duration_since(started_at).unwrap_or_default() + Duration::from_millis(1);
    let watts = 35.0 - 3.0 * f64::from(number) + f64::from(index % 5);
    WindowRecord {
        id: WindowId { variant: variant.into(), index },
        started_at,
        wall_time,
        operating_point: OperatingPoint::SEQUENTIAL,
        load: None,
        energy: measured(watts * wall_time.as_secs_f64()),
        interrupted: false,
        interference: None,
        remeasures: None,
        inferences,
    }
}

fn prompt_id(index: u32) -> PromptId {
    PromptId::from(format!("prompt-{index}"))
}

fn measured(joules: f64) -> EnergyReading {
    EnergyReading::Measured {
        energy: Joules::new(joules),
        scope: EnergyScope::of([EnergyDomain::CpuPackage, EnergyDomain::Dram]),
        source: MeterSource { kind: MeterKind::Counter, name: "rapl package-0, dram-0".to_owned() },
        updates: 400,
    }
}

fn task(prompt: u32, variant: u32) -> Evaluation {
    let right = !(prompt + variant).is_multiple_of(3);
    Evaluation::Task(TaskScore {
        grader: "exact".into(),
        score: if right { 1.0 } else { 0.0 },
        judgment: Judgment::of(right),
        choices: None,
    })
}
