//! The tables that runs are exported into: those of a folder, or those of a store, which are written to this disk first.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use infercost_fleet::Written;
use infercost_fleet::recorded::{self, RecordedRun};
use infercost_store::{Patience, RemoteTables};

use super::fetching::as_usage;
use super::runs_used::is_address;

/// Tables that runs are written into.
pub(crate) enum RunTables {
    Folder(PathBuf),
    Store(Box<RemoteTables>),
}

impl RunTables {
    /// The tables of a name. A store is tried before a report is computed for it.
    ///
    /// # Errors
    /// A usage error for an address that is none; where the store cannot be reached or written.
    pub(crate) fn open(name: &Path) -> anyhow::Result<Self> {
        if !is_address(name) {
            return Ok(Self::Folder(name.to_owned()));
        }
        let store = open(name)?;
        store.prepare()?;
        Ok(Self::Store(Box::new(store)))
    }

    /// As it may be shown.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Store(store) => store.address().to_owned(),
        }
    }

    /// Writes a run. One that was written before is replaced.
    ///
    /// # Errors
    /// Where an amount does not fit, or files cannot be written or sent: the tables are then as they were.
    pub(crate) fn write(&self, run: &RecordedRun<'_>) -> anyhow::Result<Written> {
        let store = match self {
            Self::Folder(folder) => return Ok(recorded::write(run, folder)?),
            Self::Store(store) => store,
        };

        let staging = tempfile::tempdir().context("cannot write to the folder of temporary files")?;
        let written = recorded::write(run, staging.path())?;
        let published = store.publish(&recorded::source_of(run.run), None, staging.path())?;
        Ok(Written { replaced: published.replaced, ..written })
    }
}

/// A store of tables, reached as the variables of this process say.
pub(super) fn open(name: &Path) -> anyhow::Result<RemoteTables> {
    let address = name.display().to_string();
    RemoteTables::open(&address, &infercost_store::variables(), Patience::default()).map_err(as_usage)
}
