//! What can be found about one operating point of a load test.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{count, percent};

/// What must be read with a point's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PointFact {
    /// The queue grew without end.
    OverSaturated,
    /// infercost itself limited what was sent.
    ClientLimited,
    /// Windows in which that was so are left out, since others are there.
    WindowsLeftOut {
        /// How many.
        windows: u64,
    },
    /// Requests failed.
    Failed {
        /// How many.
        failures: u64,
        /// Of how many.
        requests: u64,
        /// By kind.
        kinds: BTreeMap<String, u64>,
    },
    /// Answers without any token.
    Empty {
        /// How many.
        answers: u64,
    },
    /// More requests than tolerated got no answer.
    Failing {
        /// The share that is tolerated.
        tolerated: f64,
    },
    /// Attempts were repeated.
    Repeated {
        /// How many.
        attempts: u64,
    },
    /// Prompt tokens came from a prefix cache.
    FromCache {
        /// Their share.
        share: f64,
    },
    /// Answers with several tokens in a chunk.
    SeveralInAChunk {
        /// How many.
        answers: u64,
    },
}

impl fmt::Display for PointFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverSaturated => {
                write!(f, "over-saturated: the queue grew without end, so these latencies are not stable")
            }

            Self::ClientLimited => {
                write!(f, "infercost itself limited what was sent: the server can do more than this")
            }

            Self::WindowsLeftOut { windows: 1 } => write!(
                f,
                "infercost itself was the limit in 1 window, which is left out: the point was tested again"
            ),

            Self::WindowsLeftOut { windows } => write!(
                f,
                "infercost itself was the limit in {windows} windows, which are left out: the point was tested again"
            ),

            Self::Failed { failures, requests, kinds } => {
                let kinds: Vec<String> =
                    kinds.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
                write!(f, "{failures} of {} failed ({})", count(*requests, "request"), kinds.join(", "))
            }

            Self::Empty { answers } => {
                write!(f, "{} without any token, which no rate counts", count(*answers, "answer"))
            }

            Self::Failing { tolerated } => write!(
                f,
                "more than {} of the requests got no answer: this load is not recommended",
                percent(*tolerated)
            ),

            Self::Repeated { attempts } => {
                let were = if *attempts == 1 { "was" } else { "were" };
                write!(f, "{} {were} repeated, which the latencies hold", count(*attempts, "attempt"))
            }

            Self::FromCache { share } => {
                write!(f, "{} of the prompt tokens came from a prefix cache", percent(*share))
            }

            Self::SeveralInAChunk { answers } => write!(
                f,
                "{} held several tokens in a chunk: gaps between chunks are not gaps between tokens",
                count(*answers, "answer")
            ),
        }
    }
}
