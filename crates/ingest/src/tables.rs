//! Where sources are taken into: the tables of a folder, or those of a store.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use infercost_fleet::tables::writer::TablesWriter;
use infercost_store::{Patience, PublishOutcome, RemoteTables};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::error::IngestError;
use crate::outcome::Outcome;

/// Folder, below that of the tables, of what is known of each source.
const KNOWN: &str = ".ingested";

/// Tables that sources are taken into.
pub enum Tables {
    /// Those of a folder.
    Folder(PathBuf),
    /// Those of a store; rows are written to this disk first.
    Store(Box<RemoteTables>),
}

impl Tables {
    /// The tables of a name: a folder, or the URL of a store, which is then reached, before anything is read for it.
    ///
    /// # Errors
    /// [`IngestError::Store`] where the store cannot be reached or written.
    pub fn open(name: &Path) -> Result<Self, IngestError> {
        let Some(address) = name.to_str().filter(|text| text.contains("://")) else {
            return Ok(Self::Folder(name.to_owned()));
        };
        let store = RemoteTables::open(address, &infercost_store::variables(), Patience::default())?;
        store.prepare()?;
        Ok(Self::Store(Box::new(store)))
    }

    /// Begins to take a source in, which is known by that id and goes by that name in the tables.
    pub(crate) fn take(&self, id: &str, name: &str) -> Result<Taking<'_>, IngestError> {
        let place = match self {
            Self::Folder(folder) => Place::Folder { folder, id: id.to_owned(), before: known(folder, id)? },
            Self::Store(store) => Place::Store {
                store,
                name: name.to_owned(),
                staging: tempfile::tempdir().map_err(IngestError::file(&std::env::temp_dir()))?,
            },
        };
        let folder = match &place {
            Place::Folder { folder, .. } => folder,
            Place::Store { staging, .. } => staging.path(),
        };
        Ok(Taking { writer: TablesWriter::create(folder, name)?, place })
    }
}

/// A source that is being taken in. Dropped, it leaves the tables as they were.
pub(crate) struct Taking<'t> {
    pub(crate) writer: TablesWriter,
    place: Place<'t>,
}

/// Where its rows will be.
enum Place<'t> {
    Folder { folder: &'t Path, id: String, before: Option<Known> },
    Store { store: &'t RemoteTables, name: String, staging: TempDir },
}

/// What is known of a source that is in the tables of a folder.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    bytes: u64,
}

impl Taking<'_> {
    /// Puts all rows in place, unless more of the source is there.
    pub(crate) fn finish(self, bytes: u64) -> Result<Outcome, IngestError> {
        match self.place {
            Place::Folder { before: Some(before), .. } if before.bytes > bytes => Ok(Outcome::Shorter),
            Place::Folder { folder, id, .. } => {
                let replaced = self.writer.finish()?.replaced;
                note_known(folder, &id, &Known { bytes })?;
                Ok(if replaced > 0 { Outcome::Replaced } else { Outcome::New })
            }
            Place::Store { store, name, staging } => {
                self.writer.finish()?;
                Ok(match store.publish(&name, Some(bytes), staging.path())?.outcome {
                    PublishOutcome::New => Outcome::New,
                    PublishOutcome::Replaced | PublishOutcome::Present => Outcome::Replaced,
                    PublishOutcome::Shorter => Outcome::Shorter,
                })
            }
        }
    }
}

fn known(tables: &Path, id: &str) -> Result<Option<Known>, IngestError> {
    let path = tables.join(KNOWN).join(id);
    match fs::read(&path) {
        Ok(json) => Ok(serde_json::from_slice(&json).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IngestError::File { path, source }),
    }
}

fn note_known(tables: &Path, id: &str, known: &Known) -> Result<(), IngestError> {
    let folder = tables.join(KNOWN);
    let path = folder.join(id);
    let json = serde_json::to_vec(known).unwrap_or_default();
    fs::create_dir_all(&folder).map_err(IngestError::file(&folder))?;
    fs::write(&path, json).map_err(IngestError::file(&path))
}
