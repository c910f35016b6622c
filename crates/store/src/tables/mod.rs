//! Tables in a store: what a source's rows are is published whole, and read back as it is today.
//!
//! A log says which files hold the rows of a source. Its entries are numbered without a gap, each is written where there was
//! none, and none is ever changed: so of two writers one is first, and the other looks at what that one wrote before it goes
//! on. It is read by number and not by a list, which may leave something out.

pub mod entry;
mod fetch;
mod log;
mod log_reading;
mod publish;
mod remote_tables;

pub use fetch::FetchedFile;
pub use publish::{PublishOutcome, Published};
pub use remote_tables::RemoteTables;
