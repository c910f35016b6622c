//! Octopus: tariffs of Great Britain in pence, newest first, paged. No key.
//!
//! Agile has a price for each half-hour; other products have prices that hold for months, the newest without an end,
//! and one price for each way of paying.

use std::collections::BTreeSet;

use infercost_core::Currency;
use infercost_core::market::{CurveUnit, Slot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::electricity::{curve, moments, scaled};
use crate::fetch::{Client, FetchError, encoded, quoted};
use crate::query::{Parsed, Query, json, json_of_list};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

const BASE: &str = "https://api.octopus.energy";
/// A month of half-hours in pages of 100 is 15.
const MAX_PAGES: usize = 50;
/// What a price of a half-hourly tariff lasts where the source does not say when it ends.
const HALF_HOUR: SignedDuration = SignedDuration::from_mins(30);

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "octopus-agile",
    kind: Kind::Curve,
    key_variable: None,
    subject: |query| query.product.clone(),
    ask: Some(ask),
    parse,
};

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    next: Option<String>,
    results: Vec<Rate>,
}

#[derive(Deserialize)]
struct Rate {
    value_inc_vat: Option<Amount>,
    valid_from: Timestamp,
    valid_to: Option<Timestamp>,
    /// `DIRECT_DEBIT`, `NON_DIRECT_DEBIT`; `None` where all pay the same.
    payment_method: Option<String>,
}

/// Asks for the days, page by page.
fn ask(client: &Client, query: &Query, now: Timestamp) -> Result<Answered, FetchError> {
    let product = query.product.as_deref().ok_or_else(|| needs("--product, such as AGILE-24-10-01"))?;
    let region = query.zone.as_deref().ok_or_else(|| needs("--zone, the letter of your region, A to P"))?;
    let (product, region) = (encoded(product), encoded(region));
    let (from, until) = moments(query, &british_time())?;

    let base = query.base(BASE);
    let first = format!(
        "{base}/v1/products/{product}/electricity-tariffs/E-1R-{product}-{region}/standard-unit-rates/?period_from={from}&period_to={until}"
    );
    let wrong = |reason: String| FetchError::Format { what: base.to_owned(), reason };

    let (mut rates, mut next) = (Vec::new(), Some(first.clone()));
    for _ in 0..MAX_PAGES {
        let Some(url) = next.take() else { break };
        let page: Page = json(&client.get(&url, None)?).map_err(wrong)?;
        rates.extend(page.results);

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

    let parsed = of_rates(&rates, query, now).map_err(wrong)?;
    Ok(Answered { address: first, parsed })
}

fn needs(what: &str) -> FetchError {
    FetchError::Question(format!("octopus-agile needs {what}"))
}

fn british_time() -> TimeZone {
    TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap_or(TimeZone::UTC)
}

/// Reads one page.
fn parse(text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let page: Page = json_of_list(text, "results")?;
    of_rates(&page.results, query, now)
}

/// Prices hold value-added tax and the supplier's part: they are a bill's, not the exchange's.
fn of_rates(rates: &[Rate], query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let rates = of_payment(rates, query)?;
    let half_hourly = rates
        .iter()
        .any(|rate| rate.valid_to.is_some_and(|end| end.duration_since(rate.valid_from) == HALF_HOUR));

    let mut remarks = Vec::new();
    let mut slots = Vec::new();
    for rate in &rates {
        let amount = rate.value_inc_vat.map(|pence| scaled(pence.0, Decimal::new(1, 2))).transpose()?;
        let end = match rate.valid_to {
            Some(end) => end,
            None if half_hourly => later(rate.valid_from)?,
            None => {
                let end = end_of_question(query)?.max(later(rate.valid_from)?);
                remarks.push(format!(
                    "the price from {} on names no end; it is taken to hold through the days asked for, to {end}",
                    rate.valid_from
                ));
                end
            }
        };
        slots.push(Slot { start: rate.valid_from, end, amount });
    }

    let pound: Currency = "GBP".parse().map_err(|_| "no such currency".to_owned())?;
    let curve =
        curve(CurveUnit::PerKilowattHour(pound), slots, query, false, "Octopus Agile, with VAT", now)?;
    Ok(Parsed { remarks, ..Parsed::of(Prices::Curve(curve)) })
}

/// The prices of one way of paying.
///
/// # Errors
/// Where there are several and none is named, or none has that name.
fn of_payment<'a>(rates: &'a [Rate], query: &Query) -> Result<Vec<&'a Rate>, String> {
    let methods: BTreeSet<&str> = rates.iter().filter_map(|rate| rate.payment_method.as_deref()).collect();
    let names: Vec<String> = methods.iter().map(|method| quoted(method)).collect();
    let names = names.join(", ");

    let Some(wanted) = &query.payment_method else {
        return match methods.len() {
            0 | 1 => Ok(rates.iter().collect()),
            _ => Err(format!(
                "the price depends on the payment method; choose one with --payment-method: {names}"
            )),
        };
    };
    let is_wanted = |method: &str| method.eq_ignore_ascii_case(wanted);
    if !methods.is_empty() && !methods.iter().any(|method| is_wanted(method)) {
        return Err(format!("no price is for payment method {}; there are {names}", quoted(wanted)));
    }
    Ok(rates.iter().filter(|rate| rate.payment_method.as_deref().is_none_or(is_wanted)).collect())
}

fn later(start: Timestamp) -> Result<Timestamp, String> {
    start.checked_add(HALF_HOUR).map_err(|_| "a time is out of range".to_owned())
}

/// Midnight after the last day that was asked for.
fn end_of_question(query: &Query) -> Result<Timestamp, String> {
    moments(query, &british_time()).map(|(_, until)| until).map_err(|error| error.to_string())
}
