//! Why a machine is kept or replaced.

use std::fmt;

use crate::coded::Coded;
use crate::estimate::Estimate;
use crate::money::Currency;
use crate::number::{interval, plain};
use crate::reason::Reason;

/// What the decision rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplaceGrounds {
    /// The costs of a year cannot be computed.
    CostUnknown,
    /// The energy of a machine, or its price, is unknown.
    EnergyUnknown(Reason),
    /// A year with the new machine costs less.
    Cheaper(YearSaving),
    /// It costs more.
    Costlier(YearSaving),
    /// The interval holds zero.
    HoldsZero(YearSaving),
    /// The idle power is unknown, and what it may be decides.
    IdlePowerDecides {
        /// The saving of a year at the end that speaks for the new machine; `None` where it is unknown.
        best: Option<f64>,
        /// At the other end.
        worst: Option<f64>,
        /// Currency of both.
        currency: Currency,
    },
}

/// What a year with the new machine saves, capital included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YearSaving {
    /// The saving; negative where it costs more.
    pub saving: Estimate,
    /// Its currency.
    pub currency: Currency,
    /// Months until the outlay is saved; `None` where it never is.
    pub payback_months: Option<Estimate>,
    /// True where an unknown idle power was tried at both ends of what it may be.
    pub at_any_idle_power: bool,
}

/// What of the two machines' power is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownOf {
    /// Of the old machine.
    Old,
    /// Of the new machine.
    New,
    /// Of both.
    Both,
}

impl UnknownOf {
    /// `old machine`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Old => "the old machine",
            Self::New => "the new machine",
            Self::Both => "both machines",
        }
    }
}

impl Coded for ReplaceGrounds {
    fn code(&self) -> &'static str {
        match self {
            Self::CostUnknown => "cost_unknown",
            Self::EnergyUnknown(_) => "energy_unknown",
            Self::Cheaper(_) => "cheaper",
            Self::Costlier(_) => "costlier",
            Self::HoldsZero(_) => "holds_zero",
            Self::IdlePowerDecides { .. } => "idle_power_decides",
        }
    }
}

impl fmt::Display for ReplaceGrounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CostUnknown => f.write_str("the costs of a year cannot be computed"),
            Self::EnergyUnknown(reason) => write!(f, "not settled: the energy {reason}"),

            Self::Cheaper(year) => {
                let saved = interval(&year.saving, plain);
                write!(
                    f,
                    "replace: the new machine saves {saved} {} a year, capital included",
                    year.currency
                )?;
                f.write_str(&year.payback())?;
                f.write_str(year.idle_power())
            }
            Self::Costlier(year) => {
                let more = interval(&year.saving.map(|amount| -amount), plain);
                let currency = year.currency;
                write!(f, "keep: the new machine costs {more} {currency} a year more, capital included")?;
                f.write_str(year.idle_power())
            }
            Self::HoldsZero(year) => {
                let saved = interval(&year.saving, plain);
                let currency = year.currency;
                write!(
                    f,
                    "not settled: the new machine saves {saved} {currency} a year, an interval that holds zero"
                )?;
                f.write_str(&year.payback())
            }

            Self::IdlePowerDecides { best, worst, currency } => {
                let [best, worst] = [best, worst].map(|end| end.map_or_else(|| "unknown".to_owned(), plain));
                write!(
                    f,
                    "not settled: the idle power is unknown, and by it the new machine saves from {worst} to {best} \
                     {currency} a year"
                )
            }
        }
    }
}

impl YearSaving {
    fn payback(&self) -> String {
        self.payback_months.map_or_else(String::new, |months| {
            format!("; it pays back after {} months", interval(&months, plain))
        })
    }

    fn idle_power(&self) -> &'static str {
        if self.at_any_idle_power { "; whatever the idle power, up to the power at work" } else { "" }
    }
}
