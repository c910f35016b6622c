//! What `infercost schedule` takes.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::economics::EconomicsArguments;
use crate::arguments::numbers::{above_zero, at_least_zero};

/// When to run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost schedule --inferences 20000 --deadline +12h --curve prices.csv
  infercost schedule --inferences 20000 --deadline 2026-11-24T07:00 --interruptible --chart curve.svg
  infercost schedule --inferences 20000 --deadline +1d --carbon
  infercost schedule --inferences 20000 --deadline +12h --run -- ./nightly.sh

The curve is --curve, else the newest fetched one that reaches beyond now (`infercost prices fetch
energy-charts`), else [tariff.time_of_use] of infercost.toml. With --run the exit code is the
command's own")]
pub(crate) struct ScheduleCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) measured: Option<String>,

    /// Inferences to be done
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) inferences: f64,

    /// When the last must be answered: 2026-11-24T07:00, 08:00 (the next, by --time-zone), or +12h
    #[arg(long, value_name = "TIME")]
    pub(crate) deadline: String,

    /// Table of prices or carbon: start,end,price,currency,unit
    #[arg(long, value_name = "FILE")]
    pub(crate) curve: Option<PathBuf>,

    /// Save carbon instead of money
    #[arg(long)]
    pub(crate) carbon: bool,

    /// The job may be paused: its process is stopped and goes on later, with the model loaded
    #[arg(long)]
    pub(crate) interruptible: bool,

    /// The command may be ended, and started again later to go on with its work; the machine is off meanwhile
    #[arg(long)]
    pub(crate) restartable: bool,

    /// The machine stays on and idles until the job starts, instead of being off
    #[arg(long)]
    pub(crate) stays_on: bool,

    /// Energy of one start in joules [default: power at work × the measured load time]
    #[arg(long, value_name = "JOULES", value_parser = at_least_zero)]
    pub(crate) start_joules: Option<f64>,

    /// Seconds from a start to the first inference [default: the measured load time]
    #[arg(long, value_name = "SECONDS", value_parser = at_least_zero)]
    pub(crate) start_seconds: Option<f64>,

    /// Time zone of clock times [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,

    /// Pretend it is this time
    #[arg(long, value_name = "TIME", conflicts_with = "run")]
    pub(crate) now: Option<String>,

    /// Length of a step of the plan in seconds [default: the finest of 1, 5 and 15 minutes that fits]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=86_400))]
    pub(crate) step: Option<i64>,

    /// Wait for the planned times, and run the command behind `--`
    #[arg(long, requires = "command")]
    pub(crate) run: bool,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,

    /// The command to run, or to print timers for
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
