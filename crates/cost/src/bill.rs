//! A bill: parts that add up to the digit, and what is left out.

use infercost_core::{CostPart, Currency, LeftOut, Reason};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

/// Significant digits of the largest part; smaller parts keep as many decimals.
const DIGITS: i32 = 12;

/// One part of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What is paid for.
    pub name: CostPart,
    /// How much, in the bill's currency.
    #[serde(with = "rust_decimal::serde::str")]
    pub amount: Decimal,
}

/// Parts and their exact sum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// Currency of every amount.
    pub currency: Currency,
    /// What is known.
    pub parts: Vec<Part>,
    /// The sum of the parts; `None` where nothing is known.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub total: Option<Decimal>,
    /// What is not in the total, and why.
    #[serde(flatten)]
    pub left_out: LeftOut,
}

impl Bill {
    /// Rounds the parts once to a common scale and adds them. What is not finite or does not fit a decimal is
    /// left out and said.
    pub fn of(currency: Currency, parts: &[(CostPart, f64)], left_out: LeftOut) -> Self {
        let largest = parts.iter().map(|(_, amount)| amount.abs()).filter(|amount| amount.is_finite());
        let largest = largest.fold(0.0, f64::max);
        let magnitude = if largest > 0.0 { largest.log10().floor() } else { 0.0 };
        let scale = (DIGITS - 1 - magnitude as i32).clamp(0, 28).unsigned_abs();
        let mut bill = Self { currency, parts: Vec::new(), total: None, left_out };

        for (name, amount) in parts.iter().copied() {
            match Decimal::from_f64_retain(amount) {
                Some(amount) => {
                    let amount = amount
                        .round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero)
                        .normalize();
                    bill.parts.push(Part { name, amount });
                }
                None => {
                    bill.left_out.insert(name, Reason::OutOfRange);
                }
            }
        }
        if !bill.parts.is_empty() {
            bill.total = bill.exact_sum();
        }
        bill
    }

    /// The sum of the parts; `None` where it does not fit a decimal.
    fn exact_sum(&self) -> Option<Decimal> {
        let mut sum = Decimal::ZERO;
        for part in &self.parts {
            sum = sum.checked_add(part.amount)?;
        }
        Some(sum)
    }

    /// The total as a double.
    pub fn total_f64(&self) -> Option<f64> {
        self.total?.to_f64()
    }

    /// The amount of a part as a double; `None` where the bill does not hold it.
    pub fn part(&self, name: CostPart) -> Option<f64> {
        self.parts.iter().find(|part| part.name == name)?.amount.to_f64()
    }

    /// True where everything that was asked for is in the total.
    pub fn is_whole(&self) -> bool {
        self.left_out.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_to_the_digit() {
        let check = |parts: &[f64], wanted: &str| {
            let parts: Vec<(CostPart, f64)> = parts.iter().map(|part| (CostPart::Energy, *part)).collect();
            let bill = Bill::of(Currency::EUR, &parts, LeftOut::default());
            let sum: Decimal = bill.parts.iter().map(|part| part.amount).sum();
            assert_eq!(Some(sum), bill.total);
            assert_eq!(bill.total.map(|total| total.normalize().to_string()).as_deref(), Some(wanted));
        };
        check(&[0.1, 0.2], "0.3");
        check(&[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], "0.999999999999");
        check(&[1e-9, -1e-9], "0");
        check(&[123_456_789.123_456, 1e-7], "123456789.123");
        assert_eq!(Bill::of(Currency::EUR, &[], LeftOut::default()).total, None);
        let bill = Bill::of(
            Currency::EUR,
            &[(CostPart::Energy, f64::NAN), (CostPart::Rent, 1.0)],
            LeftOut::default(),
        );
        assert!(!bill.is_whole() && bill.total == Some(Decimal::ONE));
    }
}
