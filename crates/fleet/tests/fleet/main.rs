//! Tables, written and read as a whole.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first thing that is wrong"
)]

#[cfg(feature = "cluster")]
mod cluster;
mod documents;
mod faults;
mod made_up;
mod parquet_rows;
mod questions;
mod recorded_runs;
mod requests;
mod statements;
mod writing;
