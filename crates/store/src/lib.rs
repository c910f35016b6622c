//! Runs and tables in object stores: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage, a folder that is
//! shared.
//!
//! The main type is [`RemoteRuns`]: [`RemoteRuns::push`] takes a run from this disk there, [`RemoteRuns::list`] says which
//! runs are there, and [`RemoteRuns::fetch`] brings one back. The one design decision: **content decides the names of
//! objects, and a manifest that is written last makes a run visible**. So no writer ever overwrites what another wrote,
//! a push that was cut off goes on where it stopped, pushing twice changes nothing, and no reader sees half a run.
//!
//! ```text
//! <prefix>/infercost-store.json              what this is, and the version of its layout
//! <prefix>/manifests/<mirror>=<run id>.json  the files of a run, their sizes and checksums
//! <prefix>/runs/<run id>/run-<hash>.json     the header
//! <prefix>/runs/<run id>/spans-00000-<hash>.jsonl   pieces of the spans, cut at ends of lines: each is OTLP JSON Lines
//! ```
//!
//! Tables lie below a prefix of their own, or beside runs: [`RemoteTables`] publishes what one source's rows are, and says
//! which files are those of today. Their files are named by content as well, and what makes them visible is the next number
//! of a log.
//!
//! ```text
//! <prefix>/infercost-tables.json             what this is, and the version of its layout
//! <prefix>/log/0000000001.json               which files hold a source's rows; the highest number of a source is valid
//! <prefix>/inferences/day=…/model=…/<source>-0.<hash>.parquet    as tables of a folder
//! ```
//!
//! What comes from a store is hostile input: sizes are bounded, names come from ids that were checked, checksums are
//! verified before a run gets its name in the cache.
//!
//! - [`address`]: which store a URL means, with credentials from the standard variables;
//! - [`error`]: what can go wrong, without secrets;
//! - [`manifest`]: what makes a run visible;
//! - `layout`: what says of a prefix that there is something of infercost's;
//! - `objects`: requests to a store, one after another;
//! - `pieces`: a file in pieces, and their checksums;
//! - [`push`], [`listing`], [`fetch`]: to the store, what is there, and back;
//! - `remote_files`: files of others, for whoever reads those;
//! - [`tables`]: tables, published and fetched.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod address;
pub mod error;
pub mod fetch;
mod layout;
pub mod listing;
pub mod manifest;
mod objects;
mod pieces;
pub mod push;
mod remote_files;
mod remote_runs;
pub mod tables;

pub use address::{Patience, StoreAddress, Variable, variables};
pub use error::RemoteError;
pub use listing::{Damaged, Listing};
pub use manifest::Manifest;
pub use push::{PushOutcome, Pushed};
pub use remote_files::RemoteFiles;
pub use remote_runs::RemoteRuns;
pub use tables::{FetchedFile, PublishOutcome, Published, RemoteTables};
