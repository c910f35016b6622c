//! Octopus Agile: a half-hourly tariff of Great Britain in pence, newest first, paged. No key.

use infercost_core::Currency;
use infercost_core::market::{CurveUnit, Slot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::electricity::{curve, moments, scaled};
use crate::fetch::{Client, FetchError, encoded, quoted};
use crate::snapshot::Prices;
use crate::source::{Parsed, Query, base, json};

const BASE: &str = "https://api.octopus.energy";
/// A month of half-hours in pages of 100 is 15.
const MAX_PAGES: usize = 50;
/// What a slot lasts where the source does not say when it ends.
const HALF_HOUR: SignedDuration = SignedDuration::from_mins(30);

#[derive(Deserialize)]
struct Page {
    next: Option<String>,
    results: Vec<Rate>,
}

#[derive(Deserialize)]
struct Rate {
    value_inc_vat: Option<Amount>,
    valid_from: Timestamp,
    valid_to: Option<Timestamp>,
}

/// Asks for the days, page by page.
pub(crate) fn fetch(client: &Client, query: &Query, now: Timestamp) -> Result<(String, Parsed), FetchError> {
    let needs = |what: &str| FetchError::Question(format!("octopus-agile needs {what}"));
    let product = query.product.as_deref().ok_or_else(|| needs("--product, such as AGILE-24-10-01"))?;
    let region = query.zone.as_deref().ok_or_else(|| needs("--zone, the letter of your region, A to P"))?;
    let (product, region) = (encoded(product), encoded(region));
    let zone = TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap_or(TimeZone::UTC);
    let (from, until) = moments(query, &zone)?;
    let base = base(query, BASE);
    let first = format!(
        "{base}/v1/products/{product}/electricity-tariffs/E-1R-{product}-{region}/standard-unit-rates/?period_from={from}&period_to={until}"
    );
    let wrong = |reason: String| FetchError::Format { what: base.to_owned(), reason };
    let (mut slots, mut next) = (Vec::new(), Some(first.clone()));
    for _ in 0..MAX_PAGES {
        let Some(url) = next.take() else { break };
        let page: Page = json(&client.get(&url, None)?).map_err(wrong)?;
        slots.extend(rates(&page.results).map_err(wrong)?);
        // A page may lead nowhere else than to the server that was asked.
        next = match page.next {
            Some(url) if url.starts_with(&format!("{base}/")) => Some(url),
            Some(url) => return Err(wrong(format!("the next page lies elsewhere: {}", quoted(&url)))),
            None => None,
        };
    }
    if next.is_some() {
        return Err(wrong(format!("more than {MAX_PAGES} pages")));
    }
    let parsed = of_slots(slots, query, now).map_err(wrong)?;
    Ok((first.split('?').next().unwrap_or_default().to_owned(), parsed))
}

/// Reads one page.
pub(crate) fn parse(text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let page: Page = json(text)?;
    of_slots(rates(&page.results)?, query, now)
}

fn rates(rates: &[Rate]) -> Result<Vec<Slot>, String> {
    let slot = |rate: &Rate| {
        let amount = rate.value_inc_vat.map(|pence| scaled(pence.0, Decimal::new(1, 2))).transpose()?;
        let end = rate.valid_to.or_else(|| rate.valid_from.checked_add(HALF_HOUR).ok());
        let end = end.ok_or_else(|| "a time is out of range".to_owned())?;
        Ok(Slot { start: rate.valid_from, end, amount })
    };
    rates.iter().map(slot).collect()
}

/// Prices hold value-added tax and the supplier's part: they are a bill's, not the exchange's.
fn of_slots(slots: Vec<Slot>, query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let pound: Currency = "GBP".parse().map_err(|_| "no such currency".to_owned())?;
    let curve =
        curve(CurveUnit::PerKilowattHour(pound), slots, query, false, "Octopus Agile, with VAT", now)?;
    Ok(Parsed::of(Prices::Curve(curve)))
}
