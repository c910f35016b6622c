//! What can go wrong with another program's traces.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::batch_threads::Stopped;

/// A file that holds no traces, or more than can be held.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForeignError {
    /// The file could not be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing in it is a trace, and this is wrong with its first part.
    #[error("{}:{place}: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Line of JSON, or message of protobuf, from 1.
        place: u64,
        /// What is wrong; file content in it is escaped.
        reason: String,
    },
    /// It is of a kind that is not read.
    #[error("{}: {hint}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// A table that cannot be read.
    #[error(transparent)]
    Table(#[from] infercost_text::TextError),
    /// Whoever takes the calls of a stream has gone away.
    #[error("nobody takes the calls any more")]
    Stopped,
    /// More calls than fit into memory.
    #[error("more than {limit} calls; cut the traces into parts and report on them one by one")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl From<Stopped> for ForeignError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}
