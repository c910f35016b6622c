//! Prices: each with its currency, source and date.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::Currency;

/// What one unit of something costs, who says so, and as of when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// What is priced: `electricity`, `hardware`, `rent`, `operation`.
    pub name: String,
    /// The amount per unit.
    #[serde(with = "rust_decimal::serde::str")]
    pub value: Decimal,
    /// Currency of the amount.
    pub currency: Currency,
    /// The unit: `kWh`, `machine`, `hour`.
    pub unit: String,
    /// Where the figure comes from; an assumption says that it is one.
    pub source: String,
    /// The day the figure was true.
    pub date: Date,
}

/// How far a utilization that is stated may be from the one that follows from the load, as a share of the stated one.
const CONTRADICTION: f64 = 0.1;

/// Everything needed to turn joules and seconds into money, on one machine.
///
/// `None` is unknown: the total then says what it leaves out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceBook {
    /// What the set of prices is called in a report.
    pub name: String,
    /// True for the shipped example: every report then names it as an assumption in its first lines.
    pub assumed: bool,
    /// The currency of every price in the book.
    pub currency: Currency,
    /// Electricity, per kWh.
    pub electricity: Option<Price>,
    /// Owned or rented hardware.
    pub hardware: Option<HardwareCost>,
    /// People, licenses, space: per hour.
    pub operation: Option<Price>,
    /// Share of hours in which the machine does paid work, in (0, 1].
    #[serde(alias = "utilisation")]
    pub utilization: f64,
    /// Where that share comes from.
    #[serde(default)]
    pub utilization_basis: UtilizationBasis,
    /// The share that the user states, where another one follows from the load and counts instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilization_stated: Option<f64>,
    /// Power usage effectiveness: facility energy ÷ IT energy, at least 1. Multiplies IT energy once.
    pub pue: f64,
    /// True where nobody says what the PUE is, and 1 is assumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pue_assumed: bool,
}

/// Where a price book's utilization comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UtilizationBasis {
    /// The user states it.
    #[default]
    Given,
    /// It follows from the load that the user states, and from the capacity that is stated or measured.
    Load,
    /// Nobody states it: a named default stands in.
    Assumed,
}

/// What an hour of the machine costs without its electricity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum HardwareCost {
    /// Bought: (price − salvage) ÷ lifetime hours, straight line.
    Owned {
        /// Purchase price of the machine.
        purchase: Price,
        /// Share of the purchase price got back at the end, 0 to 1.
        salvage_share: f64,
        /// Years until then.
        life_years: f64,
    },
    /// Rented by the hour; `includes_electricity` where the rate covers it.
    Rented {
        /// Rate per hour.
        rate: Price,
        /// True where electricity is in the rate.
        includes_electricity: bool,
    },
}

impl PriceBook {
    /// The book with the utilization that follows from a load. It counts before one that is stated, since whatever
    /// answers a load is used as the load says; what was stated is kept, for [`PriceBook::contradicted_utilization`].
    #[must_use]
    pub fn at_load(self, utilization: f64) -> Self {
        let stated = match self.utilization_basis {
            UtilizationBasis::Given if !self.assumed => Some(self.utilization),
            UtilizationBasis::Given | UtilizationBasis::Assumed => None,
            UtilizationBasis::Load => self.utilization_stated,
        };
        Self { utilization, utilization_basis: UtilizationBasis::Load, utilization_stated: stated, ..self }
    }

    /// The utilization that the user states and that the load contradicts: it is further than a tenth of itself from
    /// what follows. `None` where both say the same, or only one of them is there.
    pub fn contradicted_utilization(&self) -> Option<f64> {
        let stated = self.utilization_stated?;
        ((self.utilization - stated).abs() > CONTRADICTION * stated).then_some(stated)
    }

    /// The prices that change with time. What was paid for a machine does not: an invoice stays true.
    pub fn prices_that_age(&self) -> impl Iterator<Item = &Price> {
        let rate = match &self.hardware {
            Some(HardwareCost::Rented { rate, .. }) => Some(rate),
            Some(HardwareCost::Owned { .. }) | None => None,
        };
        [self.electricity.as_ref(), rate, self.operation.as_ref()].into_iter().flatten()
    }

    /// Every price in the book, for listing.
    pub fn prices(&self) -> impl Iterator<Item = &Price> {
        let hardware = self.hardware.as_ref().map(|hardware| match hardware {
            HardwareCost::Owned { purchase, .. } => purchase,
            HardwareCost::Rented { rate, .. } => rate,
        });
        [self.electricity.as_ref(), hardware, self.operation.as_ref()].into_iter().flatten()
    }
}
