//! What can go wrong between a record and the disk.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A record that no span can hold, or a span that holds no record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MappingError {
    /// JSON has no NaN and no infinity.
    #[error("{attribute} is not a finite number; record the result as impossible, with the reason")]
    NotFinite {
        /// The attribute that would have held it.
        attribute: &'static str,
    },
    /// A time before 1970 or so late that nanoseconds do not fit 64 bits.
    #[error("{what} lies outside the years 1970 to 2554; check the machine's clock")]
    Time {
        /// Which time.
        what: &'static str,
    },
    /// An attribute that the record needs is not there.
    #[error("attribute {attribute} is missing")]
    Missing {
        /// Its name.
        attribute: &'static str,
    },
    /// An attribute is there and makes no sense.
    #[error("attribute {attribute} {problem}")]
    Invalid {
        /// Its name.
        attribute: &'static str,
        /// What is wrong with it; file content in it is escaped.
        problem: String,
    },
    /// The span ends before it starts.
    #[error("the span ends before it starts")]
    Backwards,
}

/// A run folder that cannot be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be created, opened or locked.
    #[error("{}: {source}. {hint}", path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to try.
        hint: &'static str,
    },
    /// An append failed. What was written before is intact, and no half line is left behind.
    #[error("{}: cannot append: {source}. {hint}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to try.
        hint: &'static str,
    },
    /// A read failed.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The run's name cannot be the name of a folder.
    #[error("run id {id:?}: use 1 to 128 of a-z, A-Z, 0-9, `.`, `_`, `-`, not starting with `.`")]
    RunId {
        /// The name.
        id: String,
    },
    /// There is a run of that name already.
    #[error("{}: this run exists; choose another name, or resume it", path.display())]
    Exists {
        /// The run's folder.
        path: PathBuf,
    },
    /// Another process has the run open for writing.
    #[error("{}: another process is writing this run; wait until it ends", path.display())]
    InUse {
        /// The spans' file.
        path: PathBuf,
    },
    /// There is no run in the folder.
    #[error("{}: no run here (there is no run.json)", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// The run was written in a format that this version does not know.
    #[error("{}: format {found:?} is not {expected:?}; read it with the infercost that wrote it, or a newer one", path.display())]
    Version {
        /// `run.json`.
        path: PathBuf,
        /// The format named there.
        found: String,
        /// The format that this version reads.
        expected: &'static str,
    },
    /// `run.json` is not a run's header.
    #[error("{}: {reason}", path.display())]
    Header {
        /// `run.json`.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// One line of the spans' file is wrong.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong; file content in it is escaped.
        reason: String,
    },
    /// A record cannot be written as a span.
    #[error("{record} cannot be recorded: {source}")]
    Record {
        /// Which record.
        record: String,
        /// Why.
        source: MappingError,
    },
    /// The record is in the run already.
    #[error("{record} is already in the run; leave out what the run holds when it is resumed")]
    Duplicate {
        /// Which record.
        record: String,
    },
    /// The record is of a variant that the header does not name.
    #[error("variant {variant:?} is not in this run's header")]
    UnknownVariant {
        /// The variant.
        variant: String,
    },
    /// The record is larger than a line may be, so it could not be read back.
    #[error("{record} takes {bytes} bytes; a line holds at most {limit}")]
    TooLong {
        /// Which record.
        record: String,
        /// Its size as a line.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The run is finished; nothing can be added.
    #[error("{}: the run is finished; start a new one", path.display())]
    Finished {
        /// The run's folder.
        path: PathBuf,
    },
    /// An earlier append failed and its half line could not be removed.
    #[error("{}: an earlier write failed and left half a line; make room, then resume the run", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
}
