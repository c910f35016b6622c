//! Electricity Maps: exchange prices and carbon intensity by zone. Needs a key.

use infercost_core::market::{CurveUnit, Slot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::amount::Amount;
use crate::electricity::steps::lengths;
use crate::electricity::{curve, energy_unit, moments, scaled};
use crate::fetch::{Client, FetchError, encoded};
use crate::query::{Parsed, Query, json};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

const BASE: &str = "https://api.electricitymaps.com";
const KEY: &str = "ELECTRICITYMAPS_TOKEN";

/// The source of prices.
pub(crate) static PRICES: SourceDef = SourceDef {
    name: "electricity-maps",
    kind: Kind::Curve,
    key_variable: Some(KEY),
    subject: |query| query.zone.clone(),
    ask: Some(|client, query, now| ask(client, query, now, What::Prices)),
    parse: |text, query, now| parse(text, query, now, What::Prices),
};

/// The source of carbon intensity.
pub(crate) static CARBON: SourceDef = SourceDef {
    name: "electricity-maps-carbon",
    ask: Some(|client, query, now| ask(client, query, now, What::Carbon)),
    parse: |text, query, now| parse(text, query, now, What::Carbon),
    ..PRICES
};

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Prices,
    Carbon,
}

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
fn ask(client: &Client, query: &Query, now: Timestamp, what: What) -> Result<Answered, FetchError> {
    let zone = query.zone.as_deref();
    let zone =
        zone.ok_or_else(|| FetchError::Question("electricity-maps needs --zone, such as AT".to_owned()))?;
    let key = query.key_for("electricity-maps", KEY, BASE)?;

    let (base, zone) = (query.base(BASE), encoded(zone));
    let url = match what {
        What::Carbon => format!("{base}/v3/carbon-intensity/forecast?zone={zone}"),
        // The forecast of prices needs a period.
        What::Prices => {
            let (from, until) = moments(query, &TimeZone::UTC)?;
            format!("{base}/v3/price-day-ahead/forecast?zone={zone}&start={from}&end={until}")
        }
    };
    let text = client.get(&url, Some(("auth-token", key)))?;
    Answered::of(&url, &text, |text| parse(text, query, now, what))
}

/// Reads an answer. A value holds until the next, but no longer than an hour.
fn parse(text: &str, query: &Query, now: Timestamp, what: What) -> Result<Parsed, String> {
    let answer: Answer = json(text)?;
    let mut entries = match (answer.data, answer.single) {
        (Some(entries), _) => entries,
        (None, Some(entry)) => vec![entry],
        (None, None) => return Err("the answer holds neither a value nor a list of them".to_owned()),
    };
    entries.sort_by_key(|entry| entry.datetime);
    entries.dedup_by_key(|entry| entry.datetime);

    let unit = answer.unit.or_else(|| entries.iter().find_map(|entry| entry.unit.clone()));
    let (unit, factor) = match what {
        What::Carbon => (CurveUnit::GramsPerKilowattHour, rust_decimal::Decimal::ONE),
        What::Prices => {
            let (currency, factor) = energy_unit(unit.as_deref().unwrap_or("EUR/MWh"))?;
            (CurveUnit::PerKilowattHour(currency), factor)
        }
    };

    let starts: Vec<i64> = entries.iter().map(|entry| entry.datetime.as_second()).collect();
    let mut slots = Vec::new();
    for (entry, length) in entries.iter().zip(lengths(&starts)) {
        let end = entry.datetime.checked_add(SignedDuration::from_secs(length));
        let end = end.map_err(|_| "a time is out of range".to_owned())?;
        let amount = entry.value.map(|value| scaled(value.0, factor)).transpose()?;
        slots.push(Slot { start: entry.datetime, end, amount });
    }
    let curve = curve(unit, slots, query, what == What::Prices, "Electricity Maps", now)?;
    Ok(Parsed::of(Prices::Curve(curve)))
}
