//! What can be wrong with a text file.

use thiserror::Error;

/// A text file that cannot be read. Every message names the file.
#[derive(Debug, Error)]
pub enum TextError {
    /// The file system refused.
    #[error("{file}: cannot read the {what}: {cause}")]
    Unreadable {
        /// The file.
        file: String,
        /// What it should be: `prompt set`.
        what: String,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The bytes are no text, or the text is too long.
    #[error("{file}: {reason}")]
    NotText {
        /// The file.
        file: String,
        /// What is wrong, and what would help.
        reason: String,
    },
    /// One place in the text is wrong.
    #[error("{file}:{line}:{column}: {reason}")]
    Place {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in bytes.
        column: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
}
