//! What the commands of unit economics take.

use std::path::PathBuf;

use clap::Args;
use infercost_economics::power::AssumedPower;

use crate::arguments::numbers::{above_zero, at_least_zero, hours_of_day, number, share, share_above_zero};

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
  infercost audit traces/sample/20261123-073338 --variant q8_0 --chart tornado.svg
  infercost audit --inferences production.jsonl --api-model some-model --json
  infercost audit phoenix:http://localhost:6006/my-app --revenue 0.002

Exit codes: 0 within the limits, 3 not settled (the interval holds a limit, or energy or hardware is
unknown), 4 a limit is passed: cost is in the loss zone, or above --max-cost. Without any limit 0")]
pub(crate) struct AuditCommand {
    /// A run, or traces.
    #[arg(
        value_name = "RUN",
        help = "Run folder, run id below --traces, or another program's traces: an OTLP file, or phoenix:URL/PROJECT [default: the newest run]"
    )]
    pub(crate) run: Option<String>,

    /// Audit these inferences of production instead of a run: JSON Lines with model, input_tokens, output_tokens,
    /// latency, session, user, cost_stated {amount, currency}, correct
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub(crate) inferences: Option<PathBuf>,

    /// Price of the tokens of the inferences.
    #[arg(
        long,
        value_name = "NAME",
        help = "Price of the tokens of --inferences, or of another program's traces: an [[offers]] entry of kind api, or a model of the fetched price map"
    )]
    pub(crate) api_model: Option<String>,

    /// Revenue of one inference, in the currency of the answer
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) revenue: Option<f64>,

    /// Inferences of one user session
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) per_session: Option<f64>,

    /// Requests an hour that the machine answers at its operating point [default: the settings', else as measured]
    #[arg(long, value_name = "N", value_parser = above_zero, conflicts_with = "inferences")]
    pub(crate) capacity_per_hour: Option<f64>,

    /// Share of revenue from which cost is in the loss zone [default: 0.15]
    #[arg(long, value_name = "SHARE", value_parser = share_above_zero)]
    pub(crate) loss_zone: Option<f64>,

    /// Highest cost of one inference
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) max_cost: Option<f64>,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}

fn offer_and_run(text: &str) -> Result<(String, String), String> {
    let (offer, run) = text.split_once('=').ok_or("write the offer's name, =, and the run")?;
    Ok((offer.to_owned(), run.to_owned()))
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
  infercost host traces/sample/20261123-073338 --assume-watts 60,20 --chart map.svg
  infercost host --market \"RTX 4090\"            with the cheapest fetched offers of that hardware

Offers stand in [[offers]] of infercost.toml: kind rent, spot, serverless or api; without any, the
shipped example table stands in, marked as assumed. The price book's
own hardware is the way called own. Exit codes: 0 an answer, 3 not settled: the cheapest way leaves
something out")]
pub(crate) struct HostCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    #[command(flatten)]
    pub(crate) load: DemandArguments,

    /// Add the cheapest fetched offers whose hardware's name holds this text: one to rent, one spot
    #[arg(long, value_name = "HARDWARE")]
    pub(crate) market: Option<String>,

    /// Add the fetched price of this hosted model's tokens
    #[arg(long, value_name = "NAME")]
    pub(crate) api_model: Option<String>,

    /// Compare with nothing where no offer is given, instead of with the shipped example
    #[arg(long)]
    pub(crate) no_example_offers: bool,

    /// Take the speed and load time of an offer from a run that was recorded on it; may be repeated
    #[arg(long, value_name = "OFFER=RUN", value_parser = offer_and_run)]
    pub(crate) measured_on: Vec<(String, String)>,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}

/// How much is asked, and when; as the settings say where a flag is not given.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DemandArguments {
    /// Requests an hour, in hours with requests [default: what fills one machine to --utilization]
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(crate) requests_per_hour: Option<f64>,

    /// Share of its capacity up to which a machine is planned to be used [default: 0.7, or the price book's
    /// utilization where no load is given]
    #[arg(long, alias = "utilisation", value_name = "SHARE", value_parser = share_above_zero)]
    pub(crate) utilization: Option<f64>,

    /// Hours a day with requests [default: 24]
    #[arg(long, value_name = "HOURS", value_parser = hours_of_day)]
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
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) new_salvage: Option<f64>,

    /// What the old machine would fetch today
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, value_parser = at_least_zero)]
    pub(crate) resale: f64,

    /// Share of its value that the old machine loses each year
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
    pub(crate) decline: f64,

    #[command(flatten)]
    pub(crate) load: DemandArguments,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}

/// What could be changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost optimize
  infercost optimize traces/sample/20261123-073338 --variant full
  infercost optimize traces/mine traces/mine-with-one-thread --json

The first run is what is in use now; other runs of the same prompts, named or newest below --traces,
show what other threads, loads and models cost. Exit codes: 0 a saving of a tenth or more was found,
3 none was")]
pub(crate) struct OptimizeCommand {
    /// Runs: what is in use now, then others [default: the newest, then others below --traces]
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,

    #[command(flatten)]
    pub(crate) economics: EconomicsArguments,
}
