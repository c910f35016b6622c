//! What `infercost prices` takes.

use std::path::PathBuf;

use clap::Args;
use infercost_prices::{SOURCES, SourceDef};

use crate::arguments::economics::StoreArguments;

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
  infercost prices fetch vast --gpu "RTX 4090" --fill  also into infercost.toml

Keys come from the environment: ELECTRICITYMAPS_TOKEN, RUNPOD_API_KEY. Addresses can be set with
--base-url or in [sources.NAME] of infercost.toml; a key goes to the source itself, or to the address
of --base-url, over https")]
pub(crate) struct FetchArguments {
    /// The source
    #[arg(value_parser = source)]
    pub(crate) source: &'static SourceDef,

    /// Bidding zone, country, region letter, or cloud
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,

    /// First day [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) from: Option<jiff::civil::Date>,

    /// Number of days
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=31))]
    pub(crate) days: u32,

    /// Product code of a tariff, or operating system of a spot price (Linux/UNIX where not given)
    #[arg(long, value_name = "CODE")]
    pub(crate) product: Option<String>,

    /// How the bill is paid, where a tariff tells that apart
    #[arg(long, value_name = "METHOD")]
    pub(crate) payment_method: Option<String>,

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

    /// Also write it into a settings file: offers of --gpu, the tokens of --model, exchange rates
    #[arg(long, value_name = "SETTINGS", num_args = 0..=1, require_equals = true, default_missing_value = crate::config::DEFAULT_FILE)]
    pub(crate) fill: Option<PathBuf>,

    /// Hosted model whose price --fill writes
    #[arg(long, value_name = "NAME", requires = "fill")]
    pub(crate) model: Option<String>,

    /// Do not use the network
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

fn source(text: &str) -> Result<&'static SourceDef, String> {
    infercost_prices::source(text).ok_or_else(|| {
        let names: Vec<&str> = SOURCES.iter().map(|source| source.name).collect();
        format!("no source is called `{}`; there are {}", text.escape_debug(), names.join(", "))
    })
}
