//! The five changes whose effect every audit shows, in one place.

use serde::Serialize;

use crate::scenario::{Scenario, Tenure};

/// A change of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// Electricity costs 10 % more.
    EnergyUp,
    /// The machine is used a fifth less.
    UtilisationDown,
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
        [Self::EnergyUp, Self::UtilisationDown, Self::LifeDown, Self::RentUp, Self::OutputUp];

    /// What is changed, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::EnergyUp => "+10 % energy price",
            Self::UtilisationDown => "−20 % utilisation",
            Self::LifeDown => "−1 year of life",
            Self::RentUp => "+10 % rent",
            Self::OutputUp => "+20 % output length",
        }
    }

    /// The scenario after the change, or why it does not apply.
    ///
    /// # Errors
    /// A sentence, where what is to be changed is not there.
    pub fn apply(self, scenario: &Scenario) -> Result<Scenario, String> {
        let mut changed = scenario.clone();
        match self {
            Self::EnergyUp => {
                let in_rent = matches!(scenario.tenure, Tenure::Rented { includes_electricity: true, .. });
                if in_rent {
                    return Err("electricity is in the rent".to_owned());
                }
                let tariff = scenario.tariff.ok_or("no price of electricity is known")?;
                if scenario.joules.is_none() && scenario.idle_w.is_none() {
                    return Err("the energy is unknown".to_owned());
                }
                changed.tariff = Some(tariff + 0.1 * tariff.abs());
            }
            Self::UtilisationDown => changed.utilisation = scenario.utilisation * 0.8,
            Self::LifeDown => match &mut changed.tenure {
                Tenure::Owned(owned) if owned.life_years > 1.0 => owned.life_years -= 1.0,
                Tenure::Owned(_) => return Err("the machine lives a year or less".to_owned()),
                _ => return Err("the machine is not owned".to_owned()),
            },
            Self::RentUp => match &mut changed.tenure {
                Tenure::Rented { per_hour, .. } => *per_hour *= 1.1,
                _ => return Err("nothing is rented".to_owned()),
            },
            // Time and joules of decoding grow with the answer; those of prefill do not. Joules are taken to
            // follow time.
            Self::OutputUp => {
                let prefill = scenario.prefill_share.ok_or("prefill and decode were not timed apart")?;
                let factor = prefill + 1.2 * (1.0 - prefill);
                changed.busy_s = scenario.busy_s.map(|busy| busy * factor);
                changed.joules = scenario.joules.map(|joules| joules.map(|joules| joules * factor));
            }
        }
        Ok(changed)
    }
}
