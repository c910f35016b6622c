//! Electricity by time: one file a source, each from its wire format to slots.

pub mod awattar;
pub mod csv;
pub mod electricity_maps;
pub mod energy_charts;
pub mod octopus;
mod steps;

use infercost_core::Currency;
use infercost_core::market::{Curve, CurveUnit, Slot};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rust_decimal::Decimal;

use crate::fetch::{FetchError, quoted};
use crate::minor_units::money;
use crate::query::Query;

/// Most slots of one answer: a month of minutes.
const MAX_SLOTS: usize = 50_000;
/// Amounts beyond this per kWh are not prices: exchanges trade within ±0.5 to ±20 per kWh.
const HIGHEST: i64 = 1000;

/// A curve, checked: not empty, not endless, in order, and with amounts that can be.
fn curve(
    unit: CurveUnit,
    slots: Vec<Slot>,
    query: &Query,
    wholesale: bool,
    source: &str,
    now: Timestamp,
) -> Result<Curve, String> {
    if slots.is_empty() {
        return Err("the answer holds no slot; is the day published yet?".to_owned());
    }
    if slots.len() > MAX_SLOTS {
        return Err(format!("the answer holds more than {MAX_SLOTS} slots"));
    }

    let highest = match unit {
        CurveUnit::PerKilowattHour(_) => Decimal::from(HIGHEST),
        CurveUnit::GramsPerKilowattHour => Decimal::from(100_000),
    };
    if let Some(wild) = slots.iter().find(|slot| slot.amount.is_some_and(|amount| amount.abs() > highest)) {
        let amount = wild.amount.unwrap_or_default();
        return Err(format!("{amount} {unit} from {} on is not an amount", wild.start));
    }

    let zone = query.zone.clone().or_else(|| query.product.clone()).unwrap_or_default();
    Curve { unit, slots, zone, wholesale, source: source.to_owned(), fetched_at: now }.ordered()
}

/// `EUR/MWh` and its kin, pence per kWh among them: currency and the factor to whole units per kWh.
fn energy_unit(text: &str) -> Result<(Currency, Decimal), String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let wrong = |why: String| format!("the unit `{}` is not money per kWh or MWh{why}", quoted(text));
    let (currency, energy) = plain.split_once('/').ok_or_else(|| wrong(String::new()))?;

    let money = money(currency).map_err(|reason| wrong(format!(": {}", quoted(&reason))))?;
    let energy = match energy.to_ascii_lowercase().as_str() {
        "kwh" => Decimal::ONE,
        "mwh" => Decimal::new(1, 3),
        _ => return Err(wrong(String::new())),
    };
    Ok((money.currency, money.factor * energy))
}

fn scaled(amount: Decimal, factor: Decimal) -> Result<Decimal, String> {
    amount
        .checked_mul(factor)
        .map(|amount| amount.normalize())
        .ok_or_else(|| "an amount is out of range".to_owned())
}

/// Start and end of the query's days in a zone, as moments.
fn moments(query: &Query, zone: &TimeZone) -> Result<(Timestamp, Timestamp), FetchError> {
    let until = query.from.checked_add(i64::from(query.days).days()).map_err(|_| out_of_range())?;
    Ok((midnight(query.from, zone)?, midnight(until, zone)?))
}

fn midnight(day: Date, zone: &TimeZone) -> Result<Timestamp, FetchError> {
    let midnight = zone.to_ambiguous_zoned(day.to_datetime(Time::midnight())).compatible();
    midnight.map(|at| at.timestamp()).map_err(|_| out_of_range())
}

fn out_of_range() -> FetchError {
    FetchError::Question("the days are out of range".to_owned())
}
