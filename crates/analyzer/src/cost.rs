//! Money: from busy seconds and joules to the cost of an inference, as parts that sum exactly.
//!
//! Components are decimals, rounded once to a common scale of twelve significant digits of the largest, so
//! that the total is their sum to the digit printed. Intervals are computed in doubles from the same rates.

use std::collections::BTreeMap;

use infercost_core::WallFactor;
use infercost_core::price::{HardwareCost, PriceBook};
use infercost_core::report::CostComponents;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::AnalysisError;

/// Hours of a year, in and out of use, as electricity is reckoned: 365 × 24.
const HOURS_PER_YEAR: f64 = 8760.0;
/// Significant digits of the largest component.
const DIGITS: i32 = 12;

/// Which parts a cost holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) energy: bool,
    pub(crate) hardware: bool,
    pub(crate) idle: bool,
    pub(crate) operation: bool,
}

impl Parts {
    /// The parts that both hold.
    pub(crate) fn common(self, other: Self) -> Self {
        Self {
            energy: self.energy && other.energy,
            hardware: self.hardware && other.hardware,
            idle: self.idle && other.idle,
            operation: self.operation && other.operation,
        }
    }

    /// What a saving may rest on: electricity only where it was measured.
    pub(crate) fn of_energy(self, measured: bool) -> Self {
        Self { energy: self.energy && measured, idle: self.idle && measured, ..self }
    }

    pub(crate) fn any(self) -> bool {
        self.energy || self.hardware || self.idle || self.operation
    }

    /// The parts by name.
    pub(crate) fn names(self) -> String {
        let all = [
            (self.energy, "energy"),
            (self.hardware, "hardware"),
            (self.idle, "idle"),
            (self.operation, "operation"),
        ];
        let names: Vec<&str> = all.iter().filter(|(held, _)| *held).map(|(_, name)| *name).collect();
        names.join(", ")
    }
}

/// Prices turned into rates. All `None` are unknown or not billed apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    hardware_per_hour: Option<Decimal>,
    operation_per_hour: Option<Decimal>,
    per_kilowatt_hour: Option<Decimal>,
    electricity_in_rent: bool,
    utilization: Decimal,
    pue: Decimal,
    /// Factor and offset in watts from the meter to the wall.
    wall: (f64, f64),
}

/// Mean quantities of one inference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    /// Seconds in which it kept the machine busy.
    pub(crate) busy: f64,
    /// Joules, where metered or estimated.
    pub(crate) joules: Option<f64>,
    /// Watts of the idle machine, where known.
    pub(crate) idle_watts: Option<f64>,
}

impl Rates {
    /// Checks the price book.
    pub(crate) fn of(prices: &PriceBook) -> Result<Self, AnalysisError> {
        let wrong = |reason: String| Err(AnalysisError::Prices { book: prices.name.clone(), reason });
        if let Some(price) = prices.prices().find(|price| price.currency != prices.currency) {
            return wrong(format!(
                "the price of {} is in {} and the book in {}; give all prices in one currency",
                price.name, price.currency, prices.currency
            ));
        }
        if let Some(price) = prices.prices().find(|price| price.value.is_sign_negative()) {
            return wrong(format!("the price of {} is negative", price.name));
        }
        let positive = |value: f64| Decimal::from_f64(value).filter(|value| value.is_sign_positive());
        let utilization = positive(prices.utilization).filter(|u| !u.is_zero() && *u <= Decimal::ONE);
        let Some(utilization) = utilization else {
            return wrong(format!("utilization is {}; it must be above 0 and at most 1", prices.utilization));
        };
        let Some(pue) = positive(prices.pue).filter(|pue| *pue >= Decimal::ONE) else {
            return wrong(format!("the PUE is {}; it must be at least 1", prices.pue));
        };
        let (hardware_per_hour, electricity_in_rent) = match &prices.hardware {
            None => (None, false),
            Some(HardwareCost::Rented { rate, includes_electricity }) => {
                (Some(rate.value), *includes_electricity)
            }
            // (price − salvage) ÷ lifetime hours, straight line (method: Cost).
            Some(HardwareCost::Owned { purchase, salvage_share, life_years }) => {
                let lost = positive(1.0 - salvage_share).filter(|share| *share <= Decimal::ONE);
                let hours = positive(life_years * HOURS_PER_YEAR).filter(|hours| !hours.is_zero());
                let per_hour = lost
                    .zip(hours)
                    .and_then(|(lost, hours)| purchase.value.checked_mul(lost)?.checked_div(hours));
                match per_hour {
                    Some(per_hour) => (Some(per_hour), false),
                    None => {
                        return wrong(
                            "the hardware needs a life above 0 years and a salvage share of 0 to 1".into(),
                        );
                    }
                }
            }
        };
        Ok(Self {
            hardware_per_hour,
            operation_per_hour: prices.operation.as_ref().map(|price| price.value),
            per_kilowatt_hour: prices.electricity.as_ref().map(|price| price.value),
            electricity_in_rent,
            utilization,
            pue,
            wall: (1.0, 0.0),
        })
    }

    /// The same rates for energy that is turned into what a wall meter would show, once, before PUE.
    pub(crate) fn behind(self, wall: Option<&WallFactor>) -> Self {
        Self { wall: wall.map_or(self.wall, |wall| (wall.factor, wall.offset.get())), ..self }
    }

    /// Hardware and operation of an hour of use, idle hours paid by used ones; `None` where neither is known.
    pub(crate) fn per_hour_used(&self) -> Option<f64> {
        let known = [self.hardware_per_hour, self.operation_per_hour].into_iter().flatten();
        let sum = known.reduce(|sum, rate| sum.saturating_add(rate))?;
        sum.checked_div(self.utilization)?.to_f64()
    }

    /// Joules and idle watts at the wall: factor × meter + offset.
    fn at_the_wall(&self, usage: &Usage) -> Usage {
        let (factor, offset) = self.wall;
        Usage {
            busy: usage.busy,
            joules: usage.joules.map(|joules| factor * joules + offset * usage.busy),
            idle_watts: usage.idle_watts.map(|watts| factor * watts + offset),
        }
    }

    /// Parts that these rates and quantities give, and a sentence for each that is left out.
    pub(crate) fn parts(&self, joules: bool, idle_watts: bool) -> (Parts, BTreeMap<String, String>) {
        let mut left_out = BTreeMap::new();
        let mut need = |part: &str, reason: Option<&str>| {
            if let Some(reason) = reason {
                left_out.insert(part.to_owned(), reason.to_owned());
            }
            reason.is_none()
        };
        let included = self.electricity_in_rent.then_some("included in the rent");
        let tariff = self.per_kilowatt_hour.is_none().then_some("no price of electricity is known");
        let energy = included.or(tariff).or((!joules).then_some("the energy is unknown"));
        let full = self.utilization == Decimal::ONE;
        let idle = included
            .or((!full).then_some(()).and(tariff.or((!idle_watts).then_some("the idle power is unknown"))));
        let parts = Parts {
            energy: need("energy", energy),
            hardware: need(
                "hardware",
                self.hardware_per_hour.is_none().then_some("no price of the hardware is known"),
            ),
            idle: need("idle", idle),
            operation: need(
                "operation",
                self.operation_per_hour.is_none().then_some("no operating cost is known"),
            ),
        };
        (parts, left_out)
    }

    /// Components of one inference and their exact sum; `None` where nothing is known or an amount does not
    /// fit a decimal.
    pub(crate) fn components(&self, usage: &Usage, parts: Parts) -> (CostComponents, Option<f64>) {
        let exact = self.exact(usage, parts);
        let largest = exact.iter().flatten().copied().max().unwrap_or_default();
        let scale = scale(largest);
        let rounded = exact.map(|part| {
            part.map(|part| part.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero))
        });
        let sum = rounded.iter().flatten().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(*part));
        let known = rounded.iter().any(Option::is_some);
        let [energy, hardware, idle, operation] = rounded.map(|part| part.and_then(|part| part.to_f64()));
        (
            CostComponents { energy, hardware, idle, operation },
            sum.filter(|_| known).and_then(|sum| sum.to_f64()),
        )
    }

    fn exact(&self, usage: &Usage, parts: Parts) -> [Option<Decimal>; 4] {
        let usage = &self.at_the_wall(usage);
        let hour = Decimal::from(3600);
        let busy = Decimal::from_f64(usage.busy);
        let part = |held: bool, value: Option<Decimal>| value.filter(|_| held);
        // J ÷ 3.6e6 × tariff × PUE: PUE multiplies IT energy once (method: Energy).
        let energy = || {
            let kilowatt_hours = Decimal::from_f64(usage.joules?)?.checked_div(Decimal::from(3_600_000))?;
            kilowatt_hours.checked_mul(self.per_kilowatt_hour?)?.checked_mul(self.pue)
        };
        // $/h ÷ 3600 × busy seconds ÷ utilization: unused hours are paid by the used ones (method: Cost).
        let hourly = |rate: Option<Decimal>| {
            rate?.checked_mul(busy?)?.checked_div(hour)?.checked_div(self.utilization)
        };
        // P_idle × PUE × tariff × busy seconds × (1 − u) ÷ u: the electricity of those unused hours.
        let idle = || {
            let unused = Decimal::ONE.checked_sub(self.utilization)?.checked_div(self.utilization)?;
            if unused.is_zero() {
                return Some(Decimal::ZERO);
            }
            let watts = Decimal::from_f64(usage.idle_watts?)?;
            let joules = watts.checked_mul(busy?)?.checked_mul(unused)?;
            joules
                .checked_div(Decimal::from(3_600_000))?
                .checked_mul(self.per_kilowatt_hour?)?
                .checked_mul(self.pue)
        };
        [
            part(parts.energy, energy()),
            part(parts.hardware, hourly(self.hardware_per_hour)),
            part(parts.idle, idle()),
            part(parts.operation, hourly(self.operation_per_hour)),
        ]
    }

    /// Cost of one inference in doubles, for resamples: the same formulae. NaN where a part is missing.
    pub(crate) fn cost(&self, usage: &Usage, parts: Parts) -> f64 {
        let value =
            |decimal: Option<Decimal>| decimal.and_then(|decimal| decimal.to_f64()).unwrap_or(f64::NAN);
        let usage = &self.at_the_wall(usage);
        let (utilization, pue) = (value(Some(self.utilization)), value(Some(self.pue)));
        let per_joule = value(self.per_kilowatt_hour) * pue / 3.6e6;
        let mut cost = 0.0;
        if parts.energy {
            cost += usage.joules.unwrap_or(f64::NAN) * per_joule;
        }
        if parts.hardware {
            cost += value(self.hardware_per_hour) / 3600.0 * usage.busy / utilization;
        }
        if parts.operation {
            cost += value(self.operation_per_hour) / 3600.0 * usage.busy / utilization;
        }
        if parts.idle && utilization < 1.0 {
            let watts = usage.idle_watts.unwrap_or(f64::NAN);
            cost += watts * per_joule * usage.busy * (1.0 - utilization) / utilization;
        }
        cost
    }
}

/// Decimals that keep [`DIGITS`] significant digits of the largest amount.
fn scale(largest: Decimal) -> u32 {
    let magnitude = largest.to_f64().filter(|value| *value > 0.0).map_or(0.0, |value| value.log10().floor());
    (DIGITS - 1 - magnitude as i32).clamp(0, 28).unsigned_abs()
}
