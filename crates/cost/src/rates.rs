//! Prices turned into rates.

use infercost_core::price::{HardwareCost, PriceBook};
use infercost_core::{CostPart, Reason, WallFactor};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use thiserror::Error;

use crate::JOULES_PER_KILOWATT_HOUR;

/// Hours of a year, in and out of use, as electricity is billed: 365 × 24.
const HOURS_PER_YEAR: f64 = 8760.0;

/// What an hour of the machine costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MachineRate {
    /// Per hour, in use or not.
    pub per_hour: f64,
    /// [`CostPart::Hardware`] where it is owned, [`CostPart::Rent`] where it is rented.
    pub part: CostPart,
}

/// Prices as rates. `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// The machine.
    pub machine: Option<MachineRate>,
    /// People, licenses, space, per hour of the machine.
    pub operation_per_hour: Option<f64>,
    /// Electricity.
    pub per_kilowatt_hour: Option<f64>,
    /// Facility energy ÷ IT energy, at least 1.
    pub pue: f64,
    /// True where the machine's rent holds its electricity.
    pub electricity_in_rent: bool,
}

/// Why a price book gives no rates.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct RatesError {
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Rates {
    /// Checks a price book and takes its rates. An owned machine is written off in a straight line: (price − salvage) ÷
    /// hours of its life.
    ///
    /// # Errors
    /// [`RatesError`] where prices are negative or in several currencies, or utilization, PUE, life or salvage share
    /// make no sense.
    pub fn of(prices: &PriceBook) -> Result<Self, RatesError> {
        check(prices).map_err(|reason| RatesError { reason })?;

        let machine = match &prices.hardware {
            None => None,
            Some(HardwareCost::Rented { rate, .. }) => {
                Some(MachineRate { per_hour: double(rate.value), part: CostPart::Rent })
            }
            Some(HardwareCost::Owned { purchase, salvage_share, life_years }) => {
                let lost = double(purchase.value) * (1.0 - salvage_share);
                let per_hour = lost / (life_years * HOURS_PER_YEAR);
                Some(MachineRate { per_hour, part: CostPart::Hardware })
            }
        };
        let electricity_in_rent =
            matches!(prices.hardware, Some(HardwareCost::Rented { includes_electricity: true, .. }));

        Ok(Self {
            machine,
            operation_per_hour: prices.operation.as_ref().map(|price| double(price.value)),
            per_kilowatt_hour: prices.electricity.as_ref().map(|price| double(price.value)),
            pue: prices.pue,
            electricity_in_rent,
        })
    }

    /// The price of a joule, PUE included, or why there is none.
    ///
    /// # Errors
    /// [`Reason::InRent`] or [`Reason::NoTariff`].
    pub fn per_joule(&self) -> Result<f64, Reason> {
        if self.electricity_in_rent {
            return Err(Reason::InRent);
        }
        let tariff = self.per_kilowatt_hour.ok_or(Reason::NoTariff)?;
        Ok(tariff * self.pue / JOULES_PER_KILOWATT_HOUR)
    }

    /// Machine and operation of an hour of use at the given utilization, idle hours paid by used ones; `None` where
    /// neither is known.
    pub fn per_hour_used(&self, utilization: f64) -> Option<f64> {
        let known = [self.machine.map(|machine| machine.per_hour), self.operation_per_hour];
        let sum = known.into_iter().flatten().reduce(|sum, rate| sum + rate)?;
        Some(sum / utilization)
    }
}

/// What is wrong with a price book.
fn check(prices: &PriceBook) -> Result<(), String> {
    if let Some(price) = prices.prices().find(|price| price.currency != prices.currency) {
        return Err(format!(
            "the price of {} is in {} and the book in {}; give all prices in one currency",
            price.name, price.currency, prices.currency
        ));
    }
    if let Some(price) = prices.prices().find(|price| price.value.is_sign_negative()) {
        return Err(format!("the price of {} is negative", price.name));
    }

    let PriceBook { utilization, pue, .. } = prices;
    if !(*utilization > 0.0 && *utilization <= 1.0) {
        return Err(format!("utilization is {utilization}; it must be above 0 and at most 1"));
    }
    if !(*pue >= 1.0 && pue.is_finite()) {
        return Err(format!("the PUE is {pue}; it must be at least 1"));
    }

    if let Some(HardwareCost::Owned { salvage_share, life_years, .. }) = &prices.hardware {
        let is_sound = (0.0..=1.0).contains(salvage_share) && *life_years > 0.0 && life_years.is_finite();
        if !is_sound {
            return Err("the hardware needs a life above 0 years and a salvage share of 0 to 1".to_owned());
        }
    }
    Ok(())
}

/// A decimal as a double; prices are at most a few digits, so nothing is lost that a cost would show.
fn double(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

/// From the machine's own meter to what a wall meter shows: factor × meter + offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wall {
    factor: f64,
    offset_w: f64,
}

impl Wall {
    /// The meter's own joules and watts.
    pub const METER: Self = Self { factor: 1.0, offset_w: 0.0 };

    /// By a fitted factor, where there is one.
    pub fn of(factor: Option<&WallFactor>) -> Self {
        factor.map_or(Self::METER, |wall| Self { factor: wall.factor, offset_w: wall.offset.get() })
    }

    /// Joules at the wall over so many seconds.
    pub fn joules(self, meter_j: f64, seconds: f64) -> f64 {
        self.factor * meter_j + self.offset_w * seconds
    }

    /// Watts at the wall.
    pub fn watts(self, meter_w: f64) -> f64 {
        self.factor * meter_w + self.offset_w
    }
}
