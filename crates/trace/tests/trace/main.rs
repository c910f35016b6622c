//! What the store promises: records come back as they were, whatever happens to the process or the file.
#![expect(clippy::unwrap_used, reason = "a test stops where its preparation fails")]

mod contract;
mod exports;
mod flavors;
mod foreign;
mod foreign_long;
mod foreign_shapes;
mod foreign_spellings;
mod hostile;
mod records;
mod round_trip;
mod store;
mod vocabulary;
