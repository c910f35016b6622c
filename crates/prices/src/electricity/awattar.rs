//! aWATTar: hourly exchange prices of Germany and Austria, in milliseconds. No key.

use infercost_core::market::{CurveUnit, Slot};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::amount::Amount;
use crate::electricity::{curve, energy_unit, moments, scaled};
use crate::fetch::{Client, FetchError};
use crate::query::{Parsed, Query, json_of_list};
use crate::snapshot::{Kind, Prices};
use crate::source::{Answered, SourceDef};

/// The source.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "awattar",
    kind: Kind::Curve,
    key_variable: None,
    subject: |query| query.zone.clone(),
    ask: Some(ask),
    parse,
};

#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    start_timestamp: i64,
    end_timestamp: i64,
    marketprice: Option<Amount>,
    unit: Option<String>,
}

/// Asks for the days, which begin at midnight in Central Europe.
fn ask(client: &Client, query: &Query, now: Timestamp) -> Result<Answered, FetchError> {
    let own = match query.zone.as_deref().unwrap_or("DE").to_ascii_uppercase().as_str() {
        "DE" | "DE-LU" => "https://api.awattar.de",
        "AT" => "https://api.awattar.at",
        _ => return Err(FetchError::Question("awattar knows the zones DE and AT".to_owned())),
    };

    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap_or(TimeZone::UTC);
    let (from, until) = moments(query, &zone)?;
    let (from, until) = (from.as_millisecond(), until.as_millisecond());
    let url = format!("{}/v1/marketdata?start={from}&end={until}", query.base(own));

    Answered::of(&url, &client.get(&url, None)?, |text| parse(text, query, now))
}

/// Reads an answer.
fn parse(text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let answer: Answer = json_of_list(text, "data")?;
    let unit =
        answer.data.first().and_then(|entry| entry.unit.clone()).unwrap_or_else(|| "Eur/MWh".to_owned());
    let (currency, factor) = energy_unit(&unit)?;

    let mut slots = Vec::new();
    for entry in &answer.data {
        if entry.unit.as_deref().is_some_and(|other| other != unit) {
            return Err("the answer mixes units".to_owned());
        }
        let amount = entry.marketprice.map(|price| scaled(price.0, factor)).transpose()?;
        slots.push(Slot { start: moment(entry.start_timestamp)?, end: moment(entry.end_timestamp)?, amount });
    }

    let zoned = Query { zone: Some(query.zone.clone().unwrap_or_else(|| "DE".to_owned())), ..query.clone() };
    let curve = curve(CurveUnit::PerKilowattHour(currency), slots, &zoned, true, "aWATTar", now)?;
    Ok(Parsed::of(Prices::Curve(curve)))
}

fn moment(milliseconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| format!("{milliseconds} is not a time"))
}
