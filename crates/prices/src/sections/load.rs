//! `[load]`: how much is asked, and when.

use serde::Deserialize;

use crate::price_error::PriceError;
use crate::sections::within;

/// `[load]` as a user writes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadSection {
    /// Requests an hour, in the hours in which there are any.
    pub requests_per_hour: Option<f64>,
    /// Hours a day in which there are any; 24 where not given.
    pub hours_per_day: Option<f64>,
    /// Share of its capacity up to which a machine is planned to be used, in (0, 1].
    #[serde(alias = "max_utilisation")]
    pub max_utilization: Option<f64>,
    /// Requests an hour that one machine can answer, instead of what the run measured.
    pub capacity_per_hour: Option<f64>,
    /// Yearly interest on money that is bound in hardware, as a share.
    pub interest: Option<f64>,
}

/// Share of its capacity up to which a machine is planned to be used where a load is given and no share: beyond it
/// requests queue.
pub const PLANNED_UTILIZATION: f64 = 0.7;

impl LoadSection {
    /// The share of all hours in which the machines work, where the section states requests and capacity.
    pub fn utilization(&self) -> Option<f64> {
        self.utilization_at(self.capacity_per_hour?)
    }

    /// The share of all hours in which machines work that answer `capacity_per_hour` requests an hour each; `None` where
    /// the section states no requests. So many machines share the requests that none is used beyond the planned share,
    /// and all of them wait in the hours without requests.
    pub fn utilization_at(&self, capacity_per_hour: f64) -> Option<f64> {
        let work = self.requests_per_hour? / capacity_per_hour;
        let planned = self.max_utilization.unwrap_or(PLANNED_UTILIZATION);
        // A load that just fills a machine needs no second one for the last bit of a float.
        let machines = (work / planned - 1e-9).ceil().max(1.0);
        Some(work / machines * self.hours_per_day.unwrap_or(24.0) / 24.0)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`PriceError::Setting`] with the key that is out of range.
    pub fn checked(self) -> Result<Self, PriceError> {
        within("load.requests_per_hour", above_zero(self.requests_per_hour), "must be above 0")?;
        within("load.capacity_per_hour", above_zero(self.capacity_per_hour), "must be above 0")?;
        let hours = self.hours_per_day.is_none_or(|hours| hours > 0.0 && hours <= 24.0);
        within("load.hours_per_day", hours, "must be above 0 and at most 24")?;
        let share = self.max_utilization.is_none_or(|share| share > 0.0 && share <= 1.0);
        within("load.max_utilization", share, "must be above 0 and at most 1; write 0.7 for 70 %")?;
        let interest = self.interest.is_none_or(|interest| (0.0..=1.0).contains(&interest));
        within("load.interest", interest, "must be 0 to 1; write 0.05 for 5 %")?;
        Ok(self)
    }
}

fn above_zero(value: Option<f64>) -> bool {
    value.is_none_or(|value| value > 0.0 && value.is_finite())
}
