//! `infercost bench`: prefill and decode speed, as llama-bench defines them.

use std::process::ExitCode;
use std::time::Instant;

use infercost_stats::rate_estimate;

use crate::arguments::bench::BenchArguments;
use crate::{engines, models, output};

/// Prefill: `-p` tokens from an empty cache. Decode: `-n` tokens, one by one, from an empty cache but for one.
pub(crate) fn run(arguments: &BenchArguments) -> anyhow::Result<ExitCode> {
    let model = models::resolve_one(&arguments.model, arguments.offline)?;
    let mut engine = engines::load_candle(&model, arguments.processor.device)?;
    let vocabulary = u32::try_from(engine.tokenizer().vocabulary_size()).unwrap_or(u32::MAX).max(2);
    // What the tokens say does not matter for speed; they only must not all be the same.
    let prompt: Vec<u32> =
        (0..arguments.prompt_tokens).map(|index| index.wrapping_mul(7919) % vocabulary).collect();
    let first = prompt.get(..1).unwrap_or_default();
    let decode_tokens = usize::try_from(arguments.decode_tokens).unwrap_or(usize::MAX);
    let (mut prefill, mut decode) = (Vec::new(), Vec::new());
    engine.drive(&prompt, 0, || {})?;
    engine.drive(first, 4, || {})?;
    for _ in 0..arguments.repetitions {
        let clock = Instant::now();
        engine.drive(&prompt, 0, || {})?;
        prefill.push(f64::from(arguments.prompt_tokens) / clock.elapsed().as_secs_f64());
        let mut start = None;
        engine.drive(first, decode_tokens, || {
            start.get_or_insert_with(Instant::now);
        })?;
        let elapsed = start.map_or(f64::NAN, |start| start.elapsed().as_secs_f64());
        decode.push(f64::from(arguments.decode_tokens) / elapsed);
    }
    let (prefill, decode) = (Speed::of(&prefill), Speed::of(&decode));
    if arguments.json {
        let object = serde_json::json!({
            "schema": "infercost.bench/1",
            "variant": model.variant,
            "prompt_tokens": arguments.prompt_tokens,
            "decode_tokens": arguments.decode_tokens,
            "repetitions": arguments.repetitions,
            "prefill_tokens_per_s": prefill,
            "decode_tokens_per_s": decode,
        });
        output::line(&serde_json::to_string_pretty(&object)?);
    } else {
        output::block(&output::bench::render(&model.variant, arguments, prefill, decode));
    }
    Ok(ExitCode::SUCCESS)
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
