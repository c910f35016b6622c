//! Amounts in the tables: decimals of one scale, and shares of a total that add up to it.

use rust_decimal::{Decimal, RoundingStrategy};

use super::error::TablesError;

/// Decimal places: a trillionth of the currency, so that a price of up to six places per million tokens is exact.
pub const SCALE: u32 = 12;
/// Digits in all: the most that fit eight bytes a cell.
pub const PRECISION: u8 = 18;
/// Digits of sums.
pub const TOTAL_PRECISION: u8 = 38;
/// No amount in a row reaches this.
const LIMIT: i128 = 1_000_000_000_000_000_000;

/// An amount in units of 10⁻¹², rounded half away from zero.
///
/// # Errors
/// Where it does not fit.
pub fn units(amount: Decimal) -> Result<i128, TablesError> {
    let units = total_units(amount)?;
    if units.abs() >= LIMIT { Err(TablesError::Amount { amount: amount.to_string() }) } else { Ok(units) }
}

/// The same of a sum over many rows.
///
/// # Errors
/// Where it does not fit.
pub fn total_units(amount: Decimal) -> Result<i128, TablesError> {
    let rounded = amount.round_dp_with_strategy(SCALE, RoundingStrategy::MidpointAwayFromZero);
    let missing = SCALE.saturating_sub(rounded.scale());
    let units = 10_i128.checked_pow(missing).and_then(|factor| rounded.mantissa().checked_mul(factor));
    units.ok_or_else(|| TablesError::Amount { amount: amount.to_string() })
}

/// The amount of so many units; `None` where it has more digits than a decimal holds.
pub fn of_units(units: i128) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(units, SCALE).ok()
}

/// Doubles to decimals, one after the other, so that the decimals add up to the rounded sum of the doubles: each is what
/// the rounded sum grows by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shares {
    sum: f64,
    given: Decimal,
}

impl Shares {
    /// The next share.
    ///
    /// # Errors
    /// Where it is no number, or does not fit.
    pub fn next(&mut self, amount: f64) -> Result<Decimal, TablesError> {
        self.sum += amount;
        let sum = rounded(self.sum)?;
        let share = sum - self.given;
        self.given = sum;
        Ok(share)
    }

    /// What was given in all.
    pub fn total(&self) -> Decimal {
        self.given
    }
}

/// A double at the scale of the tables.
///
/// # Errors
/// Where it is no number, or too large.
pub fn rounded(amount: f64) -> Result<Decimal, TablesError> {
    let decimal = Decimal::from_f64_retain(amount);
    let decimal = decimal.ok_or_else(|| TablesError::Amount { amount: amount.to_string() })?;
    Ok(decimal.round_dp_with_strategy(SCALE, RoundingStrategy::MidpointAwayFromZero))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn amounts_have_one_scale() {
        let check = |text: &str, wanted: i128| {
            let units = units(text.parse().unwrap()).unwrap();
            assert_eq!(units, wanted, "{text}");
            assert_eq!(of_units(units).unwrap(), text.parse::<Decimal>().unwrap().round_dp(12), "{text}");
        };
        check("0", 0);
        check("0.000000000001", 1);
        check("-1.5", -1_500_000_000_000);
        check("999999.999999999999", 999_999_999_999_999_999);
        assert!(units("1000000".parse().unwrap()).is_err());
        assert!(units(Decimal::MAX).is_err());
    }

    #[test]
    fn shares_add_up_to_the_rounded_sum() {
        let mut shares = Shares::default();
        let mut sum = Decimal::ZERO;
        for _ in 0..3000 {
            sum += shares.next(1e-12 / 3.0).unwrap();
        }
        assert_eq!(sum, shares.total());
        assert_eq!(sum, "0.000000001".parse::<Decimal>().unwrap());
        assert!(shares.next(f64::NAN).is_err());
    }
}
