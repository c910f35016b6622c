//! Prices that were fetched before, and how they are found again.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use infercost_core::economics::Assumed;
use infercost_core::hosting::HostingOffer;
use infercost_core::market::{Curve, CurveUnit, ExchangeRate, TokenPrice};
use infercost_core::price::Price;
use infercost_economics::Assumption;
use infercost_prices::market::{self, ListedTokens};
use infercost_prices::{Kind, PriceStore, Prices, Snapshot, Stored};
use jiff::Timestamp;

use crate::models::cache_root;
use crate::usage::usage;

/// Answers to one question that are looked at: the newest, and a few before it in case it cannot be read, or is to
/// another question of the same name.
const ANSWERS: usize = 4;
/// The same of curves, which are fetched day by day and joined.
const DAYS: usize = 64;

/// The folder of the flag, else that of `INFERCOST_PRICES`, else `prices` in the cache.
pub fn open(folder: Option<&Path>) -> anyhow::Result<PriceStore> {
    let of_environment =
        env::var_os("INFERCOST_PRICES").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    Ok(match folder.or(of_environment.as_deref()) {
        Some(folder) => PriceStore::at(folder),
        None => PriceStore::at(cache_root()?.join("prices")),
    })
}

/// Exchange rates of the newest snapshot that holds some; none where there is no place for a store.
pub fn rates(folder: Option<&Path>) -> anyhow::Result<Vec<ExchangeRate>> {
    let Ok(store) = open(folder) else { return Ok(Vec::new()) };
    let newest = store.recent(Kind::Rates, ANSWERS)?.into_iter().next();
    Ok(match newest.map(|stored| stored.snapshot.prices) {
        Some(Prices::Rates(rates)) => rates,
        _ => Vec::new(),
    })
}

/// The newest curve of prices, or of carbon, that reaches beyond `after`.
pub fn curve(folder: Option<&Path>, carbon: bool, after: Timestamp) -> anyhow::Result<Option<Curve>> {
    let all = open(folder)?.recent(Kind::Curve, DAYS)?;
    let mut curves = all.into_iter().filter_map(|stored| {
        let source = stored.snapshot.cited();
        match stored.snapshot.prices {
            Prices::Curve(curve) => Some(Curve { source, ..curve }),
            _ => None,
        }
    });
    let newest = curves.find(|curve| {
        (curve.unit == CurveUnit::GramsPerKilowattHour) == carbon
            && curve.slots.last().is_some_and(|slot| slot.end > after)
    });
    let Some(mut joined) = newest else { return Ok(None) };

    // Days are fetched one by one; what an older answer knows beyond the newest one is taken from it.
    for older in curves {
        if is_of_one_source(&older, &joined) {
            joined = joined.filled(&older);
        }
    }
    Ok(Some(joined))
}

fn is_of_one_source(one: &Curve, other: &Curve) -> bool {
    (one.unit, &one.zone, one.wholesale, &one.source)
        == (other.unit, &other.zone, other.wholesale, &other.source)
}

/// The newest fetched price of a hosted model's tokens.
///
/// # Errors
/// Where the store cannot be read.
pub fn tokens(folder: Option<&Path>, model: &str) -> anyhow::Result<Option<ListedTokens>> {
    let newest = open(folder)?.recent(Kind::Tokens, ANSWERS)?;
    let snapshots: Vec<&Snapshot> = newest.iter().map(|stored| &stored.snapshot).collect();
    Ok(market::tokens_of(&snapshots, model))
}

/// The same, with what an answer must say of it.
///
/// # Errors
/// Where the store cannot be read.
pub fn token_price(folder: Option<&Path>, model: &str) -> anyhow::Result<Option<(TokenPrice, Assumption)>> {
    Ok(tokens(folder, model)?.map(|ListedTokens { price, source, date }| {
        let each = Some([price.input, price.output]);
        let what = Assumed::TokenPrice { model: model.to_owned(), each };
        (price, Assumption { date: Some(date), ..Assumption::new(what, source) })
    }))
}

/// The cheapest fetched rent of a machine with so many of a GPU; `None` where none is listed, or there is no place for a
/// store.
///
/// # Errors
/// Where the store cannot be read.
pub fn rent(folder: Option<&Path>, gpu: &str, number: usize) -> anyhow::Result<Option<Price>> {
    let Ok(store) = open(folder) else { return Ok(None) };
    let all = newest_of_each(store.recent(Kind::Offers, ANSWERS)?);
    let snapshots: Vec<&Snapshot> = all.iter().map(|stored| &stored.snapshot).collect();
    Ok(market::rent_of(&snapshots, gpu, number))
}

/// Newest first: of each question only the last answer counts.
fn newest_of_each(mut all: Vec<Stored>) -> Vec<Stored> {
    let mut asked = BTreeSet::new();
    all.retain(|stored| asked.insert((stored.snapshot.source.clone(), stored.snapshot.subject.clone())));
    all
}

/// The cheapest fetched offers of a hardware: one to rent, one spot.
///
/// # Errors
/// Where the store cannot be read, and where the text is a part of several hardware's names.
pub fn offers(folder: Option<&Path>, hardware: &str) -> anyhow::Result<Vec<HostingOffer>> {
    let all = newest_of_each(open(folder)?.recent(Kind::Offers, ANSWERS)?);
    let snapshots: Vec<&Snapshot> = all.iter().map(|stored| &stored.snapshot).collect();
    market::offers_of(&snapshots, hardware).map_err(|error| usage(format!("--market {hardware}: {error}")))
}
