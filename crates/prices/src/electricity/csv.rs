//! A table of the user's own: `start,end,price,currency,unit`.

use infercost_core::market::{CurveUnit, Slot};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::electricity::{curve, energy_unit, scaled};
use crate::fetch::quoted;
use crate::query::{Parsed, Query};
use crate::sections::tariff::time_zone;
use crate::snapshot::{Kind, Prices};
use crate::source::SourceDef;
use crate::table::{Row, Table};

/// The source: a file.
pub(crate) static SOURCE: SourceDef = SourceDef {
    name: "csv",
    kind: Kind::Curve,
    key_variable: None,
    subject: |query| query.zone.clone(),
    ask: None,
    parse,
};

/// Reads the table. Times have an offset or `Z`, or are clock times of the query's zone; an empty price is unknown, and
/// decimals may stand behind a comma.
/// The unit is `kWh` or `MWh`, or `gCO2/kWh` without a currency; a currency may be written in hundredths (`GBp`).
fn parse(text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
    let table = Table::parse(text, &["start", "end", "price", "currency", "unit"])?;
    let zone = query.time_zone.as_deref().map(time_zone).transpose().map_err(|error| error.to_string())?;

    let mut unit: Option<(CurveUnit, Decimal)> = None;
    let mut slots = Vec::new();
    for row in table.rows() {
        let wrong = |reason: String| format!("line {}: {reason}", row.line);
        let of_row = row_unit(&row).map_err(wrong)?;
        let (_, factor) = *unit.get_or_insert(of_row);
        if unit != Some(of_row) {
            return Err(wrong("another currency or unit than the lines before".to_owned()));
        }
        let amount = match row.get("price") {
            "" => None,
            text => Some(price(text).and_then(|price| scaled(price, factor)).map_err(wrong)?),
        };

        let start = moment(row.get("start"), zone.as_ref()).map_err(wrong)?;
        let end = moment(row.get("end"), zone.as_ref()).map_err(wrong)?;
        slots.push(Slot { start, end, amount });
    }

    let (unit, _) = unit.ok_or("the table holds no line")?;
    let curve = curve(unit, slots, query, false, "a table", now)?;
    Ok(Parsed::of(Prices::Curve(curve)))
}

/// A price with a point or a comma before its decimals. `1,234` could be either of two numbers, and is refused.
fn price(text: &str) -> Result<Decimal, String> {
    let shown = quoted(text);
    if let Ok(price) = text.parse() {
        return Ok(price);
    }
    let parts =
        text.split_once(',').filter(|(_, decimals)| decimals.bytes().all(|byte| byte.is_ascii_digit()));
    let (whole, decimals) = parts.ok_or_else(|| format!("`{shown}` is not a price"))?;
    if decimals.len() == 3 && whole.trim_start_matches('-') != "0" {
        return Err(format!("`{shown}` may be a thousand or decimals; write it with a point"));
    }
    format!("{whole}.{decimals}").parse().map_err(|_| format!("`{shown}` is not a price"))
}

fn row_unit(row: &Row<'_>) -> Result<(CurveUnit, Decimal), String> {
    let (currency, unit) = (row.get("currency"), row.get("unit"));
    let plain = unit.to_ascii_lowercase().replace([' ', '₂'], "");
    if currency.is_empty() && plain.starts_with('g') && plain.ends_with("/kwh") {
        return Ok((CurveUnit::GramsPerKilowattHour, Decimal::ONE));
    }
    let (currency, factor) = energy_unit(&format!("{currency}/{unit}"))?;
    Ok((CurveUnit::PerKilowattHour(currency), factor))
}

fn moment(text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let shown = quoted(text);
    let clock: DateTime =
        text.parse().map_err(|_| format!("`{shown}` is not a time: write 2026-11-23T15:00+01:00"))?;
    let zone =
        zone.ok_or_else(|| format!("`{shown}` has no offset; add one, or name the zone with --time-zone"))?;
    let moment = zone.to_ambiguous_zoned(clock).unambiguous();
    let why = "happens twice or never when clocks change; write it with its offset";
    moment.map(|moment| moment.timestamp()).map_err(|_| format!("`{shown}` {why}"))
}
