//! Energy-Charts: exchange prices in parallel arrays, every 15 or 60 minutes, with nulls. No key.

use infercost_core::market::{CurveUnit, Slot};
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

use crate::amount::Amount;
use crate::electricity::{curve, energy_unit, scaled};
use crate::fetch::{Client, FetchError, encoded};
use crate::snapshot::Prices;
use crate::source::{Parsed, Query, answered, base, json};

const BASE: &str = "https://api.energy-charts.info";
const ZONE: &str = "DE-LU";

#[derive(Deserialize)]
struct Answer {
    license_info: Option<String>,
    unix_seconds: Vec<i64>,
    price: Vec<Option<Amount>>,
    unit: Option<String>,
}

/// Asks for the days.
pub(crate) fn fetch(client: &Client, query: &Query, now: Timestamp) -> Result<(String, Parsed), FetchError> {
    let zone = encoded(query.zone.as_deref().unwrap_or(ZONE));
    let last = query.from.saturating_add(i64::from(query.days - 1).days());
    let url = format!("{}/price?bzn={zone}&start={}&end={last}", base(query, BASE), query.from);
    answered(&url, &client.get(&url, None)?, |text| parse(text, query, now))
}

/// Reads an answer. A slot lasts until the next, but no longer than the shortest distance between two: behind a
/// gap nothing is known.
pub(crate) fn parse(text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let answer: Answer = json(text)?;
    if answer.unix_seconds.len() != answer.price.len() {
        let (times, prices) = (answer.unix_seconds.len(), answer.price.len());
        return Err(format!("the answer holds {times} times and {prices} prices"));
    }
    let (currency, factor) = energy_unit(answer.unit.as_deref().unwrap_or("EUR / MWh"))?;
    let step = answer.unix_seconds.windows(2).filter_map(|pair| pair.last()?.checked_sub(*pair.first()?));
    let step = step.filter(|step| *step > 0).min().unwrap_or(3600).min(3600);
    let mut slots = Vec::new();
    for (start, price) in answer.unix_seconds.iter().zip(&answer.price) {
        let moment = |second: i64| Timestamp::from_second(second).map_err(|_| format!("{second} is no time"));
        let amount = price.map(|price| scaled(price.0, factor)).transpose()?;
        slots.push(Slot { start: moment(*start)?, end: moment(start.saturating_add(step))?, amount });
    }
    let zoned = Query { zone: Some(query.zone.clone().unwrap_or_else(|| ZONE.to_owned())), ..query.clone() };
    let curve = curve(CurveUnit::PerKilowattHour(currency), slots, &zoned, true, "Energy-Charts", now)?;
    Ok(Parsed { license: answer.license_info, ..Parsed::of(Prices::Curve(curve)) })
}
