//! Electricity Maps: exchange prices and carbon intensity by zone. Needs a key.

use infercost_core::market::{CurveUnit, Slot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::amount::Amount;
use crate::electricity::{curve, energy_unit, moments, scaled};
use crate::fetch::{Client, FetchError, encoded};
use crate::snapshot::Prices;
use crate::source::{Parsed, Query, answered, base, json, key};

const BASE: &str = "https://api.electricitymaps.com";
pub(crate) const KEY: &str = "ELECTRICITYMAPS_TOKEN";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// One value, or a list of them under `data`, `forecast` or `history`.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "forecast", alias = "history")]
    data: Option<Vec<Entry>>,
    unit: Option<String>,
    #[serde(flatten)]
    single: Option<Entry>,
}

#[derive(Deserialize, Clone)]
struct Entry {
    datetime: Timestamp,
    #[serde(alias = "carbonIntensity")]
    value: Option<Amount>,
    unit: Option<String>,
}

/// Asks for the forecast.
pub(crate) fn fetch(
    client: &Client,
    query: &Query,
    now: Timestamp,
    carbon: bool,
) -> Result<(String, Parsed), FetchError> {
    let zone = query.zone.as_deref();
    let zone =
        zone.ok_or_else(|| FetchError::Question("electricity-maps needs --zone, such as AT".to_owned()))?;
    let key = key(query, "electricity-maps", KEY)?;
    let (base, zone) = (base(query, BASE), encoded(zone));
    let url = if carbon {
        format!("{base}/v3/carbon-intensity/forecast?zone={zone}")
    } else {
        // The forecast of prices wants to be told of when.
        let (from, until) = moments(query, &TimeZone::UTC)?;
        format!("{base}/v3/price-day-ahead/forecast?zone={zone}&start={from}&end={until}")
    };
    answered(&url, &client.get(&url, Some(("auth-token", key)))?, |text| parse(text, query, now, carbon))
}

/// Reads an answer. A value holds until the next, but no longer than an hour.
pub(crate) fn parse(text: &str, query: &Query, now: Timestamp, carbon: bool) -> Result<Parsed, String> {
    let answer: Answer = json(text)?;
    let mut entries = match (answer.data, answer.single) {
        (Some(entries), _) => entries,
        (None, Some(entry)) => vec![entry],
        (None, None) => return Err("the answer holds neither a value nor a list of them".to_owned()),
    };
    entries.sort_by_key(|entry| entry.datetime);
    entries.dedup_by_key(|entry| entry.datetime);
    let unit = answer.unit.or_else(|| entries.iter().find_map(|entry| entry.unit.clone()));
    let (unit, factor) = if carbon {
        (CurveUnit::GramsPerKilowattHour, rust_decimal::Decimal::ONE)
    } else {
        let (currency, factor) = energy_unit(unit.as_deref().unwrap_or("EUR/MWh"))?;
        (CurveUnit::PerKilowattHour(currency), factor)
    };
    let mut slots = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let hour = entry.datetime.checked_add(HOUR).map_err(|_| "a time is out of range".to_owned())?;
        let end = entries.get(index + 1).map_or(hour, |next| next.datetime.min(hour));
        let amount = entry.value.map(|value| scaled(value.0, factor)).transpose()?;
        slots.push(Slot { start: entry.datetime, end, amount });
    }
    let curve = curve(unit, slots, query, !carbon, "Electricity Maps", now)?;
    Ok(Parsed::of(Prices::Curve(curve)))
}
