//! `[revenue]`: what an inference earns, and what it may cost.

use infercost_core::Currency;
use infercost_core::price::Price;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::amount::Amount;
use crate::day::Day;
use crate::price_error::PriceError;
use crate::section::OWN_WORD;
use crate::sections::{price, within};

/// `[revenue]` as a user writes it. Give one of `per_inference`, `per_session` and `per_user`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevenueSection {
    currency: Option<Currency>,
    per_inference: Option<Amount>,
    per_session: Option<Amount>,
    per_user: Option<Amount>,
    inferences_per_session: Option<f64>,
    inferences_per_user: Option<f64>,
    source: Option<String>,
    date: Option<Day>,
    loss_zone: Option<f64>,
    max_cost: Option<Amount>,
}

/// What the section says, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Revenue {
    /// Revenue of one inference; `None` where none is given.
    pub per_inference: Option<Price>,
    /// Inferences of one user session.
    pub inferences_per_session: Option<f64>,
    /// Inferences of one user, over the time for which `per_user` is paid.
    pub inferences_per_user: Option<f64>,
    /// Share of revenue from which cost is in the loss zone.
    pub loss_zone: Option<f64>,
    /// Highest cost of one inference.
    pub max_cost: Option<Price>,
}

impl RevenueSection {
    /// Checks the section and turns what is earned into revenue per inference. `currency` is what amounts are in
    /// where the section does not say. Amounts without `source` and `date` are the user's own word, as of `today`.
    ///
    /// # Errors
    /// [`PriceError::Setting`] for what is out of range, missing or given twice.
    pub fn checked(self, currency: Currency, today: Date) -> Result<Revenue, PriceError> {
        let counts = [self.inferences_per_session, self.inferences_per_user];
        let sound = counts.iter().flatten().all(|count| *count > 0.0 && count.is_finite());
        within("revenue.inferences_per_session", sound, "counts of inferences must be above 0")?;
        let share = self.loss_zone.is_none_or(|share| share > 0.0 && share <= 1.0);
        within("revenue.loss_zone", share, "is a share of revenue, at most 1: write 0.15 for 15 %")?;
        let limit = self.max_cost.is_none_or(|limit| limit.0 > Decimal::ZERO);
        within("revenue.max_cost", limit, "must be above 0")?;

        let currency = self.currency.unwrap_or(currency);
        let (source, date) = match (self.source, self.date) {
            (None, None) => (OWN_WORD.to_owned(), Day(today)),
            (Some(source), Some(date)) => (source, date),
            _ => return Err(half_dated()),
        };
        let limit = self.max_cost;
        let max_cost = limit
            .map(|limit| price("highest cost", "inference", currency, limit, source.clone(), date, false));
        let max_cost = max_cost.transpose()?;

        let session = each(self.per_session, self.inferences_per_session, "revenue.per_session")?;
        let user = each(self.per_user, self.inferences_per_user, "revenue.per_user")?;
        let given: Vec<Decimal> =
            [self.per_inference.map(|amount| amount.0), session, user].into_iter().flatten().collect();
        let per_inference = match given.as_slice() {
            [] => None,
            [one] => Some(price("revenue", "inference", currency, Amount(*one), source, date, false)?),
            _ => {
                return Err(PriceError::Setting {
                    field: "revenue",
                    reason: "give one of per_inference, per_session and per_user".into(),
                });
            }
        };

        Ok(Revenue {
            per_inference,
            inferences_per_session: self.inferences_per_session,
            inferences_per_user: self.inferences_per_user,
            loss_zone: self.loss_zone,
            max_cost,
        })
    }
}

/// A source of no day, or a day of no source, is a slip.
fn half_dated() -> PriceError {
    PriceError::Setting {
        field: "revenue",
        reason:
            "give both `source` and `date`, whose figure it is and as of when, or neither: it is yours then"
                .into(),
    }
}

/// An amount for several inferences, for one of them.
fn each(
    amount: Option<Amount>,
    count: Option<f64>,
    key: &'static str,
) -> Result<Option<Decimal>, PriceError> {
    match (amount, count) {
        (None, _) => Ok(None),
        (Some(Amount(amount)), Some(count)) => {
            Ok(Decimal::try_from(count).ok().and_then(|count| amount.checked_div(count)))
        }
        (Some(_), None) => Err(PriceError::Setting {
            field: key,
            reason: "needs the number of inferences with it (inferences_per_session, inferences_per_user)"
                .into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Revenue, String> {
        let section: RevenueSection = toml::from_str(text).map_err(|error| error.to_string())?;
        let today = Date::constant(2026, 11, 1);
        section.checked(Currency::EUR, today).map_err(|error| error.to_string())
    }

    #[test]
    fn revenue_of_an_inference() {
        let check = |text: &str, wanted: Result<&str, &str>| {
            let found = parse(&format!("source = 'x'\ndate = 2026-01-01\n{text}"));
            match (found, wanted) {
                (Ok(found), Ok(wanted)) => {
                    let value = found.per_inference.map(|price| price.value.normalize().to_string());
                    assert_eq!(value.as_deref(), Some(wanted), "{text}");
                }
                (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error} lacks {wanted}"),
                (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
            }
        };
        check("per_inference = 0.002", Ok("0.002"));
        check("per_session = 0.6\ninferences_per_session = 12", Ok("0.05"));
        check("per_user = 30\ninferences_per_user = 600", Ok("0.05"));
        check("per_session = 0.6", Err("number of inferences"));
        check("per_inference = 1\nper_session = 1\ninferences_per_session = 1", Err("give one of"));
        check("per_inference = -1", Err("negative"));
        check("loss_zone = 0", Err("loss_zone"));
        check("loss_zone = 15", Err("write 0.15 for 15 %"));
        check("per_token = 1", Err("per_token"));
        let own = parse("per_inference = 1\nmax_cost = 0.5");
        let (price, limit) = own.map(|own| (own.per_inference, own.max_cost)).unwrap_or_default();
        assert!(limit.is_some(), "an amount alone is the user's word");
        let price = price.map(|price| (price.source, price.date.to_string()));
        assert_eq!(price, Some(("given by you".to_owned(), "2026-11-01".to_owned())));
        assert!(parse("per_inference = 1\nsource = 'x'").is_err_and(|error| error.contains("both")));
    }
}
