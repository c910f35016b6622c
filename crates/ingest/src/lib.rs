//! Production traces of any size into tables: files, folders, object stores and projects of Phoenix, in OTLP and whatever
//! else is read here.
//!
//! The main function is [`ingest`]: one part of a source, read on all processors and written by the caller's thread, in memory that
//! does not grow with it. The one design decision: **a source goes by how it begins**. The first line of a file of traces holds ids that no other
//! file has, so a file that is read again, was copied, renamed or has grown meanwhile replaces its own rows and adds none
//! twice; nothing has to be remembered of single spans.
//!
//! - [`mod@sources`]: what the names on a command line stand for;
//! - [`mod@part`]: what of it is taken in as one;
//! - `phoenix`: a project of a Phoenix, day by day;
//! - `opened`: a part, uncompressed, and the name that it goes by;
//! - [`rows`]: a call as a row of a table;
//! - [`tables`]: the folder or the store that it is taken into;
//! - [`error`]: what can go wrong.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod error;
mod ingested;
mod opened;
mod outcome;
pub mod part;
mod phoenix;
pub mod rows;
pub mod sources;
pub mod tables;

pub use error::IngestError;
pub use ingested::{Ingested, ingest};
pub use outcome::Outcome;
pub use part::{Part, parts};
pub use sources::{Source, sources};
pub use tables::Tables;
