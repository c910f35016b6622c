//! Money: from seconds and joules to the cost of an answered request.
//!
//! The one design decision: **there is one formula**, [`cost`], and one rounding, [`Bill::of`]. Reports, audits and
//! comparisons of places to run call it with other rates and other hours, so no part of a cost is computed twice.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod bill;
mod rates;
mod tokens;

pub use bill::{Bill, Part};
pub use rates::{MachineRate, Rates, RatesError, Wall};
pub use tokens::{TokenUsage, cost_of_tokens};

use infercost_core::{CostPart, Reason};

/// Joules of a kWh.
pub const JOULES_PER_KILOWATT_HOUR: f64 = 3.6e6;

/// What one answered request takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Hours of the machine that it pays for, unused ones included.
    pub machine_hours: f64,
    /// Joules while it ran, at the wall, or why they are not known.
    pub joules: Result<f64, Reason>,
    /// Idle seconds that it pays for.
    pub idle_seconds: f64,
    /// Watts of the idle machine at the wall, or why they are not known.
    pub idle_watts: Result<f64, Reason>,
}

impl Usage {
    /// The usage of a request that keeps the machine busy for `busy_s` seconds, where the machine does paid work in the
    /// share `utilization` of its hours: used hours pay for unused ones, so the machine's hours are busy hours ÷ u, and
    /// the idle seconds are busy seconds × (1 − u) ÷ u.
    pub fn at_utilization(
        busy_s: f64,
        utilization: f64,
        joules: Result<f64, Reason>,
        idle_watts: Result<f64, Reason>,
    ) -> Self {
        Self {
            machine_hours: busy_s / 3600.0 / utilization,
            joules,
            idle_seconds: busy_s * (1.0 - utilization) / utilization,
            idle_watts,
        }
    }
}

/// An amount of money, or why it is not known.
pub type Amount = Result<f64, Reason>;

/// The parts of the cost of one answered request.
#[derive(Debug, Clone, PartialEq)]
pub struct Amounts {
    /// Electricity while it ran.
    pub energy: Amount,
    /// The machine, owned or rented.
    pub machine: Amount,
    /// Electricity of the idle hours that it pays for.
    pub idle: Amount,
    /// People, licenses, space.
    pub operation: Amount,
    /// The tokens of a hosted API; `None` where the machine is paid.
    pub tokens: Option<f64>,
}

/// The cost of one answered request:
///
/// - energy = joules ÷ 3.6e6 × tariff × PUE, which multiplies IT energy once;
/// - machine = its hourly cost × machine hours; operation likewise;
/// - idle = idle watts × idle seconds ÷ 3.6e6 × tariff × PUE.
///
/// Electricity in the rent is neither billed nor unknown: [`Reason::InRent`].
pub fn cost(rates: &Rates, usage: &Usage) -> Amounts {
    let per_joule = rates.per_joule();

    let energy = per_joule.clone().and_then(|per_joule| Ok(usage.joules.clone()? * per_joule));
    let idle = match per_joule {
        Err(Reason::InRent) => Err(Reason::InRent),
        _ if usage.idle_seconds <= 0.0 => Ok(0.0),
        Err(reason) => Err(reason),
        Ok(per_joule) => usage.idle_watts.clone().map(|watts| watts * usage.idle_seconds * per_joule),
    };
    let machine = rates.machine.map(|machine| machine.per_hour * usage.machine_hours);
    let operation = rates.operation_per_hour.map(|per_hour| per_hour * usage.machine_hours);

    Amounts {
        energy,
        machine: machine.ok_or(Reason::NoHardwarePrice),
        idle,
        operation: operation.ok_or(Reason::NoOperation),
        tokens: None,
    }
}

/// Which parts a cost holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// Electricity while requests ran.
    pub energy: bool,
    /// The machine.
    pub machine: bool,
    /// Electricity of idle hours.
    pub idle: bool,
    /// Operation.
    pub operation: bool,
    /// Tokens, in place of all of these.
    pub tokens: bool,
}

impl Parts {
    /// The parts that both hold.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self {
            energy: self.energy && other.energy,
            machine: self.machine && other.machine,
            idle: self.idle && other.idle,
            operation: self.operation && other.operation,
            tokens: self.tokens && other.tokens,
        }
    }

    /// What a saving may rest on: electricity only where it was measured.
    #[must_use]
    pub fn of_energy(self, measured: bool) -> Self {
        Self { energy: self.energy && measured, idle: self.idle && measured, ..self }
    }

    /// True where there is any.
    pub fn any(self) -> bool {
        self.energy || self.machine || self.idle || self.operation || self.tokens
    }

    /// Their names; the machine is called hardware.
    pub fn names(self) -> Vec<CostPart> {
        let all = [
            (self.energy, CostPart::Energy),
            (self.machine, CostPart::Hardware),
            (self.idle, CostPart::Idle),
            (self.operation, CostPart::Operation),
            (self.tokens, CostPart::Tokens),
        ];
        all.into_iter().filter_map(|(held, part)| held.then_some(part)).collect()
    }
}

impl Amounts {
    /// The amounts of a request that is paid by its tokens, as [`cost_of_tokens`] has them: the machine is in that price.
    pub fn of_tokens(cost: f64) -> Self {
        let [energy, machine, idle, operation] = [const { Err(Reason::PaidByTokens) }; 4];
        Self { energy, machine, idle, operation, tokens: Some(cost) }
    }

    /// Which parts are known.
    pub fn known(&self) -> Parts {
        Parts {
            energy: self.energy.is_ok(),
            machine: self.machine.is_ok(),
            idle: self.idle.is_ok(),
            operation: self.operation.is_ok(),
            tokens: self.tokens.is_some(),
        }
    }

    /// The sum of the given parts; NaN where one of them is not known.
    pub fn sum(&self, parts: Parts) -> f64 {
        let mut sum = 0.0;
        for (held, amount) in [
            (parts.energy, &self.energy),
            (parts.machine, &self.machine),
            (parts.idle, &self.idle),
            (parts.operation, &self.operation),
        ] {
            if held {
                sum += amount.as_ref().copied().unwrap_or(f64::NAN);
            }
        }
        if parts.tokens {
            sum += self.tokens.unwrap_or(f64::NAN);
        }
        sum
    }

    /// The four of a machine, by name; `machine` is what the machine's part is called.
    pub fn by_part(&self, machine: CostPart) -> [(CostPart, &Amount); 4] {
        [
            (CostPart::Energy, &self.energy),
            (machine, &self.machine),
            (CostPart::Idle, &self.idle),
            (CostPart::Operation, &self.operation),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        Rates {
            machine: Some(MachineRate { per_hour: 0.36, part: CostPart::Hardware }),
            operation_per_hour: Some(0.036),
            per_kilowatt_hour: Some(0.36),
            pue: 1.5,
            electricity_in_rent: false,
        }
    }

    fn check(rates: &Rates, usage: &Usage, wanted: [Result<f64, Reason>; 4]) {
        let found = cost(rates, usage);
        for ((part, found), wanted) in found.by_part(CostPart::Hardware).into_iter().zip(wanted) {
            match (found, &wanted) {
                (Ok(found), Ok(wanted)) => {
                    assert!((found - wanted).abs() < 1e-15, "{part}: {found}, {wanted}")
                }
                (found, wanted) => assert_eq!(found, wanted, "{part}"),
            }
        }
    }

    /// By hand: 2 s busy at half use are 4 s of the machine and 2 s idle.
    #[test]
    fn every_part_by_hand() {
        let usage = Usage::at_utilization(2.0, 0.5, Ok(100.0), Ok(20.0));
        let per_joule = 0.36 * 1.5 / 3.6e6;
        let all = [Ok(100.0 * per_joule), Ok(4e-4), Ok(40.0 * per_joule), Ok(4e-5)];
        check(&rates(), &usage, all.clone());

        let full = Usage::at_utilization(2.0, 1.0, Ok(100.0), Err(Reason::NoIdlePower));
        check(&rates(), &full, [all[0].clone(), Ok(2e-4), Ok(0.0), Ok(2e-5)]);
    }

    #[test]
    fn what_is_unknown_says_why() {
        let usage = Usage::at_utilization(2.0, 0.5, Err(Reason::NoEnergy), Err(Reason::NoIdlePower));
        check(
            &Rates { machine: None, operation_per_hour: None, ..rates() },
            &usage,
            [
                Err(Reason::NoEnergy),
                Err(Reason::NoHardwarePrice),
                Err(Reason::NoIdlePower),
                Err(Reason::NoOperation),
            ],
        );

        let rented = Rates { electricity_in_rent: true, ..rates() };
        check(&rented, &usage, [Err(Reason::InRent), Ok(4e-4), Err(Reason::InRent), Ok(4e-5)]);
        let untariffed = Rates { per_kilowatt_hour: None, ..rates() };
        check(&untariffed, &usage, [Err(Reason::NoTariff), Ok(4e-4), Err(Reason::NoTariff), Ok(4e-5)]);
    }
}
