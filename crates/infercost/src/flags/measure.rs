//! What a sprint tries, on what, and for how long, as `optimize --measure` takes it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use infercost_core::{LatencyTargets, MeterSpec, RunSpec, Sampling, ServerSpec};
use infercost_run::config::PolicyFlags;
use infercost_run::sprint::{ReadParquet, SprintRequest, WorkloadRequest};
use infercost_run::{LiveExportTarget, RunRequest, ServeRequest};
use infercost_sprint::{Parameter, vary};

use crate::flags::GlobalFlags;
use crate::flags::economics::EconomicsFlags;
use crate::flags::load::{targets, time};
use crate::flags::meter::instrument;
use crate::flags::numbers::{above_zero, confidence, share, share_above_zero, whole_count};
use crate::flags::processor::ProcessorFlags;

/// What a sprint tries, on what, and for how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sprint (with --measure)")]
pub(crate) struct MeasureFlags {
    /// Try settings here and now, against the present one, and confirm the winner
    #[arg(long)]
    pub(crate) measure: bool,

    /// How long the sprint may take
    #[arg(long, value_name = "TIME", default_value = "20m", requires = "measure", value_parser = time)]
    pub(crate) budget: Duration,

    /// Share of the cost that must be saved: less is not worth a change
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, requires = "measure", value_parser = share_above_zero)]
    pub(crate) saving: f64,

    /// Measure every setting in every round, though it surely saves too little: the whole grid that a race spares
    #[arg(long, requires = "measure")]
    pub(crate) exhaustive: bool,

    /// Values of a placeholder in --serve, the present one first; in process, of `threads` or `variant`
    #[arg(long, value_name = "NAME=VALUE,…", requires = "measure", value_parser = parameter)]
    pub(crate) vary: Vec<Parameter>,

    /// Shipped space of flags: llama.cpp, vllm, sglang [default: by the command of --serve, unless --vary is given]
    #[arg(long, value_name = "NAME", requires = "measure")]
    pub(crate) space: Option<String>,

    /// Model that drafts for the one that is served (speculative decoding): {draft} in --serve, and in shipped spaces
    #[arg(long, value_name = "MODEL", requires = "serve")]
    pub(crate) draft: Option<String>,

    /// Variant that is in use now [default: full precision, else the first MODEL]
    #[arg(long, value_name = "VARIANT", requires = "measure")]
    pub(crate) baseline: Option<String>,

    /// Resume a sprint that was cut off: SPRINT, or the newest one below --traces
    #[arg(long, value_name = "SPRINT", num_args = 0..=1, require_equals = true, default_missing_value = "", requires = "measure")]
    pub(crate) resume: Option<String>,

    /// Seed of the orders, of the choice of prompts and of the sampling
    #[arg(long, default_value_t = 42, requires = "measure")]
    pub(crate) seed: u64,

    #[command(flatten, next_help_heading = "Sprint (with --measure)")]
    pub(crate) processor: ProcessorFlags,

    /// Prompt set that judges quality, and is asked where no --workload is given [default: the built-in quickstart set]
    #[arg(long, value_name = "FILE", requires = "measure", help_heading = "Workload (with --measure)")]
    pub(crate) prompts: Option<PathBuf>,

    /// Use a seeded choice of at most N prompts of that set
    #[arg(long, value_name = "N", requires = "measure", value_parser = whole_count, help_heading = "Workload (with --measure)")]
    pub(crate) max_prompts: Option<u32>,

    /// What is asked.
    #[arg(
        long,
        value_name = "WORKLOAD",
        requires = "measure",
        help = "A prompt set, a recorded run, another program's trace (OTLP), a BurstGPT, Azure, Mooncake or ShareGPT \
                trace (text or Parquet), a folder of tables (`export --parquet`, `ingest`), or \
                synthetic:input=N,output=N[,rate=R][,count=N][,shared=N]",
        help_heading = "Workload (with --measure)"
    )]
    pub(crate) workload: Option<String>,

    /// Replay a trace so many times faster
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "measure", value_parser = above_zero, help_heading = "Workload (with --measure)")]
    pub(crate) speedup: f64,

    /// Keep N requests in flight
    #[arg(long, value_name = "N", requires = "measure", value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = "Workload (with --measure)")]
    pub(crate) concurrency: Option<u32>,

    /// Send R requests per second, whatever comes back
    #[arg(long, value_name = "R", requires = "measure", value_parser = above_zero, help_heading = "Workload (with --measure)")]
    pub(crate) rate: Option<f64>,

    /// Requests of one measurement [default: 5, four for each in flight, or 32 of a trace; fewer in a small budget]
    #[arg(long, value_name = "N", requires = "measure", value_parser = requests, help_heading = "Workload (with --measure)")]
    pub(crate) requests: Option<u32>,

    /// Latencies to keep: ttft=500ms,tpot=50ms,share=0.9 (share of requests that must)
    #[arg(long, value_name = "TARGETS", requires = "measure", value_parser = targets, help_heading = "Workload (with --measure)")]
    pub(crate) slo: Option<LatencyTargets>,

    /// Non-inferiority margin of the task score [default: 0.02, or the least that the set can resolve]
    #[arg(long, value_name = "SHARE", requires = "measure", value_parser = share, help_heading = "Workload (with --measure)")]
    pub(crate) margin: Option<f64>,

    /// One-sided confidence of every quality gate [default: 0.95]
    #[arg(long, value_name = "SHARE", requires = "measure", value_parser = confidence, help_heading = "Workload (with --measure)")]
    pub(crate) confidence: Option<f64>,

    /// Start a server for each measurement: {model} is the file, {port} a free port, {NAME} a value of --vary
    #[arg(long, value_name = "COMMAND", requires = "measure", help_heading = "Servers (with --measure)")]
    pub(crate) serve: Option<String>,

    /// How long a server of --serve may take until it answers
    #[arg(long, value_name = "TIME", default_value = "5m", requires = "serve", value_parser = time, help_heading = "Servers (with --measure)")]
    pub(crate) serve_timeout: Duration,

    /// Give a request up after this time
    #[arg(long, value_name = "TIME", default_value = "15m", requires = "measure", value_parser = time, help_heading = "Servers (with --measure)")]
    pub(crate) request_timeout: Duration,

    /// Let servers use their prompt caches
    #[arg(long, requires = "measure", help_heading = "Servers (with --measure)")]
    pub(crate) prompt_cache: bool,

    /// Instrument that reads the energy, as `infercost compare` takes it
    #[arg(long, value_name = "METER", default_value = "auto", requires = "measure", value_parser = instrument, help_heading = "Energy (with --measure)")]
    pub(crate) meter: String,

    /// Stop with exit code 5 where energy cannot be measured
    #[arg(long, requires = "measure", help_heading = "Energy (with --measure)")]
    pub(crate) require_measured: bool,
}

/// What reads Parquet.
#[cfg(feature = "fleet")]
fn parquet_reader() -> Option<ReadParquet> {
    Some(crate::parquet_workload::read)
}

/// A build without it says so where a workload is Parquet.
#[cfg(not(feature = "fleet"))]
fn parquet_reader() -> Option<ReadParquet> {
    None
}

/// More requests of one measurement are a mistake.
const MOST_REQUESTS: u32 = 1_000_000;

fn requests(text: &str) -> Result<u32, String> {
    let count = whole_count(text)?;
    if count <= MOST_REQUESTS { Ok(count) } else { Err("must be at most 1M".to_owned()) }
}

fn parameter(text: &str) -> Result<Parameter, String> {
    let read = vary::parse(text).map_err(|error| error.to_string())?;
    Ok(read)
}

impl MeasureFlags {
    /// The sprint that is wanted over these models.
    pub(crate) fn request(
        &self,
        models: &[String],
        economics: &EconomicsFlags,
        global: &GlobalFlags,
    ) -> SprintRequest {
        let spec = RunSpec {
            models: models.to_vec(),
            prompts: self.prompts.clone(),
            baseline: self.baseline.clone(),
            max_prompts: self.max_prompts,
            sampling: Sampling { seed: self.seed, ..Sampling::default() },
            threads: self.processor.threads,
            device: self.processor.device_name(),
            meter: MeterSpec {
                instrument: self.meter.clone(),
                require_measured: self.require_measured,
                estimate: false,
                assume_watts: economics.assume_watts.map(|power| power.work),
            },
            servers: ServerSpec {
                started: self.serve.is_some(),
                request_timeout_s: self.request_timeout.as_secs_f64(),
                prompt_cache: self.prompt_cache,
            },
            ..RunSpec::default()
        };
        let serve = self.serve.clone().map(|command| ServeRequest { command, timeout: self.serve_timeout });
        let run = RunRequest {
            spec,
            redact: Vec::new(),
            serve,
            offline: global.offline,
            traces: global.traces.clone(),
            is_shared: false,
            live: LiveExportTarget::default(),
            trust: false,
            settings: Vec::new(),
        };

        SprintRequest {
            run,
            vary: self.vary.clone(),
            space: self.space.clone(),
            draft: self.draft.clone(),
            budget: self.budget,
            wanted: self.saving,
            exhaustive: self.exhaustive,
            workload: WorkloadRequest {
                source: self.workload.clone(),
                read_parquet: parquet_reader(),
                speedup: self.speedup,
                concurrency: self.concurrency,
                rate: self.rate,
                requests: self.requests,
            },
        }
    }

    /// Thresholds, as the settings file has them where a flag does not.
    pub(crate) fn policy(&self, economics: &EconomicsFlags, global: &GlobalFlags) -> PolicyFlags {
        PolicyFlags {
            margin: self.margin,
            confidence: self.confidence,
            slo: self.slo,
            config: global.config.clone(),
            currency: economics.currency.clone(),
            ..PolicyFlags::default()
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use clap::Parser;

    use super::*;

    /// The flags of `optimize` that a sprint is made of.
    #[derive(Parser)]
    struct Line {
        models: Vec<String>,
        #[command(flatten)]
        economics: EconomicsFlags,
        #[command(flatten)]
        measure: MeasureFlags,
        #[command(flatten)]
        global: GlobalFlags,
    }

    /// What a command line asks for, and the thresholds that it gives.
    fn asked(more: &str) -> (SprintRequest, PolicyFlags) {
        let line = format!("optimize --measure m.gguf --serve server {more}");
        let Line { models, economics, measure, global } =
            Line::try_parse_from(line.split_whitespace()).unwrap();
        (measure.request(&models, &economics, &global), measure.policy(&economics, &global))
    }

    /// Sprints take their time; what becomes of a request is tried elsewhere. Here no flag may be lost on the way to it.
    #[test]
    fn each_flag_stands_in_the_request() {
        let shown = |more: &str| format!("{:?}", asked(more));
        let usual = shown("");
        let flags = [
            "--budget 1h",
            "--saving 25%",
            "--exhaustive",
            "--vary np=1,2",
            "--space vllm",
            "--draft d.gguf",
            "--baseline q8_0",
            "--seed 7",
            "--threads 3",
            #[cfg(feature = "cuda")]
            "--device cuda",
            "--prompts mine.jsonl",
            "--max-prompts 1k",
            "--workload synthetic:input=9,output=9",
            "--speedup 3",
            "--concurrency 8",
            "--rate 3",
            "--requests 10k",
            "--slo ttft=1s",
            "--margin 10%",
            "--confidence 90%",
            "--serve-timeout 9s",
            "--request-timeout 9s",
            "--prompt-cache",
            "--meter none",
            "--require-measured",
            "--assume-watts 60",
            "--currency EUR",
            "--offline",
            "--traces elsewhere",
            "--config other.toml",
        ];
        for flag in flags {
            assert_ne!(shown(flag), usual, "{flag} changes nothing");
        }

        let (request, policy) =
            asked("--saving 25% --requests 10k --margin 10% --serve-timeout 9s --prompt-cache");
        assert!((request.wanted - 0.25).abs() < 1e-12 && policy.margin == Some(0.1), "{request:?}");
        assert_eq!(request.workload.requests, Some(10_000));
        assert_eq!(request.run.serve.unwrap().timeout, Duration::from_secs(9));
        assert!(request.run.spec.servers.prompt_cache);
    }
}
