//! The tables: what their columns mean, and how they are written.

pub mod error;
mod file_writer;
pub mod lock;
pub mod money;
mod packed_rows;
pub mod partition;
pub mod rows;
pub mod schema;
pub(crate) mod store_marker;
mod value;
pub mod writer;
