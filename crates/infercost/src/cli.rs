//! The command line as a whole: its commands, each in a file of its own, and what all of them take.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use infercost_core::RunSpec;

use crate::commands::{
    audit, bench, compare, completions, diff, doctor, export, host, init, man, models, monitor, optimize,
    prices, push, quantize, record, replace, report, runs, schedule, score, tokenize,
};
use crate::flags::GlobalFlags;
use crate::remote::RunsUsed;
use crate::version;

/// Measures what an LLM inference costs and recommends the cheapest model that is good enough.
#[derive(Debug, Parser)]
#[command(name = "infercost", version = version::SHORT, long_version = version::long(), propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  infercost compare
      the default model, full precision against quantized
  infercost compare a.gguf b.gguf --prompts mine.jsonl --baseline b
  infercost report traces/20261122-101500
      the same answer again, from the trace alone
  infercost audit --revenue 0.0001
      what it costs against what it earns

Exit codes: 0 an answer, 1 failure, 2 usage, 3 inconclusive, 4 no candidate passes or a limit is passed, 5 no \
meter, 130 interrupted")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: GlobalFlags,
}

impl Cli {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// What clap has to say: a mistake, or help and the version, where they are asked for.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let matches = with_negative_values(Self::command()).try_get_matches()?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))
    }
}

/// A number below zero is a value wherever one is taken: then the flag says what it takes, and no flag `-1` is looked for.
fn with_negative_values(command: clap::Command) -> clap::Command {
    let takes = |argument: clap::Arg| {
        let takes_values = argument.get_action().takes_values();
        argument.allow_negative_numbers(takes_values)
    };
    command.mut_args(takes).mut_subcommands(with_negative_values)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure models side by side and recommend the cheapest that is good enough (record, then report)
    Compare(compare::CompareCommand),
    /// Measure, and leave a trace
    Record(record::RecordCommand),
    /// Compute the answer again from traces alone
    Report(report::ReportCommand),
    /// List, show and delete recorded runs
    Runs(runs::RunsCommand),
    /// Compare two runs: what became better or worse, and whether limits are kept
    Diff(diff::DiffCommand),
    /// Send a recorded run to Phoenix, Jaeger, LangSmith, Langfuse or any OTLP collector
    Export(export::ExportCommand),
    /// Take recorded runs to a store that a team shares: S3, Google Cloud, Azure, a folder
    Push(push::PushCommand),
    /// List, pull and inspect models
    Models(models::ModelsCommand),
    /// Make a quantized GGUF from full precision
    Quantize(quantize::QuantizeCommand),
    /// Print the token ids of a text
    Tokenize(tokenize::TokenizeCommand),
    /// Perplexity on a text, and divergence from a baseline, as llama-perplexity defines them
    Score(score::ScoreCommand),
    /// Measure prefill and decode speed, as llama-bench defines them
    Bench(bench::BenchCommand),
    /// Show this machine, its meters and what they cover
    Doctor(doctor::DoctorCommand),
    /// Watch this machine while it serves: power, servers, what it costs, what it costs idle
    Monitor(monitor::MonitorCommand),
    /// The cost of an inference against what it earns: margin, loss zone, what moves it
    Audit(audit::AuditCommand),
    /// Own, rent, spot, serverless or a hosted API: what an inference costs each way
    Host(host::HostCommand),
    /// Keep the hardware or replace it: payback from two runs
    Replace(replace::ReplaceCommand),
    /// When to run a job: a number of inferences by a deadline, over a curve of prices or carbon
    Schedule(schedule::ScheduleCommand),
    /// What could be changed about a workload, ranked by what it saves
    Optimize(optimize::OptimizeCommand),
    /// What the inferences of many runs and services cost, over tables
    #[cfg(feature = "fleet")]
    Fleet(crate::commands::fleet::FleetCommand),
    /// Ask the tables anything, in SQL that only reads
    #[cfg(feature = "fleet")]
    Sql(crate::commands::sql::SqlCommand),
    /// Take production traces into tables, from files, folders and stores
    #[cfg(feature = "fleet")]
    Ingest(crate::commands::ingest::IngestCommand),
    /// Fetch dated prices of electricity, hardware and hosted models, and list them
    Prices(prices::PricesCommand),
    /// Begin a commented infercost.toml, by asking or from flags
    Init(init::InitCommand),
    /// Print a completion script for a shell
    Completions(completions::CompletionsCommand),
    /// Print the manual page, or write the pages of all commands
    Man(man::ManCommand),
}

impl Command {
    /// Which runs the command works with, where `--traces` is a store.
    pub(crate) fn runs_used(&self) -> RunsUsed<'_> {
        match self {
            Self::Compare(_) | Self::Record(_) => RunsUsed::Recorded,
            Self::Report(command) => command.runs_used(),
            Self::Runs(command) => command.runs_used(),
            Self::Diff(command) => RunsUsed::Named(vec![command.old.as_str(), command.new.as_str()]),
            Self::Replace(command) => RunsUsed::Named(vec![command.old.as_str(), command.new.as_str()]),
            Self::Export(command) => RunsUsed::Named(command.runs.iter().map(String::as_str).collect()),
            Self::Audit(command) => RunsUsed::Named(command.run.iter().map(String::as_str).collect()),
            Self::Host(command) => command.runs_used(),
            Self::Schedule(command) => RunsUsed::Named(command.measured.iter().map(String::as_str).collect()),
            Self::Optimize(command) => command.runs_used(),
            _ => RunsUsed::Folder,
        }
    }

    /// Runs the command.
    pub(crate) fn run(&self, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
        match self {
            Self::Compare(command) => compare::run(command, global, &recorded_spec),
            Self::Record(command) => record::run(command, global, &recorded_spec),
            Self::Report(command) => report::run(command, global),
            Self::Runs(command) => runs::run(command, global),
            Self::Diff(command) => diff::run(command, global),
            Self::Export(command) => export::run(command, global),
            Self::Push(command) => push::run(command, global),
            Self::Models(command) => models::run(command, global),
            Self::Quantize(command) => quantize::run(command, global),
            Self::Tokenize(command) => tokenize::run(command, global),
            Self::Score(command) => score::run(command, global),
            Self::Bench(command) => bench::run(command, global),
            Self::Doctor(command) => doctor::run(command, global),
            Self::Monitor(command) => monitor::run(command, global),
            Self::Audit(command) => audit::run(command, global),
            Self::Host(command) => host::run(command, global),
            Self::Replace(command) => replace::run(command, global),
            Self::Schedule(command) => schedule::run(command, global),
            Self::Optimize(command) => optimize::run(command, global),
            #[cfg(feature = "fleet")]
            Self::Fleet(command) => crate::commands::fleet::run(command, global),
            #[cfg(feature = "fleet")]
            Self::Sql(command) => crate::commands::sql::run(command, global),
            #[cfg(feature = "fleet")]
            Self::Ingest(command) => crate::commands::ingest::run(command, global),
            Self::Prices(command) => prices::run(command, global),
            Self::Init(command) => init::run(command, global),
            Self::Completions(command) => completions::run(command, &mut Cli::command(), global),
            Self::Man(command) => man::run(command, Cli::command(), global),
        }
    }
}

/// The specification of a run that recorded its command line, less what is no part of one: its commands.
fn recorded_spec(arguments: &[String]) -> Option<RunSpec> {
    let line = std::iter::once("infercost").chain(arguments.iter().map(String::as_str));
    match Cli::try_parse_from(line).ok()?.command {
        Command::Compare(command) => Some(command.record.spec()),
        Command::Record(command) => Some(command.record.spec()),
        _ => None,
    }
}
