//! What can be wrong with a prompt set.

use infercost_text::TextError;
use thiserror::Error;

use crate::limits::MAX_PROMPTS;

/// A line of a good set, to be shown beside what was not understood.
pub(crate) const GOOD_LINE: &str = r#"{"id":"1","prompt":"What is 2 + 2?","grader":"number","answer":4}"#;

/// A prompt set that cannot be used.
#[derive(Debug, Error)]
pub enum PromptSetError {
    /// One prompt is wrong.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Something that is no prompt.
    #[error("{file}:{line}: {reason}\nhint: a good line is {GOOD_LINE}")]
    NotUnderstood {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        reason: String,
    },
    /// Malformed JSON, or a malformed table.
    #[error("{0}\nhint: a good line is {GOOD_LINE}")]
    Malformed(#[source] TextError),
    /// An id stands twice.
    #[error("{file}:{line}: id `{id}` stands already in line {first}; ids must be distinct")]
    DuplicateId {
        /// The file.
        file: String,
        /// The second line, from 1.
        line: usize,
        /// The first line, from 1.
        first: usize,
        /// The id.
        id: String,
    },
    /// No prompt at all.
    #[error("{file}: no prompts\nhint: a good line is {GOOD_LINE}")]
    Empty {
        /// The file.
        file: String,
    },
    /// More than [`MAX_PROMPTS`] prompts.
    #[error("{file}: more than {MAX_PROMPTS} prompts; split the set")]
    TooMany {
        /// The file.
        file: String,
    },
}
