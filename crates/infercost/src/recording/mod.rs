//! From what the command line asks for to a run on disk.
//!
//! [`Setup`] holds what is known before the first model is loaded. It loads the models or asks the servers, writes the
//! header, and has the harness measure; a `Recorder` takes each fact and appends it to the run.

mod completed;
mod contenders;
mod content;
mod drive;
mod header;
mod recorder;
mod servers;
mod setup;

pub(crate) use contenders::contenders;
pub(crate) use servers::Servers;
pub(crate) use setup::{Setup, Wire};
