//! Writes a made-up run into a folder, reads it back, and prints how long both took.
//!
//! `cargo run --release -p infercost-trace --example sample_run -- FOLDER [INFERENCES] [TOKENS]`
#![expect(clippy::print_stdout, reason = "an example's result is what it prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use infercost_core::{
    ChunkArrival, Divergence, EnergyDomain, EnergyReading, EnergyScope, Evaluation, EvaluationRecord,
    FailureKind, FinishReason, IdlePhase, IdleRecord, InferenceRecord, Joules, Judgment, LoadRecord,
    MeterKind, MeterSource, OperatingPoint, Outcome, PromptId, RunHeader, TaskScore, VariantId, WindowId,
    WindowRecord,
};
use infercost_trace::{RunStore, read_run};

const WINDOW: u32 = 25;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let traces = PathBuf::from(arguments.next().ok_or("name a folder")?);
    let inferences: u32 = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let tokens: u32 = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let header: RunHeader = serde_json::from_str(include_str!("sample_header.json"))?;
    let variants: Vec<VariantId> = header.variants.iter().map(|variant| variant.id.clone()).collect();
    let start = SystemTime::from(header.started_at);

    let mut store = RunStore::create(&traces, &header)?;
    let mut now = start;
    store.idle(&IdleRecord {
        boards: Vec::new(),
        cross_checks: Vec::new(),
        phase: IdlePhase::BeforeLoad,
        started_at: now,
        wall_time: Duration::from_secs(2),
        energy: measured(20.0),
    })?;
    now += Duration::from_secs(2);
    for variant in &variants {
        let load_time = Duration::from_millis(350);
        store.load(&LoadRecord { variant: variant.clone(), started_at: now, load_time })?;
        now += load_time;
    }
    let mut written = Duration::ZERO;
    let mut count = 0u32;
    let mut index = 0;
    let mut next: BTreeMap<VariantId, u32> = BTreeMap::new();
    while count < inferences {
        let variant = variants[index as usize % variants.len()].clone();
        let id = WindowId { variant: variant.clone(), index };
        let window_start = now;
        let mut held = Vec::new();
        for _ in 0..WINDOW.min(inferences - count) {
            let prompt = next.entry(variant.clone()).or_default();
            let record = inference(*prompt, tokens, now);
            *prompt += 1;
            now += record.outcome.latency();
            let clock = Instant::now();
            store.inference(&id, &record)?;
            written += clock.elapsed();
            held.push(record);
            count += 1;
        }
        store.window(&WindowRecord {
            id,
            started_at: window_start,
            wall_time: now.duration_since(window_start)?,
            operating_point: OperatingPoint::SEQUENTIAL,
            load: None,
            energy: measured(f64::from(index) * 0.1 + 3.0),
            interrupted: false,
            interference: None,
            remeasures: None,
            inferences: held,
        })?;
        index += 1;
    }
    for (variant, prompts) in &next {
        for prompt in 0..(*prompts).min(20) {
            for result in [task(prompt), divergence(prompt)] {
                store.evaluation(&EvaluationRecord {
                    variant: variant.clone(),
                    prompt: prompt_id(prompt),
                    repetition: 0,
                    evaluated_at: now,
                    duration: Duration::from_micros(250),
                    result,
                })?;
            }
        }
    }
    let folder = store.folder().to_owned();
    let clock = Instant::now();
    store.finish(now)?;
    println!("finish, with fsync: {:?}", clock.elapsed());
    println!("{count} inferences of {tokens} tokens written: {:?} each", written / count.max(1));
    let clock = Instant::now();
    let run = read_run(&folder)?;
    println!("read back in {:?}: {} windows", clock.elapsed(), run.windows.len());
    println!("{}", folder.display());
    Ok(())
}

fn prompt_id(index: u32) -> PromptId {
    PromptId::from(format!("prompt-{index}"))
}

fn inference(index: u32, tokens: u32, issued_at: SystemTime) -> InferenceRecord {
    let at = |token: u32| Duration::from_nanos(80_000_000 + 15_000_117 * u64::from(token));
    let outcome = if index % 40 == 39 {
        Outcome::Failed {
            kind: FailureKind::ContextExceeded,
            message: "the prompt has 9000 tokens, the context 8192".to_owned(),
            latency: Duration::from_millis(3),
        }
    } else {
        Outcome::Completed {
            text: Some("The answer is \"forty-two\",\nas everybody knows. ".repeat(4)),
            finish: FinishReason::Stop,
            output_tokens: tokens,
            thinking: None,
            arrivals: (0..tokens).map(|token| ChunkArrival { at: at(token), tokens: 1 }).collect(),
            latency: at(tokens),
        }
    };

    InferenceRecord {
        prompt: prompt_id(index),
        repetition: 0,
        issued_at,
        input_text: Some("<|im_start|>user\nWhat is the answer?<|im_end|>\n".repeat(4)),
        input_tokens: Some(60 + index % 7),
        cached_input_tokens: None,
        max_tokens: 128,
        sampling: Arc::default(),
        served: None,
        outcome,
    }
}

fn measured(joules: f64) -> EnergyReading {
    EnergyReading::Measured {
        energy: Joules::new(joules),
        scope: EnergyScope::of([EnergyDomain::CpuPackage, EnergyDomain::Dram]),
        source: MeterSource { kind: MeterKind::Counter, name: "rapl package-0, dram-0".to_owned() },
        updates: 400,
    }
}

fn task(prompt: u32) -> Evaluation {
    let right = prompt.is_multiple_of(3);
    Evaluation::Task(TaskScore {
        grader: "number".into(),
        score: if right { 1.0 } else { 0.0 },
        judgment: Judgment::of(right),
        choices: None,
    })
}

fn divergence(prompt: u32) -> Evaluation {
    Evaluation::Divergence(Divergence {
        kld: (0..32).map(|position| f64::from(position * prompt) * 1e-4).collect(),
        top1_matches: 31,
        baseline_nll: 40.25,
        candidate_nll: Some(40.5),
        at_least: false,
    })
}
