//! Why one change comes first.

use std::fmt;

use crate::coded::Coded;
use crate::estimate::Estimate;
use crate::number::interval;
use crate::text::percent;

/// What advice on changes rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum OptimizeGrounds {
    /// A change is worthwhile.
    Worthwhile {
        /// What kind of change, in words: `threads`.
        kind: &'static str,
        /// To what.
        to: String,
        /// Share of the present cost that it saves.
        saving: Estimate,
        /// True where both sides were run.
        is_measured: bool,
        /// True where its effect on answers is unknown.
        is_quality_unknown: bool,
    },
    /// Nothing that is known saves as much as is worth a change: each saving lies below it, or breaks a limit.
    Nothing {
        /// The share that would be.
        worthwhile: f64,
    },
    /// Something may save as much as is worth a change, or may not.
    NothingCertain {
        /// The share that would be.
        worthwhile: f64,
        /// What may; `None` where no saving is known at all.
        open: Option<OpenChange>,
    },
}

/// A change that may be worthwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenChange {
    /// What kind of change, in words: `threads`.
    pub kind: &'static str,
    /// To what.
    pub to: String,
    /// Share of the present cost that it saves.
    pub saving: Estimate,
}

impl Coded for OptimizeGrounds {
    fn code(&self) -> &'static str {
        match self {
            Self::Worthwhile { .. } => "worthwhile",
            Self::Nothing { .. } => "nothing",
            Self::NothingCertain { .. } => "nothing_certain",
        }
    }
}

impl fmt::Display for OptimizeGrounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worthwhile { kind, to, saving, is_measured, is_quality_unknown } => {
                let basis = if *is_measured { "measured" } else { "computed" };
                write!(f, "change {kind} to {to}: saves {} ({basis})", interval(saving, percent))?;
                f.write_str(if *is_quality_unknown { "; its effect on quality is unknown" } else { "" })
            }
            Self::Nothing { worthwhile } => {
                write!(f, "nothing that was measured or computed saves {}", percent(*worthwhile))
            }
            Self::NothingCertain { worthwhile, open: Some(OpenChange { kind, to, saving }) } => write!(
                f,
                "not settled: {kind} {to} saves {}, which may be {} or not; measure more",
                interval(saving, percent),
                percent(*worthwhile)
            ),
            Self::NothingCertain { worthwhile, open: None } => {
                write!(f, "not settled: nothing is known yet that could save {}", percent(*worthwhile))
            }
        }
    }
}
