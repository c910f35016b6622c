//! What the entries of a log say together.

use std::collections::BTreeMap;

use super::entry::LogEntry;

/// What the entries say together, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The number of the last entry that was read; 0 for none.
    last: u64,
    /// The entry of each source that is valid: the one of the highest number.
    newest: BTreeMap<String, LogEntry>,
}

impl Log {
    /// The number of the last entry that was read; 0 for none.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The number that the next entry will have.
    pub(super) fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// The valid entry of a source.
    pub(super) fn newest(&self, source: &str) -> Option<&LogEntry> {
        self.newest.get(source)
    }

    /// The valid entries of all sources.
    pub(super) fn all(&self) -> impl Iterator<Item = &LogEntry> {
        self.newest.values()
    }

    /// Adds the next entry.
    pub(super) fn take(&mut self, entry: LogEntry) {
        self.last = entry.number;
        self.newest.insert(entry.source.clone(), entry);
    }
}
