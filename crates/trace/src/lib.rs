//! Records become spans and back, and the store that keeps them on disk.
//!
//! [`RunStore`] appends each measured record to `<traces>/<run id>/spans.jsonl` as a span in OTLP JSON, and
//! [`read_run`] gives the records back. The one design decision: **the trace is the only thing on disk**.
//! There is no second format for reports, so what a person sees in a trace viewer and what a report is
//! computed from cannot differ; the price is that writing and reading a record must be inverse to each other,
//! which is a property test.
//!
//! Nothing else in the workspace names a span attribute, and nothing here computes a metric.
//!
//! - [`attributes`]: every attribute name.
//! - [`outgoing`], [`backend_attributes`]: what back-ends want beside what is on disk;
//! - [`otlp_json`], [`traces_reader`]: a line as spans, and line after line, for whoever passes them on.
//! - [`foreign`]: what other programs recorded.
//! - `mapping`: one file a record: to a span, and back.
//! - [`span_ids`], `span_names`: ids that follow from what a span records, and what spans are called by.
//! - [`run_store`], [`run_reader`]: the folder of a run, written and read.
//! - `line_batch`, `batch_threads`, `line_frame`, `line_records`, `gathered`: lines, many at once, on several threads; what
//!   the lines of a run have in common; the records in them; and each of those once.
//! - `new_folder`: a run's folder appears whole or not at all.
//! - `raw_list`: the elements of a JSON list, one in memory at a time.
//! - `span_draft`, `otlp_line`, `checksum`, `read_span`, `journal`, `escaped`: a span under construction, as a line, its
//!   checksum, as read, the file of whole lines, and messages that may quote it.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod attributes;
pub mod backend_attributes;
mod batch_threads;
mod checksum;
pub mod error;
mod escaped;
pub mod foreign;
mod gathered;
mod journal;
mod line_batch;
mod line_frame;
mod line_records;
mod mapping;
mod names;
mod new_folder;
pub mod otlp_json;
mod otlp_line;
pub mod outgoing;
mod raw_list;
mod read_span;
pub mod run_reader;
pub mod run_store;
mod span_draft;
pub mod span_ids;
mod span_names;
mod texts;
pub mod traces_reader;

pub use error::{MappingError, StoreError};
pub use infercost_text::open_regular;
pub use new_folder::{remove_abandoned, try_writing};
pub use run_reader::{ReadNotes, inspect_run, is_finished, list_runs, read_run, read_run_without_texts};
pub use run_store::{RunStore, is_run_id};
pub use traces_reader::TracesReader;
