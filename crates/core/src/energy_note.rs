//! What must be said of the joules that a cost starts from.

use std::fmt;

use crate::number::plain;
use crate::reason::Reason;

/// Why energy is unknown, or what must be known with it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EnergyNote {
    /// It is unknown.
    Unavailable(Reason),
    /// It was not measured, and nobody knows why.
    NotMeasured,
    /// It is estimated.
    Estimated {
        /// True where a fitted factor brings it to the wall.
        at_the_wall: bool,
    },
    /// It is measured, and a fitted factor brings it to the wall.
    AtTheWall,
    /// Its power is assumed.
    Assumed {
        /// Watts at work.
        watts: f64,
    },
}

impl EnergyNote {
    /// Why energy is unknown, as a reason in the cost that leaves it out.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Unavailable(reason) => reason.clone(),
            other => Reason::NoMeter { why: other.to_string() },
        }
    }
}

impl fmt::Display for EnergyNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => reason.fmt(f),
            Self::NotMeasured => f.write_str("Energy was not measured."),
            Self::Estimated { at_the_wall: false } => f.write_str("Energy is estimated, not measured."),
            Self::Estimated { at_the_wall: true } => {
                f.write_str("Energy is estimated, not measured. Energy is at the wall, by the fitted factor.")
            }
            Self::AtTheWall => f.write_str("Energy is at the wall, by the fitted factor."),
            Self::Assumed { watts } => {
                write!(f, "Energy is assumed, not measured: {} W at work, as given.", plain(*watts))
            }
        }
    }
}
