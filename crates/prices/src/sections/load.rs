//! `[load]`: how much is asked, and when.

use serde::Deserialize;

use crate::section::PriceError;
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

impl LoadSection {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`PriceError::Setting`] with the key that is out of range.
    pub fn checked(self) -> Result<Self, PriceError> {
        let above_zero = |value: Option<f64>| value.is_none_or(|value| value > 0.0 && value.is_finite());
        within("load.requests_per_hour", above_zero(self.requests_per_hour), "must be above 0")?;
        within("load.capacity_per_hour", above_zero(self.capacity_per_hour), "must be above 0")?;
        let hours = self.hours_per_day.is_none_or(|hours| hours > 0.0 && hours <= 24.0);
        within("load.hours_per_day", hours, "must be above 0 and at most 24")?;
        let share = self.max_utilization.is_none_or(|share| share > 0.0 && share <= 1.0);
        within("load.max_utilization", share, "must be above 0 and at most 1")?;
        let interest = self.interest.is_none_or(|interest| (0.0..=1.0).contains(&interest));
        within("load.interest", interest, "must be 0 to 1")?;
        Ok(self)
    }
}
