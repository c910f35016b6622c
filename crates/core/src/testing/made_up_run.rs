//! Records of runs that never were, plain in every respect: a test changes what it is about.
//!
//! `RunHeader { repetitions: 3, ..header(prices) }` says that three repetitions matter, and nothing else.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::chunk_arrivals::ChunkArrival;
use crate::energy::EnergyReading;
use crate::identity::{EngineIdentity, PromptId, RunId, VariantId, WindowId};
use crate::machine::MachineFacts;
use crate::manifest::Provenance;
use crate::policy::Policy;
use crate::price::PriceBook;
use crate::record::{FinishReason, InferenceRecord, OperatingPoint, Outcome, WindowRecord};
use crate::run::{PromptSelection, RUN_SCHEMA, RunHeader, RunRecord, VariantHeader};
use crate::sampling::Sampling;

/// Tokens of every prompt.
pub const INPUT_TOKENS: u32 = 8;
/// Tokens of every answer.
pub const OUTPUT_TOKENS: u32 = 4;
/// From a request to its first token.
pub const TTFT: Duration = Duration::from_millis(100);
/// Between tokens.
pub const TPOT: Duration = Duration::from_millis(20);

/// A run of one variant, `tiny/full`, without prompts.
pub fn header(prices: PriceBook) -> RunHeader {
    RunHeader {
        schema: RUN_SCHEMA.to_owned(),
        id: RunId::from("made-up"),
        salt: None,
        started_at: Timestamp::UNIX_EPOCH,
        infercost_version: "0".to_owned(),
        spec: None,
        arguments: Vec::new(),
        machine: MachineFacts::default(),
        variants: vec![variant("tiny/full")],
        baseline: VariantId::from("tiny/full"),
        prompts: PromptSelection {
            set: "made-up".to_owned(),
            sha256: "00".repeat(32),
            total: 0,
            chosen: Vec::new(),
            kinds: Vec::new(),
        },
        looks: None,
        repetitions: 1,
        warm_ups: 0,
        seed: 42,
        sampling: Sampling::default(),
        content: true,
        policy: Policy::default(),
        prices,
        hosted: Vec::new(),
        meter: "none".to_owned(),
    }
}

/// A variant from a local file, run by nobody in particular.
pub fn variant(id: &str) -> VariantHeader {
    VariantHeader {
        id: VariantId::from(id),
        engine: EngineIdentity::default(),
        provenance: Provenance::Local { file: "made up".to_owned() },
        license: None,
        noise_floor: false,
        token_price: None,
    }
}

/// The whole of a prompt set.
pub fn prompts(chosen: impl IntoIterator<Item = PromptId>) -> PromptSelection {
    let chosen: Vec<PromptId> = chosen.into_iter().collect();
    PromptSelection {
        set: "made-up".to_owned(),
        sha256: "00".repeat(32),
        total: u32::try_from(chosen.len()).unwrap_or(u32::MAX),
        chosen,
        kinds: Vec::new(),
    }
}

/// An answer of four tokens, the first after a tenth of a second.
pub fn inference(prompt: &PromptId, issued_at: SystemTime) -> InferenceRecord {
    let arrivals =
        (0..OUTPUT_TOKENS).map(|index| ChunkArrival { at: TTFT + TPOT * index, tokens: 1 }).collect();

    InferenceRecord {
        prompt: prompt.clone(),
        repetition: 0,
        issued_at,
        input_text: None,
        input_tokens: Some(INPUT_TOKENS),
        cached_input_tokens: None,
        max_tokens: OUTPUT_TOKENS,
        sampling: Arc::default(),
        served: None,
        outcome: Outcome::Completed {
            text: Some("ok".to_owned()),
            thinking: None,
            finish: FinishReason::Stop,
            output_tokens: OUTPUT_TOKENS,
            arrivals,
            latency: TTFT + TPOT * (OUTPUT_TOKENS - 1),
        },
    }
}

/// A window of these inferences, one at a time and unmetered.
pub fn window(variant: &VariantId, index: u32, inferences: Vec<InferenceRecord>) -> WindowRecord {
    let started_at = inferences.first().map_or(SystemTime::UNIX_EPOCH, |first| first.issued_at);
    WindowRecord {
        id: WindowId { variant: variant.clone(), index },
        started_at,
        wall_time: inferences.iter().map(|one| one.outcome.latency()).sum(),
        operating_point: OperatingPoint::SEQUENTIAL,
        load: None,
        energy: EnergyReading::Unavailable { reason: "made up".to_owned() },
        interrupted: false,
        interference: None,
        remeasures: None,
        inferences,
    }
}

/// A complete run of these windows.
pub fn run(header: RunHeader, windows: Vec<WindowRecord>) -> RunRecord {
    let finished_at = windows.iter().map(|window| window.started_at + window.wall_time).max();
    RunRecord {
        header,
        loads: Vec::new(),
        idles: Vec::new(),
        windows,
        evaluations: Vec::new(),
        finished_at: finished_at.or(Some(SystemTime::UNIX_EPOCH)),
    }
}
