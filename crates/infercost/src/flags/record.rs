//! What is measured, and how, as `compare` and `record` take it.

use std::path::PathBuf;

use clap::Args;
use infercost_core::text::is_hidden;
use infercost_core::{RunSpec, Sampling, ServerSpec};
use infercost_run::{RunRequest, ServeRequest};
use regex::Regex;

use crate::flags::GlobalFlags;
use crate::flags::export::{LiveFlags, pattern};
use crate::flags::load::LoadFlags;
use crate::flags::meter::MeterFlags;
use crate::flags::numbers::{share, temperature, whole_count};
use crate::flags::processor::ProcessorFlags;

/// What is measured, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Models and prompts")]
pub(crate) struct RecordFlags {
    /// What to measure.
    #[arg(
        value_name = "MODEL",
        help = "Manifest name, name/variant, .gguf file, safetensors folder, hf:owner/repo[@rev][:file], or \
                http://host:port/v1#served-name",
        help_heading = None
    )]
    pub(crate) models: Vec<String>,

    /// Hosted API to compare with, paid by its tokens: https://host/v1#NAME is asked, a NAME alone stands by its price;
    /// =IN/OUT after it is the price per million tokens read and written; may be given several times
    #[arg(long, value_name = "API")]
    pub(crate) hosted: Vec<String>,

    /// Prompt set: JSON Lines, an array, a table, plain text; `-` is standard input [default: the built-in quickstart set]
    #[arg(long, value_name = "FILE")]
    pub(crate) prompts: Option<PathBuf>,

    /// Variant that the others are compared with [default: full precision, else the first MODEL]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) baseline: Option<String>,

    /// Run a seeded choice of at most N prompts
    #[arg(long, value_name = "N", value_parser = whole_count)]
    pub(crate) max_prompts: Option<u32>,

    /// Call this machine so: its name in reports over several, and what a `[[machines]]` entry goes by [default: its GPU
    /// or CPU]
    #[arg(long, value_name = "NAME", value_parser = label, help_heading = "Measurement")]
    pub(crate) label: Option<String>,

    /// Inferences of each prompt by each variant
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Measurement")]
    pub(crate) repetitions: u32,

    /// Inferences thrown away before the first counted one, per variant
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Measurement")]
    pub(crate) warm_ups: u32,

    /// Measure at most N windows again that a busy machine disturbed [default: a quarter of all windows]
    #[arg(
        long,
        value_name = "N",
        env = "INFERCOST_MAX_REMEASURE",
        hide_env = true,
        help_heading = "Measurement"
    )]
    pub(crate) max_remeasure: Option<u32>,

    /// Run every variant on every prompt, even where its verdict is settled before
    #[arg(long, help_heading = "Measurement")]
    pub(crate) exhaustive: bool,

    /// Resume an interrupted run: RUN, or the newest one below --traces
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Measurement")]
    pub(crate) resume: Option<String>,

    /// With --resume: ask the servers and instruments that the run names, though it was not begun here
    #[arg(long, requires = "resume", help_heading = "Measurement")]
    pub(crate) trust: bool,

    /// Seed of the choice of prompts, the order of variants and the sampling
    #[arg(long, default_value_t = 42, help_heading = "Sampling")]
    pub(crate) seed: u64,

    /// Sampling temperature; 0 is greedy
    #[arg(long, default_value_t = 0.0, value_parser = temperature, help_heading = "Sampling")]
    pub(crate) temperature: f64,

    /// Sample from the most likely tokens that make up this probability
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Sampling")]
    pub(crate) top_p: Option<f64>,

    /// Sample from this many most likely tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Sampling")]
    pub(crate) top_k: Option<u32>,

    #[command(flatten, next_help_heading = "Measurement")]
    pub(crate) processor: ProcessorFlags,

    /// Keep prompts and answers out of the trace (they are still graded)
    #[arg(long, help_heading = "Output")]
    pub(crate) no_content: bool,

    /// Take what this pattern finds out of every text, on disk and on the wire; may be given several times
    #[arg(long, value_name = "REGEX", value_parser = pattern, help_heading = "Output")]
    pub(crate) redact: Vec<Regex>,

    /// Prompts in one metered window, more where the meter refreshes slowly; variants take turns after each [default: 5,
    /// but no more than a third of them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Advanced", hide_short_help = true)]
    pub(crate) window_prompts: Option<u32>,

    /// Run the baseline a second time, to show the noise
    #[arg(long, help_heading = "Advanced", hide_short_help = true)]
    pub(crate) noise_floor: bool,

    #[command(flatten)]
    pub(crate) meter: MeterFlags,

    #[command(flatten)]
    pub(crate) live: LiveFlags,

    #[command(flatten)]
    pub(crate) load: LoadFlags,
}

impl RecordFlags {
    /// What is asked for, in the form that is stored.
    pub(crate) fn spec(&self) -> RunSpec {
        RunSpec {
            models: self.models.clone(),
            hosted: self.hosted.clone(),
            prompts: self.prompts.clone(),
            baseline: self.baseline.clone(),
            max_prompts: self.max_prompts,
            repetitions: self.repetitions,
            warm_ups: self.warm_ups,
            window_prompts: self.window_prompts,
            sampling: Sampling {
                temperature: self.temperature,
                top_p: self.top_p,
                top_k: self.top_k,
                seed: self.seed,
            },
            label: self.label.clone(),
            threads: self.processor.threads,
            device: self.processor.device_name(),
            max_remeasure: self.max_remeasure,
            exhaustive: self.exhaustive,
            noise_floor: self.noise_floor,
            content: !self.no_content,
            redactions: u32::try_from(self.redact.len()).unwrap_or(u32::MAX),
            meter: self.meter.spec(),
            load: self.load.spec(),
            servers: ServerSpec {
                started: self.load.serve.is_some(),
                request_timeout_s: self.load.request_timeout.as_secs_f64(),
                prompt_cache: self.load.prompt_cache,
            },
        }
    }

    /// The run that is wanted.
    pub(crate) fn request(&self, global: &GlobalFlags) -> RunRequest {
        let serve = self.load.serve.clone();
        RunRequest {
            spec: self.spec(),
            redact: self.redact.clone(),
            serve: serve.map(|command| ServeRequest { command, timeout: self.load.serve_timeout }),
            offline: global.offline,
            traces: global.traces.clone(),
            is_shared: global.push_to.is_some(),
            live: self.live.target(),
            trust: self.trust,
            settings: Vec::new(),
        }
    }
}

/// Longest label, in characters: it stands behind every variant's name.
const LONGEST_LABEL: usize = 40;

/// A machine's label.
fn label(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_LABEL {
        return Err(format!("is 1 to {LONGEST_LABEL} characters long"));
    }
    if text.contains('/') || text.chars().any(is_hidden) {
        return Err("has no `/` and no control characters".to_owned());
    }
    Ok(text.to_owned())
}
