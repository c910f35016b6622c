//! A bill: parts that add up to the digit, what is left out, and what was assumed.

use std::collections::BTreeMap;

use infercost_core::Currency;
use infercost_core::price::Price;
use jiff::civil::Date;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

/// Significant digits of the largest part; smaller parts keep as many decimals.
const DIGITS: i32 = 12;

/// One part of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What is paid for: `energy`, `hardware`, `idle`, `operation`, …
    pub name: &'static str,
    /// How much, in the bill's currency.
    #[serde(with = "rust_decimal::serde::str")]
    pub amount: Decimal,
}

/// Parts and their exact sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Currency of every amount.
    pub currency: Currency,
    /// What is known.
    pub parts: Vec<Part>,
    /// The sum of the parts; `None` where nothing is known.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub total: Option<Decimal>,
    /// What is not in the total: name → why.
    pub left_out: BTreeMap<String, String>,
}

impl Bill {
    /// Rounds the parts once to a common scale and adds them. What is not finite or does not fit a decimal is
    /// left out and said.
    pub fn of(currency: Currency, parts: &[(&'static str, f64)], left_out: BTreeMap<String, String>) -> Self {
        let largest = parts.iter().map(|(_, amount)| amount.abs()).filter(|amount| amount.is_finite());
        let largest = largest.fold(0.0, f64::max);
        let magnitude = if largest > 0.0 { largest.log10().floor() } else { 0.0 };
        let scale = (DIGITS - 1 - magnitude as i32).clamp(0, 28).unsigned_abs();
        let mut bill = Self { currency, parts: Vec::new(), total: None, left_out };
        for (name, amount) in parts {
            match Decimal::from_f64_retain(*amount) {
                Some(amount) => {
                    let amount = amount
                        .round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero)
                        .normalize();
                    bill.parts.push(Part { name, amount });
                }
                None => {
                    bill.left_out.insert((*name).to_owned(), "the amount is out of range".to_owned());
                }
            }
        }
        if !bill.parts.is_empty() {
            let sum = |sum: Decimal, part: &Part| sum.checked_add(part.amount);
            bill.total = bill.parts.iter().try_fold(Decimal::ZERO, sum);
        }
        bill
    }

    /// The total as a double.
    pub fn total_f64(&self) -> Option<f64> {
        self.total?.to_f64()
    }

    /// True where everything that was asked for is in the total.
    pub fn is_whole(&self) -> bool {
        self.left_out.is_empty()
    }
}

/// What a number rests on, with its source and date where it has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// What is assumed, in words, with its value and unit.
    pub what: String,
    /// Who says so.
    pub source: String,
    /// As of when; `None` for what has no date.
    pub date: Option<Date>,
}

impl Assumption {
    /// An assumption without a date.
    pub fn new(what: impl Into<String>, source: impl Into<String>) -> Self {
        Self { what: what.into(), source: source.into(), date: None }
    }

    /// A price that was paid: it stays true, however old it is.
    pub fn of_invoice(price: &Price) -> Self {
        let dated = Self::of_price(price);
        Self { source: format!("{}, {}", dated.source, price.date), date: None, ..dated }
    }

    /// A dated price.
    pub fn of_price(price: &Price) -> Self {
        let what = format!("{} {} {}/{}", price.name, price.value, price.currency, price.unit);
        Self { what, source: price.source.clone(), date: Some(price.date) }
    }
}

/// Days after which a price is called old (method: Cost).
pub const STALE_DAYS: i32 = 90;

/// A sentence for each assumption older than 90 days on `today`.
pub fn stale(assumptions: &[Assumption], today: Date) -> Vec<String> {
    let age = |date: Date| date.until(today).map(|span| span.get_days()).unwrap_or_default();
    let old =
        assumptions.iter().filter_map(|one| Some((one, age(one.date?)))).filter(|(_, age)| *age > STALE_DAYS);
    old.map(|(one, age)| format!("{} is {age} days old ({}); fetch or check it again", one.what, one.source))
        .collect()
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
    fn parts_sum_to_the_digit() {
        let check = |parts: &[f64], wanted: &str| {
            let parts: Vec<(&'static str, f64)> = parts.iter().map(|part| ("part", *part)).collect();
            let bill = Bill::of(Currency::EUR, &parts, BTreeMap::new());
            let sum: Decimal = bill.parts.iter().map(|part| part.amount).sum();
            assert_eq!(Some(sum), bill.total);
            assert_eq!(bill.total.map(|total| total.normalize().to_string()).as_deref(), Some(wanted));
        };
        check(&[0.1, 0.2], "0.3");
        check(&[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], "0.999999999999");
        check(&[1e-9, -1e-9], "0");
        check(&[123_456_789.123_456, 1e-7], "123456789.123");
        assert_eq!(Bill::of(Currency::EUR, &[], BTreeMap::new()).total, None);
        let bill = Bill::of(Currency::EUR, &[("energy", f64::NAN), ("rent", 1.0)], BTreeMap::new());
        assert!(!bill.is_whole() && bill.total == Some(Decimal::ONE));
    }

    #[test]
    fn old_prices_are_named() {
        let on = |text: &str| text.parse::<Date>().unwrap_or_default();
        let price = |date| Assumption { what: "rent".into(), source: "a bill".into(), date };
        let check = |date: Option<&str>, wanted: usize| {
            let assumptions = [price(date.map(on))];
            assert_eq!(stale(&assumptions, on("2026-11-23")).len(), wanted, "{date:?}");
        };
        check(Some("2026-08-25"), 0);
        check(Some("2026-08-24"), 1);
        check(Some("2027-01-01"), 0);
        check(None, 0);
    }
}
