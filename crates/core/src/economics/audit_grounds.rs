//! Why a limit of an audit holds or does not, and where it would just be met.

use std::fmt;

use super::reason::and;
use crate::coded::Coded;
use crate::cost_part::CostPart;
use crate::estimate::Estimate;
use crate::number::{interval, plain};
use crate::text::percent;

/// What an audit limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Cost ÷ revenue.
    ShareOfRevenue,
    /// The cost of one inference.
    CostPerInference,
}

impl Limited {
    /// The name: `cost ÷ revenue`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShareOfRevenue => "cost ÷ revenue",
            Self::CostPerInference => "cost per inference",
        }
    }

    fn shown(self, value: f64) -> String {
        match self {
            Self::ShareOfRevenue => percent(value),
            Self::CostPerInference => plain(value),
        }
    }
}

impl Coded for Limited {
    fn code(&self) -> &'static str {
        match self {
            Self::ShareOfRevenue => "share_of_revenue",
            Self::CostPerInference => "cost_per_inference",
        }
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// On which side of its limit a quantity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitSide {
    /// At or above it, whole interval.
    AtOrAbove,
    /// Below it, whole interval.
    Below,
    /// One inference alone says nothing of the next.
    OneInference,
    /// Below it, as far as the cost is known.
    BelowSoFar,
    /// The interval holds it.
    Either,
}

/// What the result of a limit rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitGrounds {
    /// What is limited.
    pub quantity: Limited,
    /// What was found, and on which side of the limit; `None` where it is unknown.
    pub found: Option<(Estimate, LimitSide)>,
    /// The limit.
    pub limit: f64,
    /// Parts that the cost leaves out and that could carry it over the limit.
    pub left_out: Vec<CostPart>,
    /// Power at work above which the machine would pass the limit, in watts; `None` where that is not the question.
    pub until_watts: Option<f64>,
}

impl Coded for LimitGrounds {
    fn code(&self) -> &'static str {
        match self.found {
            None => "unknown",
            Some((_, LimitSide::AtOrAbove)) => "at_or_above",
            Some((_, LimitSide::Below)) => "below",
            Some((_, LimitSide::OneInference)) => "one_inference",
            Some((_, LimitSide::BelowSoFar)) => "below_so_far",
            Some((_, LimitSide::Either)) => "either_side",
        }
    }
}

impl fmt::Display for LimitGrounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((found, side)) = &self.found else { return write!(f, "{} is unknown", self.quantity) };
        let words = match side {
            LimitSide::AtOrAbove => "at or above",
            LimitSide::Below => "below",
            LimitSide::OneInference => "by one inference alone, which settles nothing against",
            LimitSide::BelowSoFar => "as far as is known below",
            LimitSide::Either => "which may be on either side of",
        };

        let value = interval(found, |value| self.quantity.shown(value));
        let limit = self.quantity.shown(self.limit);
        write!(f, "{} is {value}, {words} the limit of {limit}", self.quantity)?;
        if self.left_out.is_empty() {
            return Ok(());
        }

        write!(f, "; {} left out", and(&self.left_out))?;
        match self.until_watts {
            Some(watts) => write!(f, ", and the machine would pass it above {} W at work", plain(watts)),
            None => Ok(()),
        }
    }
}

/// What an inference may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Allowed {
    /// This share of the revenue.
    ShareOfRevenue(f64),
    /// All of the revenue.
    Revenue,
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShareOfRevenue(share) => write!(f, "{} of revenue", percent(*share)),
            Self::Revenue => f.write_str("revenue"),
        }
    }
}

/// The input of a cost whose value just meets a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BreakEvenOf {
    /// Revenue of one inference at which cost is this share of it.
    Revenue {
        /// The share.
        share: f64,
    },
    /// The electricity price.
    Tariff(Allowed),
    /// The utilization.
    Utilization(Allowed),
}

impl Coded for BreakEvenOf {
    fn code(&self) -> &'static str {
        match self {
            Self::Revenue { .. } => "revenue",
            Self::Tariff(_) => "tariff",
            Self::Utilization(_) => "utilization",
        }
    }
}

impl fmt::Display for BreakEvenOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revenue { share } => {
                write!(f, "revenue per inference at which cost is {} of it", percent(*share))
            }
            Self::Tariff(allowed) => write!(f, "electricity price at which cost is {allowed}"),
            Self::Utilization(allowed) => write!(f, "utilization at which cost is {allowed}"),
        }
    }
}
