//! `infercost bench`: prefill and decode speed, as llama-bench defines them.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use infercost_core::{Engine as _, EngineIdentity, VariantId};
use infercost_models::ResolvedModel;
use infercost_run::{engines, models};
use infercost_stats::rate_estimate;

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::numbers::whole_count;
use crate::flags::processor::ProcessorFlags;
use crate::output;
use crate::output::answer::delivery::{self, deliver};

#[derive(Debug, Args)]
#[command(mut_arg("threads", |threads| threads.short('t')))]
#[command(after_help = "Examples:
  infercost bench model.gguf
  infercost bench full.gguf q8_0.gguf -p 512,2k
      several models, several prompt lengths")]
pub(crate) struct BenchCommand {
    /// Manifest names, name/variant, files, folders or hf:owner/repo
    #[arg(value_name = "MODEL", required = true)]
    pub(crate) models: Vec<String>,
    /// Prompt tokens: a length, or several joined by commas
    #[arg(short = 'p', long, value_name = "N,…", value_delimiter = ',', value_parser = whole_count, default_value = "512")]
    pub(crate) prompt_tokens: Vec<u32>,
    /// Tokens to decode
    #[arg(short = 'n', long, value_name = "N", default_value = "64", value_parser = whole_count)]
    pub(crate) decode_tokens: u32,
    /// Tokens in the cache when decoding begins
    #[arg(short = 'd', long, value_name = "N", default_value = "1", value_parser = whole_count)]
    pub(crate) depth: u32,
    /// Repetitions
    #[arg(short = 'r', long, value_name = "N", default_value = "3", value_parser = whole_count)]
    pub(crate) repetitions: u32,
    #[command(flatten)]
    pub(crate) processor: ProcessorFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

/// One model's speeds. Prefill: so many tokens from an empty cache. Decode: `-n` tokens, one by one, after `-d` tokens.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct ModelSpeeds {
    pub(crate) variant: VariantId,
    engine: EngineIdentity,
    /// By length of the prompt, in the order asked for.
    pub(crate) prefill: Vec<PrefillSpeed>,
    pub(crate) decode_tokens_per_s: Speed,
}

/// Reading a prompt of one length.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct PrefillSpeed {
    pub(crate) prompt_tokens: u32,
    pub(crate) tokens_per_s: Speed,
}

/// Models run one after the other, so that one is in memory at a time.
pub(crate) fn run(arguments: &BenchCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let models = models::resolve(&arguments.models, global.offline)?;
    let mut all = Vec::with_capacity(models.len());
    for model in &models {
        all.push(measured(model, arguments).with_context(|| model.variant.to_string())?);
    }

    // a model and a length alone are read at the top, as they always were
    let first = all.first().context("no model was named")?;
    let prefill = first.prefill.first().context("no length was named")?;
    let object = serde_json::json!({
        "schema": "infercost.bench/1",
        "variant": first.variant,
        "prompt_tokens": prefill.prompt_tokens,
        "decode_tokens": arguments.decode_tokens,
        "depth": arguments.depth,
        "engine": first.engine,
        "repetitions": arguments.repetitions,
        "prefill_tokens_per_s": prefill.tokens_per_s,
        "decode_tokens_per_s": first.decode_tokens_per_s,
        "models": all,
    });
    let answer = output::bench::answer(&all, arguments);
    deliver(&answer, &object, None, &arguments.answer, global)?;

    Ok(ExitCode::SUCCESS)
}

/// A prompt of one length, and how fast it was read each time, in tokens per second.
struct Prompt {
    tokens: Vec<u32>,
    speeds: Vec<f64>,
}

/// Times one model at every length. Tests take turns, so that a slow moment is not one test's alone.
fn measured(model: &ResolvedModel, arguments: &BenchCommand) -> anyhow::Result<ModelSpeeds> {
    let processor = &arguments.processor;
    let mut engine = engines::load_in_process(model, processor.device, processor.threads)?;
    let vocabulary = u32::try_from(engine.tokenizer().vocabulary_size()).unwrap_or(u32::MAX).max(2);

    // what does not fit is refused before anything is timed
    let before = varied_tokens(arguments.depth, vocabulary);
    engine.drive(&before, 4, || {})?;
    let mut prompts = Vec::with_capacity(arguments.prompt_tokens.len());
    for count in &arguments.prompt_tokens {
        let tokens = varied_tokens(*count, vocabulary);
        engine.drive(&tokens, 0, || {})?;
        prompts.push(Prompt { tokens, speeds: Vec::new() });
    }

    let decode_tokens = usize::try_from(arguments.decode_tokens).unwrap_or(usize::MAX);
    let mut decode = Vec::new();
    for _ in 0..arguments.repetitions {
        for prompt in &mut prompts {
            let clock = Instant::now();
            engine.drive(&prompt.tokens, 0, || {})?;
            prompt.speeds.push(prompt.tokens.len() as f64 / clock.elapsed().as_secs_f64());
        }

        let mut start = None;
        engine.drive(&before, decode_tokens, || {
            start.get_or_insert_with(Instant::now);
        })?;
        let elapsed = start.map_or(f64::NAN, |start| start.elapsed().as_secs_f64());
        decode.push(f64::from(arguments.decode_tokens) / elapsed);
    }

    let mut prefill = Vec::with_capacity(prompts.len());
    for (prompt_tokens, prompt) in arguments.prompt_tokens.iter().zip(&prompts) {
        let tokens_per_s = Speed::of(&prompt.speeds);
        prefill.push(PrefillSpeed { prompt_tokens: *prompt_tokens, tokens_per_s });
    }
    Ok(ModelSpeeds {
        variant: model.variant.clone(),
        engine: engine.identity().clone(),
        prefill,
        decode_tokens_per_s: Speed::of(&decode),
    })
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
