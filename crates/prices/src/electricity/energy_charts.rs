//! Energy-Charts: exchange prices in parallel arrays, every 15 or 60 minutes, with nulls. No key.

use infercost_core::market::{CurveUnit, Slot};
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

use crate::amount::Amount;
use crate::electricity::steps::lengths;
use crate::electricity::{curve, energy_unit, scaled};
use crate::fetch::{Client, FetchError, encoded};
use crate::query::{Parsed, Query, json};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

const BASE: &str = "https://api.energy-charts.info";
const ZONE: &str = "DE-LU";

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "energy-charts",
    kind: Kind::Curve,
    key_variable: None,
    subject: |query| query.zone.clone(),
    ask: Some(ask),
    parse,
};

#[derive(Deserialize)]
struct Answer {
    license_info: Option<String>,
    unix_seconds: Vec<i64>,
    price: Vec<Option<Amount>>,
    unit: Option<String>,
}

/// Asks for the days.
fn ask(client: &Client, query: &Query, now: Timestamp) -> Result<Answered, FetchError> {
    let zone = encoded(query.zone.as_deref().unwrap_or(ZONE));
    let last = query.from.saturating_add(i64::from(query.days - 1).days());
    let url = format!("{}/price?bzn={zone}&start={}&end={last}", query.base(BASE), query.from);
    Answered::of(&url, &client.get(&url, None)?, |text| parse(text, query, now))
}

/// Reads an answer, whose steps may change from hours to quarters.
fn parse(text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let answer: Answer = json(text)?;
    if answer.unix_seconds.len() != answer.price.len() {
        let (times, prices) = (answer.unix_seconds.len(), answer.price.len());
        return Err(format!("the answer holds {times} times and {prices} prices"));
    }
    let (currency, factor) = energy_unit(answer.unit.as_deref().unwrap_or("EUR / MWh"))?;

    let mut entries: Vec<(i64, Option<Amount>)> = answer.unix_seconds.into_iter().zip(answer.price).collect();
    entries.sort_by_key(|(start, _)| *start);
    let starts: Vec<i64> = entries.iter().map(|(start, _)| *start).collect();

    let mut slots = Vec::new();
    for ((start, price), length) in entries.into_iter().zip(lengths(&starts)) {
        let amount = price.map(|price| scaled(price.0, factor)).transpose()?;
        slots.push(Slot { start: moment(start)?, end: moment(start.saturating_add(length))?, amount });
    }

    let zoned = Query { zone: Some(query.zone.clone().unwrap_or_else(|| ZONE.to_owned())), ..query.clone() };
    let curve = curve(CurveUnit::PerKilowattHour(currency), slots, &zoned, true, "Energy-Charts", now)?;
    Ok(Parsed { license: answer.license_info, ..Parsed::of(Prices::Curve(curve)) })
}

fn moment(second: i64) -> Result<Timestamp, String> {
    Timestamp::from_second(second).map_err(|_| format!("{second} is not a time"))
}
