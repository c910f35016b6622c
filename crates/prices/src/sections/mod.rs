//! The parts of `infercost.toml` that unit economics read: what is earned, what is asked for, what is on offer.

pub mod exchange;
pub mod load;
pub mod machine;
pub mod offer;
pub mod revenue;
pub mod source;
pub mod tariff;
pub mod token_price;

pub use exchange::ExchangeSection;
pub use load::LoadSection;
pub use machine::{MachineMatch, MachineSection, PricedMachine};
pub use offer::OfferSection;
pub use revenue::{Revenue, RevenueSection};
pub use source::SourceSection;
pub use tariff::TariffSection;
pub use token_price::TokenPriceSection;

use infercost_core::Currency;
use infercost_core::price::Price;

use crate::amount::Amount;
use crate::day::Day;
use crate::price_error::{self, PriceError};

/// As for `[prices]`, but named by its own section.
fn price(
    name: &'static str,
    unit: &str,
    currency: Currency,
    value: Amount,
    source: String,
    date: Day,
    may_be_negative: bool,
) -> Result<Price, PriceError> {
    price_error::price(name, unit, currency, value, source, date, may_be_negative).map_err(
        |error| match error {
            PriceError::Value { field, reason } => PriceError::Setting { field, reason },
            other => other,
        },
    )
}

fn within(field: &'static str, holds: bool, reason: &str) -> Result<(), PriceError> {
    if holds { Ok(()) } else { Err(PriceError::Setting { field, reason: reason.to_owned() }) }
}
