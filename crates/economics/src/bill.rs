//! What a number rests on.

use infercost_core::economics::{Assumed, invoiced};
use infercost_core::price::Price;
use infercost_core::{EconomicsFact, Findings, Severity, What};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use serde::Serialize;

pub use infercost_cost::{Bill, Part};

/// What a number rests on, with its source and date where it has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assumption {
    /// What is assumed.
    #[serde(flatten)]
    pub what: What<Assumed>,
    /// Who says so.
    pub source: String,
    /// As of when; `None` for what has no date.
    pub date: Option<Date>,
}

impl Assumption {
    /// An assumption without a date.
    pub fn new(what: Assumed, source: impl Into<String>) -> Self {
        Self { what: What(what), source: source.into(), date: None }
    }

    /// A price that was paid: it stays true, however old it is.
    pub fn of_invoice(price: &Price) -> Self {
        Self::new(Assumed::price(price), invoiced(price))
    }

    /// A dated price.
    pub fn of_price(price: &Price) -> Self {
        let what = What(Assumed::price(price));
        Self { what, source: price.source.clone(), date: Some(price.date) }
    }
}

/// Days after which a price is called old (method: Cost).
pub const STALE_DAYS: i32 = 90;

/// Each assumption older than 90 days on `today`.
pub fn stale(assumptions: &[Assumption], today: Date) -> Findings {
    let mut findings = Findings::default();
    for assumption in assumptions {
        let Some(date) = assumption.date else { continue };
        let age = date.until(today).map(|span| span.get_days()).unwrap_or_default();

        if age > STALE_DAYS {
            let (assumption, source) = (assumption.what.to_string(), assumption.source.clone());
            findings.add(Severity::Warning, EconomicsFact::AssumptionOld { assumption, days: age, source });
        }
    }
    findings
}

/// A double as money; `None` where it is not finite or does not fit.
pub fn decimal(value: f64) -> Option<Decimal> {
    Decimal::from_f64(value)
}

/// A decimal as a double; prices are at most a few digits, so nothing is lost that a cost would show.
pub fn double(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_prices_are_named() {
        let on = |text: &str| text.parse::<Date>().unwrap_or_default();
        let price = |date| Assumption { date, ..Assumption::new(Assumed::StatedCost, "a bill") };
        let check = |date: Option<&str>, wanted: usize| {
            let assumptions = [price(date.map(on))];
            assert_eq!(stale(&assumptions, on("2026-11-23")).iter().len(), wanted, "{date:?}");
        };
        check(Some("2026-08-25"), 0);
        check(Some("2026-08-24"), 1);
        check(Some("2027-01-01"), 0);
        check(None, 0);
    }
}
