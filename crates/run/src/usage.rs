//! Errors that stem from what the user wrote, apart from failures.

use std::fmt;

/// The exit code of a run that was interrupted; what was measured is on disk.
pub const INTERRUPTED: u8 = 130;

/// An error that stems from what the user wrote: an argument, a settings file, a name.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An input that the user named is wrong.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(message.into()))
}
