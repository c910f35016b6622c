//! `[[exchange]]`: exchange rates that the user gives, and a price book in another currency.

use infercost_core::Currency;
use infercost_core::hosting::{Charge, HostingOffer};
use infercost_core::market::{Curve, CurveUnit, ExchangeRate, exchange_rate};
use infercost_core::price::{HardwareCost, Price, PriceBook};
use infercost_core::price_per_million::PricePerMillion;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::day::Day;
use crate::price_error::PriceError;
use crate::sections::within;

/// One `[[exchange]]` entry: one unit of `from` is worth `rate` of `to`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeSection {
    from: Currency,
    to: Currency,
    rate: Amount,
    source: String,
    date: Day,
}

impl ExchangeSection {
    /// `EUR to USD`.
    pub fn title(&self) -> String {
        format!("{} to {}", self.from, self.to)
    }

    /// Checks the entry.
    ///
    /// # Errors
    /// [`PriceError::Setting`] for a rate that is not above 0, or an empty source.
    pub fn rate(self) -> Result<ExchangeRate, PriceError> {
        within("exchange.rate", self.rate.0 > Decimal::ZERO, "must be above 0")?;
        within("exchange.source", !self.source.trim().is_empty(), "say where the rate comes from")?;
        let Self { from, to, rate, source, date } = self;
        Ok(ExchangeRate { from, to, rate: rate.0, source, date: date.0 })
    }
}

/// The rate, or an error that says how to give it.
///
/// # Errors
/// [`PriceError::NoRate`] where none is known.
pub fn rate_between(rates: &[ExchangeRate], from: Currency, to: Currency) -> Result<Decimal, PriceError> {
    exchange_rate(rates, from, to).ok_or(PriceError::NoRate { from, to })
}

/// An amount in the other currency, to twelve significant digits: a rate has far fewer.
fn converted(amount: Decimal, rate: Decimal) -> Option<Decimal> {
    let amount = amount.checked_mul(rate)?;
    Some(amount.round_sf(12).unwrap_or(amount).normalize())
}

/// The book with every price in `to`; each source then names the rate that was used.
///
/// # Errors
/// [`PriceError::NoRate`] where no rate leads there.
pub fn convert_book(book: &PriceBook, to: Currency, rates: &[ExchangeRate]) -> Result<PriceBook, PriceError> {
    let hardware = match &book.hardware {
        None => None,
        Some(HardwareCost::Owned { purchase, salvage_share, life_years }) => Some(HardwareCost::Owned {
            purchase: convert_price(purchase, to, rates)?,
            salvage_share: *salvage_share,
            life_years: *life_years,
        }),
        Some(HardwareCost::Rented { rate, includes_electricity }) => Some(HardwareCost::Rented {
            rate: convert_price(rate, to, rates)?,
            includes_electricity: *includes_electricity,
        }),
    };

    let [electricity, operation] = [&book.electricity, &book.operation]
        .map(|price| price.as_ref().map(|price| convert_price(price, to, rates)).transpose());
    Ok(PriceBook { currency: to, electricity: electricity?, hardware, operation: operation?, ..book.clone() })
}

/// One price in another currency.
///
/// # Errors
/// [`PriceError::NoRate`] where no rate leads there.
pub fn convert_price(price: &Price, to: Currency, rates: &[ExchangeRate]) -> Result<Price, PriceError> {
    if price.currency == to {
        return Ok(price.clone());
    }
    let rate = rate_between(rates, price.currency, to)?;
    let value = converted(price.value, rate).ok_or(PriceError::NoRate { from: price.currency, to })?;
    let used = rates.iter().find(|one| one.from == price.currency || one.to == price.currency);
    let by = used.map_or_else(String::new, |one| format!("; {}, {}", one.source, one.date));
    let source = format!(
        "{} ({} {} at {} {to}{by})",
        price.source,
        price.value,
        price.currency,
        rate.round_dp(6).normalize()
    );
    Ok(Price { value, currency: to, source, ..price.clone() })
}

/// A price of tokens in another currency.
///
/// # Errors
/// [`PriceError::NoRate`] where no rate leads there.
pub fn convert_token_price(
    price: &PricePerMillion,
    to: Currency,
    rates: &[ExchangeRate],
) -> Result<PricePerMillion, PriceError> {
    let from = price.currency;
    if from == to {
        return Ok(price.clone());
    }
    let rate = rate_between(rates, from, to)?;
    let times = |amount: Decimal| converted(amount, rate).ok_or(PriceError::NoRate { from, to });

    let used = rates.iter().find(|one| one.from == from || one.to == from);
    let by = used.map_or_else(String::new, |one| format!("; {}, {}", one.source, one.date));
    Ok(PricePerMillion {
        input_per_million: times(price.input_per_million)?,
        output_per_million: times(price.output_per_million)?,
        cached_input_per_million: price.cached_input_per_million.map(times).transpose()?,
        cache_write_per_million: price.cache_write_per_million.map(times).transpose()?,
        currency: to,
        source: format!("{} (in {from}, at {} {to}{by})", price.source, rate.round_dp(6).normalize()),
        ..price.clone()
    })
}

/// An offer in another currency.
///
/// # Errors
/// [`PriceError::NoRate`] where no rate leads there.
pub fn convert_offer(
    offer: &HostingOffer,
    to: Currency,
    rates: &[ExchangeRate],
) -> Result<HostingOffer, PriceError> {
    let from = offer.price.currency;
    let rate = rate_between(rates, from, to)?;
    let times = |amount: Decimal| converted(amount, rate).ok_or(PriceError::NoRate { from, to });
    let mut charge = offer.charge.clone();
    match &mut charge {
        Charge::Rent { other_per_month, .. } => *other_per_month = times(*other_per_month)?,
        Charge::Spot { on_demand_per_hour, .. } => {
            *on_demand_per_hour = on_demand_per_hour.map(times).transpose()?
        }
        Charge::Serverless { .. } => {}
        Charge::Api { input, output } => (*input, *output) = (times(*input)?, times(*output)?),
    }
    Ok(HostingOffer { charge, price: convert_price(&offer.price, to, rates)?, ..offer.clone() })
}

/// A curve of prices in another currency; one of carbon stays as it is.
///
/// # Errors
/// [`PriceError::NoRate`] where no rate leads there.
pub fn convert_curve(curve: &Curve, to: Currency, rates: &[ExchangeRate]) -> Result<Curve, PriceError> {
    let CurveUnit::PerKilowattHour(from) = curve.unit else { return Ok(curve.clone()) };
    let rate = rate_between(rates, from, to)?;
    let mut result = Curve { unit: CurveUnit::PerKilowattHour(to), ..curve.clone() };
    for slot in &mut result.slots {
        if let Some(amount) = slot.amount {
            slot.amount = Some(converted(amount, rate).ok_or(PriceError::NoRate { from, to })?);
        }
    }
    if from != to {
        result.source = format!("{} (at {} {to} for one {from})", curve.source, rate.round_dp(6).normalize());
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_converted_and_says_so() -> Result<(), Box<dyn std::error::Error>> {
        let section: ExchangeSection =
            toml::from_str("from = 'USD'\nto = 'EUR'\nrate = 0.8\nsource = 'a bank'\ndate = 2026-11-20")?;
        let rates = [section.rate()?];
        let book = convert_book(&crate::example()?, Currency::EUR, &rates)?;
        assert!(
            book.prices()
                .all(|price| price.currency == Currency::EUR && price.source.contains("a bank, 2026-11-20"))
        );
        assert_eq!(
            book.electricity.map(|price| price.value.normalize().to_string()).as_deref(),
            Some("0.16")
        );
        let error = convert_book(&crate::example()?, "GBP".parse()?, &rates).err();
        assert!(error.is_some_and(|error| error.to_string().contains("USD to GBP")));
        Ok(())
    }
}
