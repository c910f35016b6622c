//! The `[prices]` section of `infercost.toml`.

use infercost_core::money::Currency;
use infercost_core::price::{HardwareCost, Price, PriceBook, UtilizationBasis};
use jiff::civil::Date;
use serde::Deserialize;

use crate::amount::Amount;
use crate::day::Day;
use crate::price_error::{PriceError, price, within};
use crate::sections::LoadSection;
use crate::written::Written;

const EXAMPLE: &str = include_str!("example.toml");
/// Whose word an amount is that stands alone.
pub(crate) const OWN_WORD: &str = "given by you";
/// The share of hours in which a machine works where nobody says it: that of the shipped example. Every answer that
/// rests on it says so.
pub const ASSUMED_UTILIZATION: f64 = 0.3;
/// Facility energy ÷ IT energy where nobody says it: no energy but the machine's own. Every answer says that it is assumed.
const ASSUMED_PUE: f64 = 1.0;

/// `[prices]` as a user writes it; [`PriceSection::book`] checks it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSection {
    name: Option<String>,
    currency: Currency,
    electricity: Option<Written<PerKilowattHour>>,
    hardware: Option<Hardware>,
    operation: Option<Written<PerHour>>,
    #[serde(alias = "utilisation")]
    utilization: Option<f64>,
    pue: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerKilowattHour {
    per_kwh: Amount,
    source: String,
    date: Day,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerHour {
    per_hour: Amount,
    source: String,
    date: Day,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub(crate) enum Hardware {
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

/// What a `[[machines]]` entry says of prices.
pub(crate) struct MachinePriceParts {
    pub(crate) electricity: Option<Written<PerKilowattHour>>,
    pub(crate) hardware: Option<Hardware>,
    pub(crate) operation: Option<Written<PerHour>>,
    pub(crate) utilization: Option<f64>,
    pub(crate) pue: Option<f64>,
}

impl PriceSection {
    /// What its amounts are in.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The section of a machine of its own: what `own` does not give but for hardware is that of `shared`, whose amounts
    /// are in the same currency.
    pub(crate) fn of_machine(
        name: &str,
        currency: Currency,
        own: MachinePriceParts,
        shared: Option<&Self>,
    ) -> Self {
        Self {
            name: Some(name.to_owned()),
            currency,
            electricity: own.electricity.or_else(|| shared?.electricity.clone()),
            hardware: own.hardware,
            operation: own.operation.or_else(|| shared?.operation.clone()),
            utilization: own.utilization.or_else(|| shared?.utilization),
            pue: own.pue.or_else(|| shared?.pue),
        }
    }

    /// Checks the section and turns it into a price book. Amounts that stand alone are the user's own word, as of
    /// `today`.
    ///
    /// Utilization follows from `load`, where that states both requests and capacity, whatever the section states; else it
    /// is what the section states, else [`ASSUMED_UTILIZATION`], and the book says that it is assumed.
    ///
    /// # Errors
    /// [`PriceError::Value`] for an amount below zero, a share outside its range, or an empty source.
    pub fn book(self, load: Option<&LoadSection>, today: Date) -> Result<PriceBook, PriceError> {
        let currency = self.currency;
        let electricity =
            self.electricity.map(|written| electricity(written, currency, today)).transpose()?;
        let hardware = self.hardware.map(|given| hardware(given, currency)).transpose()?;
        let operation = self.operation.map(|written| operation(written, currency, today)).transpose()?;

        let (utilization, utilization_basis) = match self.utilization {
            Some(given) => (given, UtilizationBasis::Given),
            None => (ASSUMED_UTILIZATION, UtilizationBasis::Assumed),
        };
        let is_share = utilization > 0.0 && utilization <= 1.0;
        within("utilization", is_share, "is a share above 0 and at most 1; write 0.3 for 30 %")?;

        let pue = self.pue.unwrap_or(ASSUMED_PUE);
        within("pue", (1.0..=10.0).contains(&pue), "is facility energy ÷ IT energy: 1 to 10")?;

        let name = self.name.unwrap_or_else(|| "infercost.toml".to_owned());
        let book = PriceBook {
            name,
            assumed: false,
            currency,
            electricity,
            hardware,
            operation,
            utilization,
            utilization_basis,
            utilization_stated: None,
            pue,
            pue_assumed: self.pue.is_none(),
        };
        Ok(match load.and_then(LoadSection::utilization) {
            Some(follows) => book.at_load(follows),
            None => book,
        })
    }
}

/// Electricity exchanges do pay for consumption at times, so this one may be negative.
fn electricity(
    written: Written<PerKilowattHour>,
    currency: Currency,
    today: Date,
) -> Result<Price, PriceError> {
    let given = match written {
        Written::Full(given) => given,
        Written::Amount(per_kwh) => {
            PerKilowattHour { per_kwh, source: OWN_WORD.to_owned(), date: Day(today) }
        }
    };
    price("electricity", "kWh", currency, given.per_kwh, given.source, given.date, true)
}

fn operation(written: Written<PerHour>, currency: Currency, today: Date) -> Result<Price, PriceError> {
    let given = match written {
        Written::Full(given) => given,
        Written::Amount(per_hour) => PerHour { per_hour, source: OWN_WORD.to_owned(), date: Day(today) },
    };
    price("operation", "hour", currency, given.per_hour, given.source, given.date, false)
}

/// The shipped example profile. Every report that uses it names it as an assumption.
///
/// # Errors
/// [`PriceError::Example`], which a test of this crate rules out.
pub fn example() -> Result<PriceBook, PriceError> {
    let section: PriceSection =
        toml::from_str(EXAMPLE).map_err(|error| PriceError::Example(error.to_string()))?;
    Ok(PriceBook { assumed: true, ..section.book(None, Date::default())? })
}

fn hardware(given: Hardware, currency: Currency) -> Result<HardwareCost, PriceError> {
    match given {
        Hardware::Owned { purchase, salvage_share, life_years, source, date } => {
            within(
                "hardware.salvage_share",
                (0.0..=1.0).contains(&salvage_share),
                "must be 0 to 1; write 0.1 for 10 %",
            )?;
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

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

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
            Ok(section) => section.book(None, Date::default()).err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        assert!(error.as_deref().is_some_and(|error| error.contains(wanted)), "{error:?} lacks {wanted}");
    }

    #[test]
    fn broken_sections() {
        check("currency = 'usd'", "three capital letters");
        check("currency = 'USD'\nutilization = 0", "prices.utilization");
        check("currency = 'USD'\nutilization = 30", "write 0.3 for 30 %");
        check("currency = 'USD'\nelectricity = 'cheap'", "not an amount");
        check("currency = 'USD'\nelectricity = true", "an amount, such as 0.31, or a table");
        check("currency = 'USD'\nelectricity = { per_kwh = 0.3 }", "source");
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
    fn an_amount_alone_is_the_users_word_of_today() -> Result<(), Box<dyn std::error::Error>> {
        let today: Date = "2026-11-29".parse()?;
        let section: PriceSection = toml::from_str("currency = 'EUR'\nelectricity = 0.31\noperation = 2")?;
        let book = section.book(None, today)?;
        for (price, value, unit) in [(book.electricity, "0.31", "kWh"), (book.operation, "2", "hour")] {
            let price = price.ok_or("no price")?;
            assert_eq!((price.value.to_string().as_str(), price.unit.as_str()), (value, unit));
            assert_eq!((price.source.as_str(), price.date), ("given by you", today));
        }
        Ok(())
    }

    /// Never silently 100 %: a machine is idle for most of its hours unless somebody says otherwise. Where a load says how
    /// it is used, that counts, as it does for every way to host.
    #[test]
    fn utilization_is_given_or_follows_or_is_assumed() -> Result<(), Box<dyn std::error::Error>> {
        use UtilizationBasis::{Assumed, Given, Load};
        for (prices, load, share, basis) in [
            ("utilization = 0.35", "requests_per_hour = 100", 0.35, Given),
            ("utilization = 0.35", "requests_per_hour = 100\ncapacity_per_hour = 1000", 0.1, Load),
            ("", "requests_per_hour = 100\ncapacity_per_hour = 1000", 0.1, Load),
            ("", "requests_per_hour = 600\ncapacity_per_hour = 1000\nhours_per_day = 12", 0.3, Load),
            // three machines for 1,800 requests an hour, planned to 70 %
            ("", "requests_per_hour = 1800\ncapacity_per_hour = 1000", 0.6, Load),
            ("", "requests_per_hour = 100", 0.3, Assumed),
            ("", "", 0.3, Assumed),
        ] {
            let section: PriceSection = toml::from_str(&format!("currency = 'EUR'\n{prices}"))?;
            let load: LoadSection = toml::from_str(load)?;
            let book = section.book(Some(&load), Date::default())?;
            assert!((book.utilization - share).abs() < 1e-12, "{prices} {load:?}: {}", book.utilization);
            assert_eq!(book.utilization_basis, basis, "{prices} {load:?}");
        }
        Ok(())
    }

    #[test]
    fn a_pue_that_nobody_gives_is_assumed() -> Result<(), Box<dyn std::error::Error>> {
        for (written, pue, assumed) in [("", 1.0, true), ("pue = 1.0", 1.0, false), ("pue = 1.4", 1.4, false)]
        {
            let section: PriceSection = toml::from_str(&format!("currency = 'EUR'\n{written}"))?;
            let book = section.book(None, Date::default())?;
            assert_eq!((book.pue, book.pue_assumed), (pue, assumed), "{written}");
        }
        Ok(())
    }

    /// 36 of 100 is within a tenth of 35, and 40 is not.
    #[test]
    fn a_utilization_that_the_load_contradicts_is_kept() -> Result<(), Box<dyn std::error::Error>> {
        for (requests, contradicted) in [(36, None), (40, Some(0.35)), (20, Some(0.35))] {
            let section: PriceSection = toml::from_str("currency = 'EUR'\nutilization = 0.35")?;
            let load: LoadSection =
                toml::from_str(&format!("requests_per_hour = {requests}\ncapacity_per_hour = 100"))?;
            let book = section.book(Some(&load), Date::default())?;
            assert_eq!(book.contradicted_utilization(), contradicted, "{requests}");
        }

        // what nobody stated contradicts nothing
        let example = example()?.at_load(0.9);
        assert_eq!((example.utilization, example.contradicted_utilization()), (0.9, None));
        Ok(())
    }

    #[test]
    fn an_invoice_does_not_age() -> Result<(), PriceError> {
        let book = example()?;
        let names: Vec<&str> = book.prices_that_age().map(|price| price.name.as_str()).collect();
        assert_eq!(names, ["electricity"]);
        Ok(())
    }

    #[test]
    fn amounts_are_decimal() -> Result<(), Box<dyn std::error::Error>> {
        let written = "currency = 'EUR'\n[electricity]\nper_kwh = 0.1\nsource = 'bill'\ndate = 2026-01-01";
        let book = toml::from_str::<PriceSection>(written)?.book(None, Date::default())?;
        assert_eq!(book.electricity.map(|price| price.value), Some(Decimal::new(1, 1)));
        Ok(())
    }
}
