//! The shipped table of offers that stands in where a user has given none.

use infercost_core::hosting::HostingOffer;
use serde::Deserialize;

use crate::day::Day;
use crate::price_error::PriceError;
use crate::sections::OfferSection;

const TABLE: &str = include_str!("example_offers.toml");

/// The table: offers without source and date, which they share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    date: Day,
    source: String,
    offers: Vec<toml::Table>,
}

/// Offers of every kind, each named as an assumption.
///
/// # Errors
/// [`PriceError::Example`], which a test of this crate rules out.
pub fn example_offers() -> Result<Vec<HostingOffer>, PriceError> {
    let Table { date: Day(date), source, offers } = toml::from_str(TABLE).map_err(broken)?;
    offers
        .into_iter()
        .map(|mut entry| {
            entry.insert("date".to_owned(), toml::Value::String(date.to_string()));
            entry.insert("source".to_owned(), toml::Value::String(source.clone()));
            entry.try_into::<OfferSection>().map_err(broken)?.checked()
        })
        .collect()
}

fn broken(error: toml::de::Error) -> PriceError {
    PriceError::Example(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use infercost_core::hosting::Charge;

    #[test]
    fn every_kind_is_there_and_every_line_says_that_it_is_assumed() -> Result<(), PriceError> {
        let offers = example_offers()?;
        for offer in &offers {
            assert!(offer.name.starts_with("assumed: ") && offer.price.source.starts_with("assumed: "));
            assert!(offer.open.is_empty() && offer.price.date.to_string() == "2026-11-01", "{offer:?}");
        }
        assert!(offers.iter().any(|offer| matches!(offer.charge, Charge::Rent { .. })));
        assert!(offers.iter().any(|offer| matches!(offer.charge, Charge::Spot { .. })));
        assert!(offers.iter().any(|offer| matches!(offer.charge, Charge::Serverless { .. })));
        assert!(offers.iter().any(|offer| matches!(offer.charge, Charge::Api { .. })));
        Ok(())
    }
}
