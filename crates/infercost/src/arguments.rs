//! What the command line takes.

pub(crate) mod bench;
pub(crate) mod doctor;
pub(crate) mod economics;
pub(crate) mod meter;
pub(crate) mod models;
pub(crate) mod numbers;
pub(crate) mod prices;
pub(crate) mod processor;
pub(crate) mod schedule;
pub(crate) mod score;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::arguments::meter::MeterArguments;
use crate::arguments::numbers::{at_least_zero, confidence, share, temperature};
use crate::arguments::processor::ProcessorArguments;
use crate::export_arguments::{ExportCommand, LiveArguments};
use crate::load_arguments::{LoadArguments, TargetArguments};

/// Measures what an LLM inference costs and recommends the cheapest model that is good enough.
#[derive(Debug, Parser)]
#[command(name = "infercost", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  infercost compare                                   the default model, full precision against quantized
  infercost compare a.gguf b.gguf --prompts mine.jsonl --baseline b
  infercost report traces/20261122-101500             the same answer again, from the trace alone
  infercost audit --revenue 0.0001                    what it costs against what it earns

Exit codes: 0 an answer, 1 failure, 2 usage, 3 inconclusive, 4 no candidate passes or a limit is passed, 5 no meter, 130 interrupted")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure models side by side and recommend the cheapest that is good enough (record, then report)
    Compare(CompareArguments),
    /// Measure, and leave a trace
    Record(RecordCommand),
    /// Compute the answer again from traces alone
    Report(ReportCommand),
    /// Send a recorded run to Phoenix, Jaeger, LangSmith, Langfuse or any OTLP collector
    Export(ExportCommand),
    /// List, pull and inspect models
    Models(models::ModelsArguments),
    /// Make a quantized GGUF from full precision
    Quantize(models::QuantizeArguments),
    /// Print the token ids of a text
    Tokenize(models::TokenizeArguments),
    /// Perplexity on a text, and divergence from a baseline, as llama-perplexity defines them
    Score(score::ScoreArguments),
    /// Measure prefill and decode speed, as llama-bench defines them
    Bench(bench::BenchArguments),
    /// Show this machine, its meters and what they cover
    Doctor(doctor::DoctorArguments),
    /// The cost of an inference against what it earns: margin, loss zone, what moves it
    Audit(economics::AuditCommand),
    /// Own, rent, spot, serverless or a hosted API: what an inference costs each way
    Host(economics::HostCommand),
    /// Keep the hardware or replace it: payback from two runs
    Replace(economics::ReplaceCommand),
    /// When to run a job: a number of inferences by a deadline, over a curve of prices or carbon
    Schedule(schedule::ScheduleCommand),
    /// What could be changed about a workload, ranked by what it saves
    Optimize(economics::OptimizeCommand),
    /// Fetch dated prices of electricity, hardware and hosted models, and list them
    Prices(prices::PricesCommand),
    /// Begin a commented infercost.toml, by asking or from flags
    Init(crate::commands::init::InitCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
}

impl Command {
    /// The number of worker threads asked for.
    pub(crate) fn threads(&self) -> Option<u16> {
        match self {
            Self::Compare(arguments) => arguments.record.processor.threads,
            Self::Record(arguments) => arguments.record.processor.threads,
            Self::Bench(arguments) => arguments.processor.threads,
            Self::Score(arguments) => arguments.processor.threads,
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost compare
  infercost compare smollm2-135m-instruct/full smollm2-135m-instruct/q6_k --prompts mine.jsonl
  infercost compare ./some.gguf ./other.gguf --prompts mine.jsonl --baseline other --json
  infercost compare model/q8_0 http://127.0.0.1:8080/v1#m --concurrency 1,2,4
                                                      a server beside it, alone and under load
  infercost compare --resume                          go on with the newest run that was cut off")]
pub(crate) struct CompareArguments {
    #[command(flatten)]
    pub(crate) record: RecordArguments,
    #[command(flatten)]
    pub(crate) judge: JudgeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RecordCommand {
    #[command(flatten)]
    pub(crate) record: RecordArguments,
    #[command(flatten)]
    pub(crate) judge: JudgeArguments,
}

/// What is measured, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct RecordArguments {
    /// What to measure.
    #[arg(
        value_name = "MODEL",
        help = "Manifest name, name/variant, .gguf file, safetensors folder, hf:owner/repo[@rev][:file], or \
                http://host:port/v1#served-name"
    )]
    pub(crate) models: Vec<String>,

    /// Prompt set, JSON Lines [default: the built-in quickstart set]
    #[arg(long, value_name = "FILE")]
    pub(crate) prompts: Option<PathBuf>,

    /// Variant that the others are compared with [default: full precision, else the first MODEL]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) baseline: Option<String>,

    /// Run a seeded choice of at most N prompts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_prompts: Option<u32>,

    /// Inferences of each prompt by each variant
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repetitions: u32,

    /// Inferences thrown away before the first counted one, per variant
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) warm_ups: u32,

    /// Prompts in one metered window, more where the meter refreshes slowly; variants take turns after each [default: 5,
    /// but no more than a third of them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) window_prompts: Option<u32>,

    /// Seed of the choice of prompts, the order of variants and the sampling
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,

    /// Sampling temperature; 0 is greedy
    #[arg(long, default_value_t = 0.0, value_parser = temperature)]
    pub(crate) temperature: f64,

    /// Sample from the most likely tokens that make up this probability
    #[arg(long, value_parser = share)]
    pub(crate) top_p: Option<f64>,

    /// Sample from this many most likely tokens
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top_k: Option<u32>,

    #[command(flatten)]
    pub(crate) processor: ProcessorArguments,

    /// Run every variant on every prompt, even where its verdict is settled before
    #[arg(long)]
    pub(crate) exhaustive: bool,

    /// Run the baseline a second time, to show the noise
    #[arg(long)]
    pub(crate) noise_floor: bool,

    /// Keep prompts and answers out of the trace (they are still graded)
    #[arg(long)]
    pub(crate) no_content: bool,

    /// Go on with a run that was cut off: RUN, or the newest one below --traces
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) resume: Option<String>,

    /// Use the network for nothing; take models from the cache
    #[arg(long, env = "INFERCOST_OFFLINE", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) offline: bool,

    /// Folder that holds the runs
    #[arg(long, value_name = "DIR", default_value = "traces")]
    pub(crate) traces: PathBuf,

    #[command(flatten)]
    pub(crate) meter: MeterArguments,

    #[command(flatten)]
    pub(crate) live: LiveArguments,

    #[command(flatten)]
    pub(crate) load: LoadArguments,
}

/// Prompts in a window where the command line does not say: enough that a counter moves, few enough that there are many
/// windows to tell noise by.
const WINDOW_PROMPTS: usize = 5;
/// Windows of a variant in which prompts are asked at least: fewer do not show how windows differ.
const FEWEST_WINDOWS: usize = 3;

impl RecordArguments {
    /// Prompts in one metered window of a run of so many.
    pub(crate) fn prompts_in_a_window(&self, prompts: usize) -> usize {
        match self.window_prompts {
            Some(given) => usize::try_from(given).unwrap_or(usize::MAX),
            None => WINDOW_PROMPTS.min(prompts / FEWEST_WINDOWS).max(1),
        }
    }
}

/// Thresholds, prices and the form of the answer.
#[derive(Debug, Clone, Args)]
pub(crate) struct JudgeArguments {
    /// Loss of task score that is tolerated [default: 0.02, or the least that the set can resolve]
    #[arg(long, value_parser = share)]
    pub(crate) margin: Option<f64>,

    /// Largest mean KL divergence from the baseline, in nats [default: 0.05]
    #[arg(long, value_parser = at_least_zero)]
    pub(crate) max_kld: Option<f64>,

    /// Smallest share of positions with the baseline's most likely token [default: 0.9]
    #[arg(long, value_parser = share)]
    pub(crate) min_top1: Option<f64>,

    /// Smallest task score of a candidate itself [default: none]
    #[arg(long, value_parser = share)]
    pub(crate) min_score: Option<f64>,

    /// One-sided confidence of every gate [default: 0.95]
    #[arg(long, value_parser = confidence)]
    pub(crate) confidence: Option<f64>,

    #[command(flatten)]
    pub(crate) targets: TargetArguments,

    /// Settings: prices, policy [default: infercost.toml, if there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Refuse prices in any other currency
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportCommand {
    /// Run folders, or run ids below --traces [default: the newest run]; or another program's traces: a file of
    /// OTLP (JSON Lines or protobuf), or phoenix:http://host:6006/PROJECT
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,

    /// Variant that the others are compared with [default: as recorded]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) baseline: Option<String>,

    /// Folder that holds the runs
    #[arg(long, value_name = "DIR", default_value = "traces")]
    pub(crate) traces: PathBuf,

    #[command(flatten)]
    pub(crate) judge: JudgeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
