//! Folders of tables, read: which files they hold, and the engine that answers over them.

pub mod cluster;
pub mod engine;
pub mod error;
mod file_check;
pub mod files;
mod guarded;
mod listing;
pub mod parquet_rows;
mod planning;
pub mod requests;
pub mod sql;
