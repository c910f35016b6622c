//! `infercost prices`: ask markets, keep what they say, show what is kept.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use infercost_prices::fetch::Key;
use infercost_prices::{BaseUrl, Client, Query, SOURCES, SourceDef, Stored};
use infercost_run::settings_fill::{self, Wanted};
use infercost_run::today::today;
use infercost_run::usage;
use infercost_run::{config, price_store};
use jiff::Timestamp;

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::date::date;
use crate::flags::economics::StoreFlags;
use crate::output;
use crate::output::answer::delivery::{self, deliver};

/// Prices of markets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost prices fetch energy-charts --zone DE-LU
  infercost prices fetch vast --gpu \"RTX 4090\" --fill
      also into infercost.toml
  infercost prices list")]
pub(crate) struct PricesCommand {
    #[command(subcommand)]
    pub(crate) command: PricesAction,
}

/// What to do with prices.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum PricesAction {
    /// Ask a source, and keep what it says with its date
    Fetch(Box<FetchFlags>),
    /// Show what was fetched, and how old it is
    #[command(after_help = "Examples:
  infercost prices list
  infercost prices list --export prices.csv")]
    List {
        #[command(flatten)]
        store: StoreFlags,

        #[command(flatten)]
        answer: AnswerFlags,
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
  infercost prices fetch ecb
      exchange rates
  infercost prices fetch vast --gpu \"RTX 4090\" --fill
      also into infercost.toml

Keys come from the environment: ELECTRICITYMAPS_TOKEN, RUNPOD_API_KEY. Addresses can be set with --base-url or \
in [sources.NAME] of infercost.toml; a key goes to the source itself, or to the address of --base-url, over \
https.")]
pub(crate) struct FetchFlags {
    /// The source
    #[arg(value_parser = source)]
    pub(crate) source: &'static SourceDef,

    /// Bidding zone, country, region letter, or cloud
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,

    /// First day [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub(crate) from: Option<jiff::civil::Date>,

    /// Number of days
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=31))]
    pub(crate) days: u32,

    /// Product code of a tariff, or operating system of a spot price [default: Linux/UNIX]
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
    #[arg(long, value_name = "SETTINGS", num_args = 0..=1, require_equals = true, default_missing_value = config::DEFAULT_FILE)]
    pub(crate) fill: Option<PathBuf>,

    /// Hosted model whose price --fill writes
    #[arg(long, value_name = "NAME", requires = "fill")]
    pub(crate) model: Option<String>,

    #[command(flatten)]
    pub(crate) store: StoreFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

fn source(text: &str) -> Result<&'static SourceDef, String> {
    infercost_prices::source(text).ok_or_else(|| {
        let names: Vec<&str> = SOURCES.iter().map(|source| source.name).collect();
        format!("no source is called `{}`; there are {}", text.escape_debug(), names.join(", "))
    })
}

pub(crate) fn run(arguments: &PricesCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        PricesAction::Fetch(arguments) => fetch(arguments, global),
        PricesAction::List { store, answer } => list(store, answer, global),
    }
}

fn fetch(arguments: &FetchFlags, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let source = arguments.source;
    let mut sources = config::file(global.config.as_deref())?.sources;
    if let Some(unknown) = sources.keys().find(|name| infercost_prices::source(name).is_none()) {
        return Err(usage(format!("[sources.{}]: no source has that name", unknown.escape_debug())));
    }
    let settings = sources.remove(source.name).unwrap_or_default();
    let flagged = (!arguments.gpu.is_empty()).then(|| arguments.gpu.clone());
    let flag = arguments.base_url.clone().map(|url| BaseUrl { url, confirmed: true });
    let query = Query {
        base_url: flag.or(settings.base_url.map(|url| BaseUrl { url, confirmed: false })),
        zone: arguments.zone.clone().or(settings.zone),
        from: arguments.from.unwrap_or_else(today),
        days: arguments.days,
        product: arguments.product.clone().or(settings.product),
        payment_method: arguments.payment_method.clone().or(settings.payment_method),
        gpus: flagged.or(settings.gpus).unwrap_or_default(),
        time_zone: arguments.time_zone.clone(),
        key: source.key_variable.and_then(|name| env::var(name).ok()).and_then(Key::new),
    };
    let now = Timestamp::now();
    let snapshot = match &arguments.file {
        Some(file) => source.read(file, &query, now)?,
        None if global.offline => {
            return Err(usage(
                "--offline: nothing is fetched; `infercost prices list` shows what is stored, and --file reads a file",
            ));
        }
        None => source.fetch(&Client::default(), &query, now)?,
    };
    let path = price_store::open(arguments.store.price_store.as_deref())?.save(&snapshot)?;
    if let Some(settings) = &arguments.fill {
        let wanted = Wanted { gpus: &arguments.gpu, model: arguments.model.as_deref() };
        output::note(&settings_fill::fill(settings, &wanted, &snapshot)?);
    }

    let answer = output::economics::prices::fetched(&snapshot, &path);
    deliver(&answer, &snapshot, None, &arguments.answer, global)?;
    Ok(ExitCode::SUCCESS)
}

fn list(store: &StoreFlags, flags: &AnswerFlags, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(flags, false)?;
    let store = price_store::open(store.price_store.as_deref())?;
    let (all, broken) = store.list()?;
    for file in &broken {
        output::note(&format!("left aside: {file}"));
    }
    let now = Timestamp::now();
    let rows: Vec<serde_json::Value> = all.iter().map(|stored| row(stored, now)).collect();
    let object = serde_json::json!({
        "schema": "infercost.price_list/1",
        "folder": store.folder(),
        "snapshots": rows,
    });
    deliver(&output::economics::prices::list(&all, store.folder(), now), &object, None, flags, global)?;
    Ok(ExitCode::SUCCESS)
}

fn row(stored: &Stored, now: Timestamp) -> serde_json::Value {
    let snapshot = &stored.snapshot;
    serde_json::json!({
        "source": snapshot.source,
        "subject": snapshot.subject,
        "holds": snapshot.prices.noun(),
        "count": snapshot.prices.len(),
        "fetched_at": snapshot.fetched_at,
        "age_days": snapshot.age_days(now),
        "stale": snapshot.is_stale(now),
        "license": snapshot.license,
        "path": stored.path,
    })
}
