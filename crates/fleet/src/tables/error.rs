//! What can go wrong with tables.

use std::io;
use std::path::{Path, PathBuf};

use datafusion::arrow::error::ArrowError;
use datafusion::parquet::errors::ParquetError;
use infercost_core::text::printable_up_to;
use thiserror::Error;

/// Why tables cannot be written or read.
#[derive(Debug, Error)]
pub enum TablesError {
    /// The system refuses a file or a folder.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried: `write`, `read`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of Parquet cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// Rows cannot be put together; a fault of this program.
    #[error("cannot put rows together")]
    Rows(#[from] ArrowError),
    /// An amount is too large for the decimal of the tables.
    #[error(
        "an amount of {amount} does not fit the tables: they hold less than 1,000,000 of a currency per row"
    )]
    Amount {
        /// Which.
        amount: String,
    },
    /// A name of a source is empty.
    #[error("a source of rows needs a name")]
    NoSource,
    /// There are no tables in a folder.
    #[error("no tables in {}; `infercost export RUN --parquet DIR` writes some", folder.display())]
    NoTables {
        /// Where.
        folder: PathBuf,
    },
    /// There is no such folder of tables.
    #[error("{}: no such folder; `infercost export RUN --parquet {}` writes one", folder.display(), folder.display())]
    NoFolder {
        /// As it was named.
        folder: PathBuf,
    },
    /// A copy of a store, in which files lie that count no more.
    #[error(
        "{} is a store of tables, or a copy of one, and holds files that count no more; name it by its address, file:///…",
        folder.display()
    )]
    Store {
        /// Where.
        folder: PathBuf,
    },
    /// Files were being put in place when the writer ended.
    #[error("{}: `{unfinished}` was cut off while its files were put in place; write it again", folder.display())]
    Unfinished {
        /// Where.
        folder: PathBuf,
        /// The source.
        unfinished: String,
    },
    /// A file cannot be read as Parquet.
    #[error("{}: not a whole Parquet file ({why}); delete it, and write its source again", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What the reader says.
        why: String,
    },
    /// A file of Parquet that is not one of these tables.
    #[error("{}: a Parquet file of another program; keep it out of the folder of the tables", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A file of a version that is not known here.
    #[error("{}: written as `{version}`, and this version reads `{known}`; use a newer infercost", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: String,
        /// The newest version that is known.
        known: &'static str,
    },
    /// A source lies in two folders, and is not the same in both.
    #[error(
        "`{source_name}` lies in {} and in {}, and they differ; name one of the folders alone, or write it again",
        one.display(), other.display()
    )]
    Differs {
        /// Which.
        source_name: String,
        /// The first folder.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// A column is not what the schema says.
    #[error("{}: column `{column}` is {found}, and should be {wanted}; write its source again", path.display())]
    Column {
        /// Which file.
        path: PathBuf,
        /// Which column.
        column: String,
        /// Its type.
        found: String,
        /// The type of the schema.
        wanted: String,
    },
}

impl TablesError {
    /// What an operation on a path says of an error of the system.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// A file that cannot be read, with what the reader says, cut and escaped.
    pub(crate) fn damaged(path: &Path, why: &str) -> Self {
        Self::Damaged { path: path.to_owned(), why: printable_up_to(why, 160).into_owned() }
    }
}
