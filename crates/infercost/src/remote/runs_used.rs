//! Which runs a command works with, and what became of those that were to be pushed.

use std::path::Path;

use serde::Serialize;

/// Which runs a command works with.
#[cfg_attr(not(feature = "fleet"), allow(dead_code, reason = "a build without stores looks at none of it"))]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RunsUsed<'a> {
    /// Those of a folder alone.
    Folder,
    /// It records one.
    Recorded,
    /// These; the newest where none is named.
    Named(Vec<&'a str>),
    /// One, and the newest of the others, so many.
    NamedAndNewest { name: &'a str, others: usize },
    /// All of them.
    All,
    /// Those that began on this day or later, at most so many.
    Listed { since: Option<jiff::civil::Date>, most: Option<usize> },
}

/// A run that was to be pushed.
#[cfg_attr(not(feature = "fleet"), allow(dead_code, reason = "a build without stores makes none"))]
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PushedRun {
    /// Its id, or its folder's name where the id is not known.
    pub(crate) run: String,
    /// Its folder.
    pub(crate) folder: String,
    /// `new`, `continued`, `present` or `ahead`; `None` where it was not pushed.
    pub(crate) outcome: Option<&'static str>,
    /// Size of the run in the store.
    pub(crate) bytes: Option<u64>,
    /// Bytes that had to be sent.
    pub(crate) sent: Option<u64>,
    /// False of a run that was cut off.
    pub(crate) finished: Option<bool>,
    /// Why it was not pushed.
    pub(crate) error: Option<String>,
}

/// True where `--traces` is the URL of a store.
pub(super) fn is_address(traces: &Path) -> bool {
    traces.to_str().is_some_and(|text| text.contains("://"))
}
