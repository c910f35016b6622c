//! `infercost bench`: prefill and decode speed, as llama-bench defines them.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use infercost_core::Engine as _;
use infercost_run::{engines, models};
use infercost_stats::rate_estimate;

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::processor::ProcessorFlags;
use crate::output;
use crate::output::answer::delivery::{self, deliver};

#[derive(Debug, Args)]
#[command(mut_arg("threads", |threads| threads.short('t').value_name("THREADS")))]
pub(crate) struct BenchCommand {
    /// Manifest name, name/variant, file, folder or hf:owner/repo
    pub(crate) model: String,
    /// Prompt tokens
    #[arg(short = 'p', long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prompt_tokens: u32,
    /// Tokens to decode
    #[arg(short = 'n', long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) decode_tokens: u32,
    /// Tokens in the cache when decoding begins
    #[arg(short = 'd', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) depth: u32,
    /// Repetitions
    #[arg(short = 'r', long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,
    #[command(flatten)]
    pub(crate) processor: ProcessorFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

/// Prefill: `-p` tokens from an empty cache. Decode: `-n` tokens, one by one, behind `-d` tokens.
pub(crate) fn run(arguments: &BenchCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let model = models::resolve_one(&arguments.model, global.offline)?;
    let processor = &arguments.processor;
    let mut engine = engines::load_in_process(&model, processor.device, processor.threads)?;
    let vocabulary = u32::try_from(engine.tokenizer().vocabulary_size()).unwrap_or(u32::MAX).max(2);
    let prompt = varied_tokens(arguments.prompt_tokens, vocabulary);
    let before = varied_tokens(arguments.depth, vocabulary);
    let decode_tokens = usize::try_from(arguments.decode_tokens).unwrap_or(usize::MAX);
    let (mut prefill, mut decode) = (Vec::new(), Vec::new());
    engine.drive(&prompt, 0, || {})?;
    engine.drive(&before, 4, || {})?;

    for _ in 0..arguments.repetitions {
        let clock = Instant::now();
        engine.drive(&prompt, 0, || {})?;
        prefill.push(f64::from(arguments.prompt_tokens) / clock.elapsed().as_secs_f64());

        let mut start = None;
        engine.drive(&before, decode_tokens, || {
            start.get_or_insert_with(Instant::now);
        })?;
        let elapsed = start.map_or(f64::NAN, |start| start.elapsed().as_secs_f64());
        decode.push(f64::from(arguments.decode_tokens) / elapsed);
    }

    let (prefill, decode) = (Speed::of(&prefill), Speed::of(&decode));
    let object = serde_json::json!({
        "schema": "infercost.bench/1",
        "variant": model.variant,
        "prompt_tokens": arguments.prompt_tokens,
        "decode_tokens": arguments.decode_tokens,
        "depth": arguments.depth,
        "engine": engine.identity(),
        "repetitions": arguments.repetitions,
        "prefill_tokens_per_s": prefill,
        "decode_tokens_per_s": decode,
    });
    let answer = output::bench::answer(&model.variant, arguments, prefill, decode);
    deliver(&answer, &object, None, &arguments.answer, global)?;

    Ok(ExitCode::SUCCESS)
}

/// Tokens for a speed measurement: what they say does not matter, they only must not all be the same.
fn varied_tokens(count: u32, vocabulary: u32) -> Vec<u32> {
    (0..count).map(|index| index.wrapping_mul(7919) % vocabulary).collect()
}

/// Tokens per second of a few repetitions: their mean, and its interval where they are enough for one.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Speed {
    /// The mean; `null` where nothing was timed.
    pub(crate) point: Option<f64>,
    /// Ends of the 95 % interval of the mean; `null` where repetitions are too few, or differ too much, to know them.
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    confidence: f64,
    n: usize,
}

impl Speed {
    fn of(values: &[f64]) -> Self {
        let interval = rate_estimate(values, 0.95);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self {
            point: Some(mean).filter(|mean| mean.is_finite()),
            lower: interval.map(|found| found.lower),
            upper: interval.map(|found| found.upper),
            confidence: 0.95,
            n: values.len(),
        }
    }
}
