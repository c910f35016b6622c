//! The five changes whose effect every audit shows, in one place.

use infercost_core::EconomicsReason;
use serde::Serialize;

use crate::scenario::{Acquisition, Scenario};

/// A change of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// Electricity costs 10 % more.
    EnergyUp,
    /// The machine is used a fifth less.
    UtilizationDown,
    /// The machine lives a year less.
    LifeDown,
    /// Rent costs 10 % more.
    RentUp,
    /// Answers are a fifth longer.
    OutputUp,
}

impl Lever {
    /// All, in the order in which they are named.
    pub const ALL: [Self; 5] =
        [Self::EnergyUp, Self::UtilizationDown, Self::LifeDown, Self::RentUp, Self::OutputUp];

    /// What is changed, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::EnergyUp => "+10 % energy price",
            Self::UtilizationDown => "−20 % utilization",
            Self::LifeDown => "−1 year of life",
            Self::RentUp => "+10 % rent",
            Self::OutputUp => "+20 % output length",
        }
    }

    /// The scenario after the change, or why it does not apply.
    ///
    /// # Errors
    /// [`EconomicsReason`], where what is to be changed is not there.
    pub fn apply(self, scenario: &Scenario) -> Result<Scenario, EconomicsReason> {
        let mut changed = scenario.clone();
        match self {
            Self::EnergyUp => {
                let in_rent =
                    matches!(scenario.acquisition, Acquisition::Rented { includes_electricity: true, .. });
                if in_rent {
                    return Err(EconomicsReason::ElectricityInRent);
                }
                let tariff = scenario.tariff.ok_or(EconomicsReason::NoTariff)?;
                if scenario.joules.is_none() && scenario.idle_w.is_none() {
                    return Err(EconomicsReason::EnergyUnknown);
                }
                changed.tariff = Some(tariff + 0.1 * tariff.abs());
            }
            Self::UtilizationDown => changed.utilization = scenario.utilization * 0.8,
            Self::LifeDown => match &mut changed.acquisition {
                Acquisition::Owned(owned) if owned.life_years > 1.0 => owned.life_years -= 1.0,
                Acquisition::Owned(_) => return Err(EconomicsReason::ShortLife),
                _ => return Err(EconomicsReason::NotOwned),
            },
            Self::RentUp => match &mut changed.acquisition {
                Acquisition::Rented { per_hour, .. } => *per_hour *= 1.1,
                _ => return Err(EconomicsReason::NotRented),
            },
            // Time and joules of decoding grow with the answer; those of prefill do not. Joules are taken to
            // follow time.
            Self::OutputUp => {
                let prefill = scenario.prefill_share.ok_or(EconomicsReason::NotTimedApart)?;
                let factor = prefill + 1.2 * (1.0 - prefill);
                changed.busy_s = scenario.busy_s.map(|busy| busy * factor);
                changed.joules = scenario.joules.map(|joules| joules.map(|joules| joules * factor));
            }
        }

        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use infercost_core::{Currency, Estimate};

    use super::*;
    use crate::ownership::Owned;

    fn scenario(acquisition: Acquisition) -> Scenario {
        let one = Estimate { point: 1.0, lower: 0.9, upper: 1.2, confidence: 0.95, n: 10 };
        Scenario {
            currency: Currency::EUR,
            acquisition,
            tariff: Some(0.36),
            pue: 1.0,
            operation_per_hour: None,
            utilization: 0.5,
            busy_s: one,
            joules: Some(one.map(|one| one * 100.0)),
            energy_note: None,
            idle_w: Some(20.0),
            prefill_share: Some(0.5),
        }
    }

    /// Change of the cost, or why there is none.
    fn check(lever: Lever, scenario: &Scenario, wanted: Result<f64, EconomicsReason>) {
        match (lever.apply(scenario), wanted) {
            (Ok(changed), Ok(wanted)) => {
                let cost = |scenario: &Scenario| scenario.cost().map_or(f64::NAN, |cost| cost.point);
                let change = cost(&changed) - cost(scenario);
                assert!((change - wanted).abs() < 1e-12, "{lever:?}: {change} is not {wanted}");
            }
            (Err(reason), Err(wanted)) => assert_eq!(reason, wanted, "{lever:?}"),
            (found, wanted) => panic!("{lever:?}: {found:?}, not {wanted:?}"),
        }
    }

    #[test]
    fn each_change_moves_its_part() {
        let owned = |life_years| {
            Acquisition::Owned(Owned { purchase: 8760.0, salvage_share: 0.0, life_years, interest: 0.0 })
        };
        let rented = |includes_electricity| Acquisition::Rented { per_hour: 1.0, includes_electricity };
        // of owned, over two years: energy 1e-5, idle 2e-6, hardware 0.5 EUR an hour × 2 s
        let two = scenario(owned(2.0));
        let hour = 1.0 / 3600.0;
        check(Lever::EnergyUp, &two, Ok(1.2e-6));
        check(Lever::UtilizationDown, &two, Ok(hour * 0.25 + 20.0 * 1e-7 * (0.6 / 0.4 - 1.0)));
        check(Lever::LifeDown, &two, Ok(hour));
        check(Lever::OutputUp, &two, Ok(0.1 * (hour + 1.2e-5)));
        check(Lever::RentUp, &two, Err(EconomicsReason::NotRented));
        check(Lever::LifeDown, &scenario(owned(1.0)), Err(EconomicsReason::ShortLife));
        check(Lever::RentUp, &scenario(rented(true)), Ok(0.2 * hour));
        check(Lever::LifeDown, &scenario(rented(true)), Err(EconomicsReason::NotOwned));
        check(Lever::EnergyUp, &scenario(rented(true)), Err(EconomicsReason::ElectricityInRent));
        check(Lever::EnergyUp, &scenario(rented(false)), Ok(1.2e-6));
        check(Lever::EnergyUp, &Scenario { tariff: None, ..two.clone() }, Err(EconomicsReason::NoTariff));
        check(
            Lever::EnergyUp,
            &Scenario { joules: None, idle_w: None, ..two.clone() },
            Err(EconomicsReason::EnergyUnknown),
        );
        check(Lever::OutputUp, &Scenario { prefill_share: None, ..two }, Err(EconomicsReason::NotTimedApart));
    }
}
