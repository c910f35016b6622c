//! `infercost prices`: ask markets, keep what they say, show what is kept.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use infercost_prices::fetch::Key;
use infercost_prices::{Client, Query, Stored};
use infercost_run::economics_inputs::today;
use infercost_run::usage;
use infercost_run::{config, price_store};
use jiff::Timestamp;

use crate::flags::GlobalFlags;
use crate::flags::economics::StoreFlags;
use crate::output;

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
    Fetch(FetchFlags),
    /// Show what was fetched, and how old it is
    List {
        #[command(flatten)]
        store: StoreFlags,
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

Keys come from the environment: ELECTRICITYMAPS_TOKEN, RUNPOD_API_KEY. Addresses can be set with
--base-url or in [sources.NAME] of infercost.toml")]
pub(crate) struct FetchFlags {
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

    #[command(flatten)]
    pub(crate) store: StoreFlags,
}

fn source(text: &str) -> Result<infercost_prices::Source, String> {
    let all = infercost_prices::Source::ALL;
    all.into_iter().find(|source| source.name() == text).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|source| source.name()).collect();
        format!("no source is called `{}`; there are {}", text.escape_debug(), names.join(", "))
    })
}

pub(crate) fn run(arguments: &PricesCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        PricesAction::Fetch(arguments) => fetch(arguments, global),
        PricesAction::List { store } => list(store, global.json),
    }
}

fn fetch(arguments: &FetchFlags, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let source = arguments.source;
    let mut sources = config::file(global.config.as_deref())?.sources;
    let known =
        |name: &&String| infercost_prices::Source::ALL.iter().any(|source| source.name() == name.as_str());
    if let Some(unknown) = sources.keys().find(|name| !known(name)) {
        return Err(usage(format!("[sources.{}]: no source has that name", unknown.escape_debug())));
    }
    let settings = sources.remove(source.name()).unwrap_or_default();
    let flagged = (!arguments.gpu.is_empty()).then(|| arguments.gpu.clone());
    let query = Query {
        base_url: arguments.base_url.clone().or(settings.base_url),
        zone: arguments.zone.clone().or(settings.zone),
        from: arguments.from.unwrap_or_else(today),
        days: arguments.days,
        product: arguments.product.clone().or(settings.product),
        gpus: flagged.or(settings.gpus).unwrap_or_default(),
        time_zone: arguments.time_zone.clone(),
        key: source.key_variable().and_then(|name| env::var(name).ok()).and_then(Key::new),
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
    if global.json {
        output::line(&serde_json::to_string_pretty(&snapshot)?);
    } else {
        output::block(&output::economics::prices::fetched(&snapshot, &path));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(store: &StoreFlags, json: bool) -> anyhow::Result<ExitCode> {
    let store = price_store::open(store.price_store.as_deref())?;
    let (all, broken) = store.list()?;
    for file in &broken {
        output::note(&format!("left aside: {file}"));
    }
    let now = Timestamp::now();
    if json {
        let rows: Vec<serde_json::Value> = all.iter().map(|stored| row(stored, now)).collect();
        output::line(&serde_json::to_string_pretty(&serde_json::json!({
            "schema": "infercost.price_list/1",
            "folder": store.folder(),
            "snapshots": rows,
        }))?);
    } else {
        output::block(&output::economics::prices::list(&all, store.folder(), now));
    }
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
