//! What can go wrong between a run's folder and a back-end.

use std::path::PathBuf;

use thiserror::Error;

/// A destination that spans cannot be sent to as it is described.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DestinationError {
    /// The address is not one.
    #[error("{origin}: `{address}` is not an address: {problem}; write for example {}", example(origin))]
    Address {
        /// The flag or variable that gave it.
        origin: String,
        /// The address, escaped, cut, and without credentials.
        address: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting has a value that it cannot have.
    #[error("{origin}: `{value}` is not {wanted}")]
    Setting {
        /// The flag or variable that gave it.
        origin: String,
        /// The value, escaped and cut.
        value: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// A header that cannot be sent. Its value is not told.
    #[error("header {name}: {problem}")]
    Header {
        /// The header's name, escaped.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A variable that this back-end needs is not set.
    #[error("{variable} is not set; {hint}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// Where to get it.
        hint: &'static str,
    },
    /// A certificate or key could not be read or used.
    #[error("{}: {problem}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl DestinationError {
    /// The same fault, said of another flag or variable: back-ends have addresses of their own.
    #[must_use]
    pub(crate) fn said_of(self, flag: &str) -> Self {
        match self {
            Self::Address { address, problem, .. } => {
                Self::Address { origin: flag.to_owned(), address, problem }
            }
            other => other,
        }
    }
}

/// An export that could not be carried out.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The destination is not usable.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// A file of the run could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the run is not OTLP JSON.
    #[error("{}: byte {offset}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Where the line begins.
        offset: u64,
        /// What is wrong; file content in it is escaped.
        reason: String,
    },
    /// The back-end refused for good, or was not there for as long as was waited.
    #[error("{destination}: {why}")]
    NotSent {
        /// Where to, without credentials.
        destination: String,
        /// What the server or the network said, escaped and cut.
        why: String,
    },
    /// A back-end's own interface answered what was not expected.
    #[error("{destination}: {what}: {why}")]
    Backend {
        /// Where, without credentials.
        destination: String,
        /// What was asked for.
        what: &'static str,
        /// What came, escaped and cut.
        why: String,
    },
}

/// An address as it may be written for this flag: back-ends listen at ports of their own.
fn example(origin: &str) -> &'static str {
    if origin.to_ascii_lowercase().contains("phoenix") {
        "http://localhost:6006"
    } else {
        "http://localhost:4318"
    }
}
