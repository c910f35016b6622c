//! Folders of tables, read: which files they hold, and the engine that answers over them.

pub mod engine;
pub mod error;
mod file_check;
pub mod files;
pub mod parquet_rows;
pub mod requests;
pub mod sql;
