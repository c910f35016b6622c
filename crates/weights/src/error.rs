//! What can be wrong with a header.

use std::io;

/// Why a header cannot be read. Names from the file are escaped; the file itself is the caller's to name.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The file ends before what its header declares.
    #[error("{0}")]
    CutShort(String),
    /// The header is none, or declares what cannot be.
    #[error("{0}")]
    Bad(String),
}
