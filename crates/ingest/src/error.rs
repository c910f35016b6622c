//! What can go wrong between a trace and a table.

use std::io;
use std::path::PathBuf;

use infercost_export::ExportError;
use infercost_fleet::tables::error::TablesError;
use infercost_store::RemoteError;
use infercost_trace::foreign::ForeignError;
use thiserror::Error;

/// A source that could not be taken in. Nothing of it is in the tables then.
#[derive(Debug, Error)]
pub enum IngestError {
    /// There is no such file or folder.
    #[error("`{name}` is neither a file nor a folder of traces, nor the address of a store or of a Phoenix")]
    NoSource {
        /// As it was named.
        name: String,
    },
    /// What should name a project of a Phoenix does not.
    #[error("`{name}`: write phoenix:http://localhost:6006/PROJECT")]
    NoProject {
        /// As it was named, without secrets.
        name: String,
    },
    /// A Phoenix could not be asked.
    #[error(transparent)]
    Phoenix(Box<ExportError>),
    /// A Phoenix answers what it should not, or may not be asked so.
    #[error("the Phoenix at {name}: {reason}")]
    PhoenixFault {
        /// Its address, without secrets.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are more files than are looked at.
    #[error("{}: more than {limit} files; name some of its folders", path.display())]
    TooMany {
        /// The folder, or the store.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// The traces could not be read.
    #[error(transparent)]
    Traces(#[from] ForeignError),
    /// The tables could not be written.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] RemoteError),
    /// The thread that read the traces has ended in a way that it must not.
    #[error("{name}: reading it was given up; this is a fault of infercost's, please report it")]
    Reader {
        /// The source.
        name: String,
    },
}

impl IngestError {
    pub(crate) fn phoenix(error: ExportError) -> Self {
        Self::Phoenix(Box::new(error))
    }

    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
