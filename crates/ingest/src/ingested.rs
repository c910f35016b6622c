//! One source into the tables: read by a thread of its own, written by the caller's.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread;

use infercost_core::{Irregularity, IrregularityKind};
use infercost_fleet::tables::writer::TablesWriter;
use infercost_store::{Patience, RemoteFiles};
use infercost_trace::foreign::{Streamed, stream_file};
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::opened::Opened;
use crate::rows::row;
use crate::sources::Source;

/// Batches of calls between the two threads; more would be memory and no speed.
const BETWEEN: usize = 4;
/// Folder, below that of the tables, of what is known of each source.
const KNOWN: &str = ".ingested";

/// What became of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its calls are in the tables, and were not before.
    New,
    /// Its calls took the place of those that it had before: it has grown, or is the same.
    Replaced,
    /// More of it was taken in before, and nothing was changed.
    Shorter,
}

/// A source that was taken in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ingested {
    /// What became of it.
    pub outcome: Outcome,
    /// All its spans.
    pub spans: u64,
    /// Calls of models: rows.
    pub inferences: u64,
    /// Spans that are no call of a model, or show one that is counted already.
    pub skipped: u64,
    /// Uncompressed bytes.
    pub bytes: u64,
    /// What is left out or doubtful, with the first example of each.
    pub irregularities: BTreeMap<IrregularityKind, Irregularity>,
}

/// What is known of a source that is in the tables.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    bytes: u64,
}

/// Takes a source into the tables of a folder: all of it, or nothing. Memory does not grow with it.
///
/// # Errors
/// [`IngestError`]; the tables are then as they were.
pub fn ingest(source: &Source, tables: &Path) -> Result<Ingested, IngestError> {
    let path = source.name();
    let path = Path::new(&path);
    let opened = Opened::new(at_hand(source)?, path)?;
    // the file's name has no part in it: a copy or a renamed file is the same source
    let name = format!("traces-{}", opened.id);
    let before = known(tables, &opened.id)?;

    let mut writer = TablesWriter::create(tables, &name)?;
    let (sink, calls) = sync_channel(BETWEEN);
    let (read, reader) = (opened.read, opened.reader);
    let (streamed, written) = thread::scope(|scope| {
        let reading = scope.spawn(move || stream_file(path, reader, sink));
        let mut written = Ok(());
        for call in calls.iter().flatten() {
            if written.is_ok() {
                written = writer.inference(&row(&call));
            }
        }
        (reading.join(), written)
    });

    // a disk that is full comes before what the reader says of it
    written?;
    let Streamed { spans, calls, irregularities } =
        streamed.map_err(|_| IngestError::Reader { name: source.name() })??;
    let bytes = read.load(Ordering::Relaxed);
    let mut ingested = Ingested {
        outcome: Outcome::Shorter,
        spans,
        inferences: calls,
        skipped: spans.saturating_sub(calls),
        bytes,
        irregularities,
    };

    // dropping the writer leaves the tables as they were
    if before.is_some_and(|before| before.bytes > bytes) {
        return Ok(ingested);
    }
    let replaced = writer.finish()?.replaced;
    note_known(tables, &opened.id, &Known { bytes })?;
    ingested.outcome = if replaced > 0 { Outcome::Replaced } else { Outcome::New };
    Ok(ingested)
}

/// The source as a file of this machine; an object of a store is copied into one that has no name.
fn at_hand(source: &Source) -> Result<File, IngestError> {
    match source {
        Source::File(path) => File::open(path).map_err(IngestError::file(path)),
        Source::Object { store, name, bytes } => {
            let store = RemoteFiles::open(store, &infercost_store::variables(), Patience::default())?;
            let copy = tempfile::tempfile().map_err(IngestError::file(&std::env::temp_dir()))?;
            store.copy(name, *bytes, &copy)?;
            Ok(copy)
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
