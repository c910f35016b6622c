//! What an hour of a bought machine costs.

/// Hours of a year, in and out of use: 365 × 24.
pub const HOURS_PER_YEAR: f64 = 8760.0;

/// A bought machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Owned {
    /// Purchase price.
    pub purchase: f64,
    /// Share of it that is got back at the end, 0 to 1.
    pub salvage_share: f64,
    /// Years until then, above 0.
    pub life_years: f64,
    /// Yearly interest on the money that is bound, 0 for straight line.
    pub interest: f64,
}

impl Owned {
    /// Cost per hour of its life.
    ///
    /// Without interest: (price − salvage) ÷ lifetime hours, straight line (method: Cost). With interest r over n
    /// years: capital recovery, (P − S) × r ÷ (1 − (1 + r)^−n) + S × r a year (Park, *Contemporary Engineering
    /// Economics*, "capital recovery with return").
    pub fn per_hour(&self) -> f64 {
        let salvage = self.purchase * self.salvage_share;
        let lost = self.purchase - salvage;
        if self.interest <= 0.0 {
            return lost / (self.life_years * HOURS_PER_YEAR);
        }
        let factor = self.interest / (1.0 - (1.0 + self.interest).powf(-self.life_years));
        (lost * factor + salvage * self.interest) / HOURS_PER_YEAR
    }
}

/// What a machine still fetches after `years`, by declining balance: price × (1 − rate)^years.
pub fn declining_balance(price: f64, yearly_rate: f64, years: f64) -> f64 {
    price * (1.0 - yearly_rate).powf(years)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_a_machine() {
        let check = |purchase, salvage_share, life_years, interest, wanted: f64| {
            let found = Owned { purchase, salvage_share, life_years, interest }.per_hour();
            assert!((found - wanted).abs() < 1e-9, "{found}");
        };
        check(8760.0, 0.0, 1.0, 0.0, 1.0);
        check(8760.0, 0.1, 4.0, 0.0, 0.225);
        // 1000 over 2 years at 10 %: 576.190476 a year (annuity table: 0.576190).
        check(1000.0, 0.0, 2.0, 0.1, 576.190_476_190_476 / 8760.0);
        check(1000.0, 1.0, 2.0, 0.1, 100.0 / 8760.0);
    }

    #[test]
    fn values_decline() {
        assert!((declining_balance(1000.0, 0.3, 2.0) - 490.0).abs() < 1e-9);
        assert!((declining_balance(1000.0, 0.3, 0.0) - 1000.0).abs() < 1e-9);
    }
}
