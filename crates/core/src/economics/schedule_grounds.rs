//! Why a job waits or runs now.

use std::fmt;

use crate::coded::Coded;
use crate::estimate::Estimate;
use crate::number::{interval, plain};
use crate::text::percent;

/// What a plan rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleGrounds {
    /// No later time is better.
    NowIsBest,
    /// Waiting saves a share of an amount that is unknown.
    ShareOnly {
        /// Share of what running now takes.
        share: Estimate,
        /// What the amount would be in.
        unit: String,
    },
    /// That share is within the error of the measured speed.
    ShareWithinError {
        /// Share of what running now takes.
        share: Estimate,
    },
    /// It is the cheapest time on the curve, and running now cannot be compared.
    NowUnknown,
    /// Waiting saves something.
    Waiting {
        /// How much.
        saving: f64,
        /// In what: a currency, or grams.
        unit: String,
        /// As a share of running now; `None` where that takes nothing or less.
        share: Option<f64>,
        /// True where it is more than measurement error; `None` where a job at the slow end of its speed runs into time
        /// without a known price.
        beyond_error: Option<bool>,
    },
}

impl ScheduleGrounds {
    /// True where it is said when to run; false where what waiting saves may be measurement error.
    pub fn is_settled(&self) -> bool {
        !matches!(
            self,
            Self::ShareWithinError { .. } | Self::Waiting { beyond_error: None | Some(false), .. }
        )
    }
}

impl Coded for ScheduleGrounds {
    fn code(&self) -> &'static str {
        match self {
            Self::NowIsBest => "now_is_best",
            Self::ShareOnly { .. } => "share_only",
            Self::ShareWithinError { .. } => "share_within_error",
            Self::NowUnknown => "now_unknown",
            Self::Waiting { beyond_error: Some(true), .. } => "waiting_saves",
            Self::Waiting { beyond_error: Some(false), .. } => "within_error",
            Self::Waiting { beyond_error: None, .. } => "unpriced_if_slow",
        }
    }
}

impl fmt::Display for ScheduleGrounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (saving, unit, share, beyond_error) = match self {
            Self::NowIsBest => return f.write_str("run it now: no later time is better"),
            Self::ShareOnly { share, unit } => {
                let share = percent(share.point);
                return write!(
                    f,
                    "waiting saves {share} of running now, at steady power; in {unit} it is unknown"
                );
            }
            Self::ShareWithinError { share } => {
                return write!(
                    f,
                    "not settled: waiting saves {} of running now, which is within the error of the measured speed",
                    interval(share, percent)
                );
            }
            Self::NowUnknown => {
                return f.write_str(
                    "this is the cheapest time on the curve; it cannot be compared with running now",
                );
            }
            Self::Waiting { saving, unit, share, beyond_error } => (saving, unit, share, beyond_error),
        };

        if *beyond_error != Some(true) {
            f.write_str("not settled: ")?;
        }
        write!(f, "waiting saves {} {unit}", plain(*saving))?;
        if let Some(share) = share {
            write!(f, " ({})", percent(*share))?;
        }
        f.write_str(" compared with running now, ")?;
        f.write_str(match beyond_error {
            Some(true) => "which is more than measurement error",
            Some(false) => "which is within measurement error",
            None => "but at the slow end of its measured speed the job runs into time without a known price",
        })
    }
}
