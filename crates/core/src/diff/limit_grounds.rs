//! Why a limit on what may become worse is kept, passed or open.

use std::fmt;

use super::Metric;
use crate::coded::Coded;
use crate::reason::Reason;
use crate::text::percent;

/// How much worse a metric became: always such that more is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worsening {
    /// The change itself.
    pub point: f64,
    /// Lower end of its interval.
    pub lower: f64,
    /// Upper end of its interval.
    pub upper: f64,
}

/// What the verdict on a limit rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum LimitGrounds {
    /// A variant's metric cannot be compared; `None` where nobody knows why.
    NotComparable(Option<Reason>),
    /// A variant's metric became surely worse than the limit allows.
    Above(WorseVariant),
    /// The interval of a variant's metric holds the limit.
    Holds(WorseVariant),
    /// The runs have no variant in common.
    NoCommonVariant,
    /// Every variant keeps it.
    Kept {
        /// What is limited.
        metric: Metric,
        /// The limit.
        limit: f64,
    },
}

/// A variant that became worse.
#[derive(Debug, Clone, PartialEq)]
pub struct WorseVariant {
    /// Its name.
    pub variant: String,
    /// In what.
    pub metric: Metric,
    /// By how much.
    pub worse: Worsening,
    /// What is tolerated.
    pub limit: f64,
}

impl Coded for LimitGrounds {
    fn code(&self) -> &'static str {
        match self {
            Self::NotComparable(_) => "not_comparable",
            Self::Above(_) => "above_limit",
            Self::Holds(_) => "holds_limit",
            Self::NoCommonVariant => "no_common_variant",
            Self::Kept { .. } => "kept",
        }
    }
}

impl fmt::Display for LimitGrounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotComparable(None) => f.write_str("not measured"),
            Self::NotComparable(Some(reason)) => reason.fmt(f),
            Self::Above(one) => write!(f, "{one}, above the limit of {}", percent(one.limit)),
            Self::Holds(one) => write!(f, "{one}: the interval holds the limit of {}", percent(one.limit)),
            Self::NoCommonVariant => f.write_str("the runs have no variant in common"),
            Self::Kept { metric, limit } => {
                write!(f, "{} stays within {} for every variant", worsening_of(*metric), percent(*limit))
            }
        }
    }
}

impl fmt::Display for WorseVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [point, lower, upper] = [self.worse.point, self.worse.lower, self.worse.upper].map(percent);
        write!(f, "{}: {} {point} [{lower}, {upper}]", self.variant, worsening_of(self.metric))
    }
}

/// What became worse, in words.
fn worsening_of(metric: Metric) -> &'static str {
    match metric {
        Metric::Cost => "increase of cost",
        Metric::Energy => "increase of energy",
        Metric::Ttft => "increase of TTFT",
        Metric::Prefill => "increase of prefill time",
        Metric::Decode => "increase of time per output token",
        Metric::TaskScore => "loss of task score",
        Metric::Failures => "increase of failures",
    }
}
