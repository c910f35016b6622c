//! Requests that carry no cost.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::reason::Reason;
use crate::text::count;

/// Requests of a run whose cost is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Unbilled {
    /// The variant, and the operating point where that is to be told apart.
    pub name: String,
    /// How many.
    pub requests: u64,
    /// Why their cost is unknown.
    pub why: Reason,
}

impl fmt::Display for Unbilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, requests, why } = self;
        write!(f, "{name}: {} without a cost: {why}", count(*requests, "request"))
    }
}

impl Serialize for Unbilled {
    /// The sentence; the code is that of `why`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
