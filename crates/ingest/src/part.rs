//! What is taken in as one: a file, an object, a day of a project of Phoenix.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use infercost_store::{Patience, RemoteFiles};
use tempfile::TempDir;

use crate::error::IngestError;
use crate::phoenix;
use crate::sources::Source;

/// What is taken in as one: all of it, or nothing.
#[derive(Debug, Clone)]
pub struct Part {
    name: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Source(Source),
    Day { file: PathBuf, id: String, _folder: Arc<TempDir> },
}

/// The parts of a source, in their order. A project of Phoenix is read for it, onto this disk, and is a part for each day;
/// `shown` is told how many spans there are so far.
///
/// # Errors
/// [`IngestError::Phoenix`], [`IngestError::PhoenixFault`], [`IngestError::File`]: nothing is known of the project then.
pub fn parts(source: &Source, shown: &mut dyn FnMut(u64)) -> Result<Vec<Part>, IngestError> {
    let Source::Phoenix { url, project } = source else {
        return Ok(vec![Part { name: source.name(), place: Place::Source(source.clone()) }]);
    };
    let spooled = phoenix::days(url, project, shown)?;
    let folder = Arc::new(spooled.folder);

    let mut parts = Vec::with_capacity(spooled.days.len());
    for day in spooled.days {
        parts.push(Part {
            name: format!("{}, {}", source.name(), day.name),
            place: Place::Day { file: day.file, id: day.id, _folder: Arc::clone(&folder) },
        });
    }
    Ok(parts)
}

impl Part {
    /// As it is shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it goes by; `None` where its content says it.
    pub(crate) fn id(&self) -> Option<&str> {
        match &self.place {
            Place::Source(_) => None,
            Place::Day { id, .. } => Some(id),
        }
    }

    /// As a file of this machine; an object of a store is copied into one that has no name.
    pub(crate) fn at_hand(&self) -> Result<File, IngestError> {
        match &self.place {
            Place::Day { file: path, .. } | Place::Source(Source::File(path)) => {
                File::open(path).map_err(IngestError::file(path))
            }
            Place::Source(Source::Object { store, name, bytes }) => {
                let store = RemoteFiles::open(store, &infercost_store::variables(), Patience::default())?;
                let copy = tempfile::tempfile().map_err(IngestError::file(&std::env::temp_dir()))?;
                store.copy(name, *bytes, &copy)?;
                Ok(copy)
            }
            Place::Source(Source::Phoenix { .. }) => Err(IngestError::NoSource { name: self.name.clone() }),
        }
    }
}
