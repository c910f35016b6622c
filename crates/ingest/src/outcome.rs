//! What became of a source.

use serde::Serialize;

/// What became of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its calls are in the tables, and were not before.
    New,
    /// Its calls took the place of those that it had before: it has grown, or is the same.
    Replaced,
    /// More of it was taken in before, and nothing was changed.
    Shorter,
}
