//! Prices that cannot be used, and the checks that find them.

use infercost_core::money::Currency;
use infercost_core::price::Price;
use rust_decimal::Decimal;
use thiserror::Error;

use crate::amount::Amount;
use crate::day::Day;

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

pub(crate) fn within(field: &'static str, holds: bool, reason: &str) -> Result<(), PriceError> {
    if holds { Ok(()) } else { Err(PriceError::Value { field, reason: reason.to_owned() }) }
}
