//! Reads text files from anywhere: prompts, prices, other programs' traces, settings.
//!
//! What a user calls a text file may start with a byte-order mark, be UTF-16 (as PowerShell's `>` writes it), end its
//! lines as Windows does, or be packed with gzip. [`Decoder`] turns all of it into UTF-8 with `\n` at the end of a
//! line, piece by piece and within a stated bound; [`read`] gives the whole text. [`json::documents`] reads JSON Lines,
//! arrays and single objects alike, and [`Table`] what spreadsheets export; [`TableReader`] reads that row by row.
//!
//! The one design decision: **nothing is guessed in silence**. Where bytes are no text, a bound is passed or JSON is
//! malformed, the error names the file, the line and the column.

#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

mod decoder;
mod error;
pub mod json;
mod lines;
mod row;
mod shown;
mod source;
mod table;
mod table_reader;

pub use decoder::Decoder;
pub use error::TextError;
pub use lines::{Line, Lines};
pub use row::Row;
pub use shown::shown;
pub use source::{STANDARD_INPUT, display_name, open, open_regular, read, read_regular};
pub use table::Table;
pub use table_reader::TableReader;
