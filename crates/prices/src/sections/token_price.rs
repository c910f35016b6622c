//! `[[token_prices]]`: what hosted models cost by the token, as a user writes it down.

use infercost_core::Currency;
use infercost_core::price_per_million::PricePerMillion;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::day::Day;
use crate::price_error::PriceError;
use crate::sections::within;

/// One `[[token_prices]]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPriceSection {
    model: String,
    input_per_million: Amount,
    output_per_million: Amount,
    cached_input_per_million: Option<Amount>,
    cache_write_per_million: Option<Amount>,
    currency: Currency,
    source: String,
    date: Day,
}

impl TokenPriceSection {
    /// Checks the entry.
    ///
    /// # Errors
    /// [`PriceError::Setting`] for an amount below 0, and for an empty model or source.
    pub fn checked(self) -> Result<PricePerMillion, PriceError> {
        within("token_prices.model", !self.model.trim().is_empty(), "say which model it is of")?;
        within("token_prices.source", !self.source.trim().is_empty(), "say where the price comes from")?;
        for (field, amount) in [
            ("token_prices.input_per_million", Some(self.input_per_million)),
            ("token_prices.output_per_million", Some(self.output_per_million)),
            ("token_prices.cached_input_per_million", self.cached_input_per_million),
            ("token_prices.cache_write_per_million", self.cache_write_per_million),
        ] {
            let is_sound = amount.is_none_or(|amount| amount.0 >= Decimal::ZERO);
            within(field, is_sound, "must not be negative")?;
        }

        Ok(PricePerMillion {
            model: self.model,
            input_per_million: self.input_per_million.0,
            output_per_million: self.output_per_million.0,
            cached_input_per_million: self.cached_input_per_million.map(|amount| amount.0),
            cache_write_per_million: self.cache_write_per_million.map(|amount| amount.0),
            currency: self.currency,
            source: self.source,
            date: self.date.0,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    fn checked(amounts: &str, date: &str) -> Result<PricePerMillion, String> {
        let text = format!("model = 'm*'\n{amounts}\ncurrency = 'USD'\nsource = 'a list'\ndate = {date}\n");
        let section: TokenPriceSection = toml::from_str(&text).map_err(|error| error.to_string())?;
        section.checked().map_err(|error| error.to_string())
    }

    /// Amounts are numbers or texts and days are days or texts, as in every other section.
    #[test]
    fn every_way_to_write_a_price_is_read() {
        let texts = checked("input_per_million = '2.50'\noutput_per_million = '10'", "'2026-11-01'").unwrap();
        let numbers = checked("input_per_million = 2.5\noutput_per_million = 10", "2026-11-01").unwrap();
        assert_eq!(texts, numbers);
        assert_eq!(texts.cached_input_per_million, None);
    }

    #[test]
    fn no_token_is_paid_to_be_used() {
        for key in ["input", "output", "cached_input", "cache_write"] {
            let mut amounts = String::new();
            for each in ["input", "output", "cached_input", "cache_write"] {
                let amount = if each == key { -0.01 } else { 1.0 };
                amounts.push_str(&format!("{each}_per_million = {amount}\n"));
            }
            let refusal = checked(&amounts, "2026-11-01").unwrap_err();
            assert_eq!(refusal, format!("token_prices.{key}_per_million: must not be negative"));
        }
    }
}
