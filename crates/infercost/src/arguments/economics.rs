//! What the commands of unit economics take.

use std::path::PathBuf;

use clap::Args;
use infercost_economics::power::AssumedPower;

/// Where measurements, prices and settings come from, and the form of the answer.
#[derive(Debug, Clone, Args)]
pub(crate) struct EconomicsArguments {
    /// Variant to reckon with [default: the run's baseline]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) variant: Option<String>,

    /// Folder that holds the runs
    #[arg(long, value_name = "DIR", default_value = "traces")]
    pub(crate) traces: PathBuf,

    /// Settings: prices, revenue, load, offers [default: infercost.toml, if there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Currency of the answer; other prices are converted at a dated rate
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,

    /// Power to assume where none was measured: at work, and idle (marked as assumed)
    #[arg(long, value_name = "WATTS[,IDLE]", value_parser = assumed_power)]
    pub(crate) assume_watts: Option<AssumedPower>,

    #[command(flatten)]
    pub(crate) store: StoreArguments,

    /// Write a chart into this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<PathBuf>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where fetched prices are kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArguments {
    /// Folder of fetched prices [default: `prices` in the cache]
    #[arg(long, value_name = "DIR", env = "INFERCOST_PRICES")]
    pub(crate) price_store: Option<PathBuf>,
}

/// What is set against what.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost audit --revenue 0.0001 --assume-watts 60,20
  infercost audit traces/sample/20261123-014109 --variant q8_0 --chart tornado.svg
  infercost audit --inferences production.jsonl --api-model some-model --json

Exit codes: 0 within the limits, 3 not settled (the interval holds a limit, or energy is unknown), 4 a limit is passed:
cost is in the loss zone, or above --max-cost. Without revenue and --max-cost there is no limit, and the code is 0.")]
pub(crate) struct AuditCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    /// Audit these inferences of production instead of a run: JSON Lines with model, input_tokens, output_tokens,
    /// latency, session, user, cost_stated {amount, currency}, correct
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub(crate) inferences: Option<PathBuf>,

    /// Price of the tokens of --inferences: an [[offers]] entry of kind api, or a model of the fetched price map
    #[arg(long, value_name = "NAME", requires = "inferences")]
    pub(crate) api_model: Option<String>,

    /// Revenue of one inference, in the currency of the answer
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) revenue: Option<f64>,

    /// Inferences of one user session
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) per_session: Option<f64>,

    /// Share of revenue from which cost is in the loss zone [default: 0.15]
    #[arg(long, value_name = "SHARE", value_parser = above_zero)]
    pub(crate) loss_zone: Option<f64>,

    /// Highest cost of one inference
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) max_cost: Option<f64>,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "not a number".to_owned())
}

pub(crate) fn above_zero(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 { Ok(value) } else { Err("must be above 0".to_owned()) }
}

pub(crate) fn share(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 && value <= 1.0 { Ok(value) } else { Err("must be above 0 and at most 1".to_owned()) }
}

fn assumed_power(text: &str) -> Result<AssumedPower, String> {
    let watts = |text: &str| {
        let value = number(text)?;
        if (0.0..=1e6).contains(&value) { Ok(value) } else { Err("must be 0 to 1000000 W".to_owned()) }
    };
    match text.split_once(',') {
        Some((work, idle)) => Ok(AssumedPower { work: watts(work)?, idle: Some(watts(idle)?) }),
        None => Ok(AssumedPower { work: watts(text)?, idle: None }),
    }
}

/// Which way is cheapest.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost host --requests-per-hour 400 --config infercost.toml
  infercost host traces/sample/20261123-014109 --assume-watts 60,20 --chart map.svg
  infercost host --market \"RTX 4090\"            with the cheapest fetched offers of that hardware

Offers stand in [[offers]] of infercost.toml: kind rent, spot, serverless or api. The price book's own hardware is the
way called own. Exit codes: 0 an answer, 3 not settled, because the cheapest way leaves something out")]
pub(crate) struct HostCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    #[command(flatten)]
    pub(crate) load: LoadArguments,

    /// Add the cheapest fetched offers whose hardware's name holds this text: one to rent, one spot
    #[arg(long, value_name = "HARDWARE")]
    pub(crate) market: Option<String>,

    /// Add the fetched price of this hosted model's tokens
    #[arg(long, value_name = "NAME")]
    pub(crate) api_model: Option<String>,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}

/// How much is asked, and when; the settings' [load] where a flag is not given.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LoadArguments {
    /// Requests an hour, in hours with requests [default: what fills one machine to --utilisation]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) requests_per_hour: Option<f64>,

    /// Share of its capacity up to which a machine is planned to be used [default: 0.7, or the price book's
    /// utilisation where no load is given]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) utilisation: Option<f64>,

    /// Hours a day with requests [default: 24]
    #[arg(long, value_name = "HOURS", value_parser = above_zero)]
    pub(crate) hours_per_day: Option<f64>,

    /// Requests an hour that one machine can answer [default: as measured]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) capacity_per_hour: Option<f64>,
}

/// Keep or replace.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost replace traces/old traces/new --new-price 2400 --new-life 4 --resale 300
  infercost replace traces/old traces/new --new-price 2400 --requests-per-hour 900 --json

Exit codes: 0 keep or replace, 3 not settled")]
pub(crate) struct ReplaceCommand {
    /// Run on the machine that is there
    #[arg(value_name = "RUN_OLD")]
    pub(crate) old: String,

    /// Run on the machine that may replace it
    #[arg(value_name = "RUN_NEW")]
    pub(crate) new: String,

    /// Variant of the second run [default: the same as of the first, if it is there]
    #[arg(long, value_name = "VARIANT")]
    pub(crate) new_variant: Option<String>,

    /// Price of the new machine [default: the price book's]
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) new_price: Option<f64>,

    /// Years that the new machine lives [default: the price book's, else 4]
    #[arg(long, value_name = "YEARS", value_parser = above_zero)]
    pub(crate) new_life: Option<f64>,

    /// Share of its price that the new machine fetches at the end [default: the price book's, else 0]
    #[arg(long, value_name = "SHARE", value_parser = share_or_nothing)]
    pub(crate) new_salvage: Option<f64>,

    /// What the old machine would fetch today
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, value_parser = at_least_zero)]
    pub(crate) resale: f64,

    /// Share of its value that the old machine loses each year
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share_or_nothing)]
    pub(crate) decline: f64,

    #[command(flatten)]
    pub(crate) load: LoadArguments,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}

pub(crate) fn at_least_zero(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value >= 0.0 { Ok(value) } else { Err("must not be negative".to_owned()) }
}

fn share_or_nothing(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("must be 0 to 1".to_owned()) }
}

/// When to run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost schedule --inferences 20000 --deadline +12h --curve prices.csv
  infercost schedule --inferences 20000 --deadline 2026-11-24T07:00 --interruptible --chart curve.svg
  infercost schedule --inferences 20000 --deadline +1d --carbon
  infercost schedule --inferences 20000 --deadline +12h --run -- ./nightly.sh

The curve is --curve, else the newest fetched one that reaches beyond now (`infercost prices fetch energy-charts`),
else [tariff.time_of_use] of infercost.toml. With --run the exit code is the command's own")]
pub(crate) struct ScheduleCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) measured: Option<String>,

    /// Inferences to be done
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) inferences: f64,

    /// When the last must be answered: a time, a clock time of --time-zone, or +12h
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

    /// Reckon as if it were this time
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

/// Prices of markets.
#[derive(Debug, Args)]
pub(crate) struct PricesCommand {
    #[command(subcommand)]
    pub(crate) command: PricesAction,
}

/// What to do with prices.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum PricesAction {
    /// Ask a source, and keep what it says with its date
    Fetch(FetchArguments),
    /// Show what was fetched, and how old it is
    List {
        #[command(flatten)]
        store: StoreArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What to ask.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost prices fetch energy-charts --zone DE-LU --days 2
  infercost prices fetch octopus-agile --product AGILE-24-10-01 --zone C
  infercost prices fetch vast --gpu \"RTX 4090\"
  infercost prices fetch skypilot --zone aws --gpu A10G
  infercost prices fetch aws-spot --file history.json
  infercost prices fetch litellm
  infercost prices fetch ecb                          exchange rates

Keys come from the environment: ELECTRICITYMAPS_TOKEN, RUNPOD_API_KEY. Addresses can be set with --base-url or in
[sources.NAME] of infercost.toml")]
pub(crate) struct FetchArguments {
    /// The source
    #[arg(value_parser = source)]
    pub(crate) source: infercost_prices::Source,

    /// Bidding zone, country, region letter, or cloud
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,

    /// First day [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) from: Option<jiff::civil::Date>,

    /// Number of days
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=31))]
    pub(crate) days: u32,

    /// Product code of a tariff
    #[arg(long, value_name = "CODE")]
    pub(crate) product: Option<String>,

    /// Accelerators to ask for; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) gpu: Vec<String>,

    /// Time zone of clock times without an offset, in a table
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,

    /// Address to ask instead of the source's own
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// Read the answer from this file instead
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Use the network for nothing
    #[arg(long, env = "INFERCOST_OFFLINE", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) offline: bool,

    /// Settings: [sources.NAME] [default: infercost.toml, if there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) store: StoreArguments,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn source(text: &str) -> Result<infercost_prices::Source, String> {
    let all = infercost_prices::Source::ALL;
    all.into_iter().find(|source| source.name() == text).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|source| source.name()).collect();
        format!("no source is called `{}`; there are {}", text.escape_debug(), names.join(", "))
    })
}

/// What could be changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost optimize
  infercost optimize traces/sample/20261123-014109 --variant full
  infercost optimize traces/mine traces/mine-with-one-thread --json

The first run is what is in use now; other runs of the same prompts, named or newest below --traces, show what other
threads, loads and models cost. Exit codes: 0 a saving of a tenth or more was found, 3 none was")]
pub(crate) struct OptimizeCommand {
    /// Runs: what is in use now, then others [default: the newest, then others below --traces]
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}
