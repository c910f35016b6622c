//! `infercost prices`: ask markets, keep what they say, show what is kept.

use std::env;
use std::process::ExitCode;

use infercost_prices::fetch::Key;
use infercost_prices::{BaseUrl, Client, Query, Stored};
use jiff::Timestamp;

use crate::arguments::economics::StoreArguments;
use crate::arguments::prices::{FetchArguments, PricesAction, PricesCommand};
use crate::business::today;
use crate::exit::usage;
use crate::{config, output, price_store, settings_fill};

pub(crate) fn run(arguments: &PricesCommand) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        PricesAction::Fetch(arguments) => fetch(arguments),
        PricesAction::List { store, json } => list(store, *json),
    }
}

fn fetch(arguments: &FetchArguments) -> anyhow::Result<ExitCode> {
    let source = arguments.source;
    let mut sources = config::file(arguments.config.as_deref())?.sources;
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
        None if arguments.offline => {
            return Err(usage(
                "--offline: nothing is fetched; `infercost prices list` shows what is stored, and --file reads a file",
            ));
        }
        None => source.fetch(&Client::default(), &query, now)?,
    };
    let path = price_store::open(&arguments.store)?.save(&snapshot)?;
    if let Some(settings) = &arguments.fill {
        output::note(&settings_fill::fill(settings, arguments, &snapshot)?);
    }
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&snapshot)?);
    } else {
        output::block(&output::economics::prices::fetched(&snapshot, &path));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(store: &StoreArguments, json: bool) -> anyhow::Result<ExitCode> {
    let store = price_store::open(store)?;
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
