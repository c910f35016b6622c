//! The `[prices]` section of `infercost.toml`.

use infercost_core::money::Currency;
use infercost_core::price::{HardwareCost, Price, PriceBook};
use rust_decimal::Decimal;
use serde::Deserialize;
use thiserror::Error;

use crate::amount::Amount;
use crate::day::Day;

const EXAMPLE: &str = include_str!("example.toml");

/// `[prices]` as a user writes it; [`PriceSection::book`] checks it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSection {
    name: Option<String>,
    currency: Currency,
    electricity: Option<PerKilowattHour>,
    hardware: Option<Hardware>,
    operation: Option<PerHour>,
    #[serde(alias = "utilisation")]
    utilization: Option<f64>,
    pue: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PerKilowattHour {
    per_kwh: Amount,
    source: String,
    date: Day,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PerHour {
    per_hour: Amount,
    source: String,
    date: Day,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
enum Hardware {
    Owned {
        purchase: Amount,
        #[serde(default)]
        salvage_share: f64,
        life_years: f64,
        source: String,
        date: Day,
    },
    Rented {
        per_hour: Amount,
        #[serde(default = "yes")]
        includes_electricity: bool,
        source: String,
        date: Day,
    },
}

fn yes() -> bool {
    true
}

/// A price that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PriceError {
    /// A value is out of its range.
    #[error("prices.{field}: {reason}")]
    Value {
        /// The key below `[prices]`.
        field: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A value of another section is out of its range.
    #[error("{field}: {reason}")]
    Setting {
        /// The key, with its section.
        field: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// No exchange rate leads from one currency to the other.
    #[error(
        "no exchange rate from {from} to {to} is known; give [[exchange]] in infercost.toml, or fetch some with `infercost prices fetch ecb`"
    )]
    NoRate {
        /// What an amount is in.
        from: Currency,
        /// What it was to be in.
        to: Currency,
    },
    /// The shipped example cannot be read; a defect of this build.
    #[error("the shipped example prices are broken: {0}")]
    Example(String),
}

impl PriceSection {
    /// Checks the section and turns it into a price book.
    ///
    /// # Errors
    /// [`PriceError::Value`] for an amount below zero, a share outside its range, or an empty source.
    pub fn book(self) -> Result<PriceBook, PriceError> {
        let currency = self.currency;
        let electricity = self
            .electricity
            .map(|given| price("electricity", "kWh", currency, given.per_kwh, given.source, given.date, true))
            .transpose()?;
        let hardware = self.hardware.map(|given| hardware(given, currency)).transpose()?;
        let operation = self
            .operation
            .map(|given| {
                price("operation", "hour", currency, given.per_hour, given.source, given.date, false)
            })
            .transpose()?;
        let utilization = self.utilization.unwrap_or(1.0);
        within("utilization", utilization > 0.0 && utilization <= 1.0, "must be above 0 and at most 1")?;
        let pue = self.pue.unwrap_or(1.0);
        within("pue", (1.0..=10.0).contains(&pue), "is facility energy ÷ IT energy: 1 to 10")?;
        let name = self.name.unwrap_or_else(|| "infercost.toml".to_owned());
        Ok(PriceBook { name, assumed: false, currency, electricity, hardware, operation, utilization, pue })
    }
}

/// The shipped example profile. Every report that uses it names it as an assumption.
///
/// # Errors
/// [`PriceError::Example`], which a test of this crate rules out.
pub fn example() -> Result<PriceBook, PriceError> {
    let section: PriceSection =
        toml::from_str(EXAMPLE).map_err(|error| PriceError::Example(error.to_string()))?;
    Ok(PriceBook { assumed: true, ..section.book()? })
}

fn hardware(given: Hardware, currency: Currency) -> Result<HardwareCost, PriceError> {
    match given {
        Hardware::Owned { purchase, salvage_share, life_years, source, date } => {
            within("hardware.salvage_share", (0.0..=1.0).contains(&salvage_share), "must be 0 to 1")?;
            within(
                "hardware.life_years",
                life_years > 0.0 && life_years <= 50.0,
                "must be above 0, at most 50",
            )?;
            let purchase = price("hardware", "machine", currency, purchase, source, date, false)?;
            Ok(HardwareCost::Owned { purchase, salvage_share, life_years })
        }
        Hardware::Rented { per_hour, includes_electricity, source, date } => {
            let rate = price("hardware", "hour", currency, per_hour, source, date, false)?;
            Ok(HardwareCost::Rented { rate, includes_electricity })
        }
    }
}

/// `may_be_negative`: electricity exchanges do pay for consumption at times.
pub(crate) fn price(
    name: &'static str,
    unit: &str,
    currency: Currency,
    Amount(value): Amount,
    source: String,
    Day(date): Day,
    may_be_negative: bool,
) -> Result<Price, PriceError> {
    within(name, may_be_negative || value >= Decimal::ZERO, "must not be negative")?;
    within(name, !source.trim().is_empty(), "`source` is empty: say where the price comes from")?;
    Ok(Price { name: name.to_owned(), value, currency, unit: unit.to_owned(), source, date })
}

fn within(field: &'static str, holds: bool, reason: &str) -> Result<(), PriceError> {
    if holds { Ok(()) } else { Err(PriceError::Value { field, reason: reason.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_whole_and_called_an_assumption() -> Result<(), PriceError> {
        let book = example()?;
        assert!(book.assumed && book.electricity.is_some() && book.hardware.is_some());
        assert!(book.prices().all(|price| price.source.contains("assum")));
        Ok(())
    }

    fn check(text: &str, wanted: &str) {
        let error = match toml::from_str::<PriceSection>(text) {
            Ok(section) => section.book().err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        assert!(error.as_deref().is_some_and(|error| error.contains(wanted)), "{error:?} lacks {wanted}");
    }

    #[test]
    fn broken_sections() {
        check("currency = 'usd'", "three capital letters");
        check("currency = 'USD'\nutilization = 0", "prices.utilization");
        check("currency = 'USD'\npue = 0.9", "prices.pue");
        check("currency = 'USD'\n[operation]\nper_hour = -1\nsource = 'x'\ndate = 2026-01-01", "negative");
        check("currency = 'USD'\n[operation]\nper_hour = 1\nsource = ' '\ndate = 2026-01-01", "source");
        check("currency = 'USD'\n[operation]\nper_hour = 1\nsource = 'x'", "date");
        check(
            "currency = 'USD'\n[operation]\nper_hour = 'much'\nsource = 'x'\ndate = 2026-01-01",
            "not an amount",
        );
        check("currency = 'USD'\nprize = 1", "prize");
    }

    #[test]
    fn amounts_are_decimal() -> Result<(), Box<dyn std::error::Error>> {
        let written = "currency = 'EUR'\n[electricity]\nper_kwh = 0.1\nsource = 'bill'\ndate = 2026-01-01";
        let book = toml::from_str::<PriceSection>(written)?.book()?;
        assert_eq!(book.electricity.map(|price| price.value), Some(Decimal::new(1, 1)));
        Ok(())
    }
}
