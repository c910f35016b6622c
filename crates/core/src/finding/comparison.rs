//! How two runs that are compared differ beyond their numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FindingCode;

/// One difference between the sides of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComparisonFact {
    /// Other machines.
    MachinesDiffer {
        /// The old run's.
        before: String,
        /// The new run's.
        now: String,
    },
    /// Other weights of the same variant.
    WeightsDiffer {
        /// Which variant.
        variant: String,
    },
    /// Another engine, or another version of it.
    EnginesDiffer {
        /// Which variant.
        variant: String,
        /// Name and version in the old run.
        before: String,
        /// In the new one.
        now: String,
    },
    /// Other numbers of threads; `None` is unknown.
    ThreadsDiffer {
        /// Which variant.
        variant: String,
        /// In the old run.
        before: Option<u32>,
        /// In the new one.
        now: Option<u32>,
    },
    /// Other prompts.
    PromptSetsDiffer,
}

impl ComparisonFact {
    /// What kind of thing it is: all of them are differences between runs.
    pub fn code(&self) -> FindingCode {
        FindingCode::RunsDiffer
    }

    /// The variant that it is about, where it is about one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::WeightsDiffer { variant }
            | Self::EnginesDiffer { variant, .. }
            | Self::ThreadsDiffer { variant, .. } => Some(variant),
            Self::MachinesDiffer { .. } | Self::PromptSetsDiffer => None,
        }
    }
}

impl fmt::Display for ComparisonFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MachinesDiffer { before, now } => {
                write!(f, "the machines differ: {before} before, {now} now")
            }

            Self::WeightsDiffer { variant } => write!(f, "{variant}: the weights are not the same file"),

            Self::EnginesDiffer { variant, before, now } => {
                write!(f, "{variant}: {before} before, {now} now")
            }

            Self::ThreadsDiffer { variant, before, now } => {
                write!(f, "{variant}: {} threads before, {} now", threads(*before), threads(*now))
            }

            Self::PromptSetsDiffer => {
                f.write_str("the prompt sets differ: costs and times are of other prompts")
            }
        }
    }
}

fn threads(count: Option<u32>) -> String {
    count.map_or_else(|| "unknown".to_owned(), |count| count.to_string())
}
