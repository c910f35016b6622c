//! One cell of a table: what a person reads, and the number behind it for programs.

use infercost_core::Estimate;
use infercost_run::number::UNKNOWN;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Words, or a name.
    Words(String),
    /// A number in the column's unit.
    Number {
        /// As it is read.
        shown: String,
        /// As CSV holds it: shares are 0 to 1.
        value: f64,
        /// Ends of its interval, where it has one.
        ends: Option<Ends>,
    },
    /// What is not known.
    Unknown,
}

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ends {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

impl Cell {
    /// Words.
    pub(crate) fn words(text: impl Into<String>) -> Self {
        Self::Words(text.into())
    }

    /// A number without an interval.
    pub(crate) fn number(value: f64, shown: impl Into<String>) -> Self {
        Self::Number { shown: shown.into(), value, ends: None }
    }

    /// A number that is known or not.
    pub(crate) fn maybe(value: Option<f64>, shown: impl Fn(f64) -> String) -> Self {
        value.map_or(Self::Unknown, |value| Self::number(value, shown(value)))
    }

    /// A number with its interval, in the unit of the column.
    pub(crate) fn estimate(estimate: Option<&Estimate>, shown: impl Fn(&Estimate) -> String) -> Self {
        estimate.map_or(Self::Unknown, |one| Self::Number {
            shown: shown(one),
            value: one.point,
            ends: Some(Ends { lower: one.lower, upper: one.upper }),
        })
    }

    /// The same under a mark: a limit is broken, or a row is recommended.
    pub(crate) fn marked(self, mark: &str) -> Self {
        match self {
            Self::Number { shown, value, ends } => {
                Self::Number { shown: format!("{mark} {shown}"), value, ends }
            }
            Self::Words(text) => Self::Words(format!("{mark} {text}")),
            Self::Unknown => Self::Unknown,
        }
    }

    /// As a person reads it.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Self::Words(text) => text,
            Self::Number { shown, .. } => shown,
            Self::Unknown => UNKNOWN,
        }
    }

    /// True where nothing is known.
    pub(crate) fn is_unknown(&self) -> bool {
        self.shown() == UNKNOWN
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Words(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Words(text.to_owned())
    }
}
