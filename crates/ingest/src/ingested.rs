//! One source into tables: read by a thread of its own, written by the caller's.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread;

use infercost_core::{Irregularity, IrregularityKind};
use infercost_store::{Patience, RemoteFiles};
use infercost_trace::foreign::{Streamed, stream_file};
use serde::Serialize;

use crate::error::IngestError;
use crate::opened::Opened;
use crate::outcome::Outcome;
use crate::rows::row;
use crate::sources::Source;
use crate::tables::Tables;

/// Batches of calls between the two threads; more would be memory and no speed.
const BETWEEN: usize = 4;

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

/// Takes a source into tables: all of it, or nothing. Memory does not grow with it.
///
/// # Errors
/// [`IngestError`]; the tables are then as they were.
pub fn ingest(source: &Source, tables: &Tables) -> Result<Ingested, IngestError> {
    let path = source.name();
    let path = Path::new(&path);
    let opened = Opened::new(at_hand(source)?, path)?;
    // the file's name has no part in it: a copy or a renamed file is the same source
    let id = format!("traces-{}", opened.id);

    let mut taking = tables.take(&opened.id, &id)?;
    let (sink, calls) = sync_channel(BETWEEN);
    let (read, reader) = (opened.read, opened.reader);
    let (streamed, written) = thread::scope(|scope| {
        let reading = scope.spawn(move || stream_file(path, reader, sink));
        let mut written = Ok(());
        for call in calls.iter().flatten() {
            if written.is_ok() {
                written = taking.writer.inference(&row(&call));
            }
        }
        (reading.join(), written)
    });

    // a disk that is full comes before what the reader says of it
    written?;
    let Streamed { spans, calls, irregularities } =
        streamed.map_err(|_| IngestError::Reader { name: source.name() })??;
    let bytes = read.load(Ordering::Relaxed);
    let outcome = taking.finish(bytes)?;
    Ok(Ingested {
        outcome,
        spans,
        inferences: calls,
        skipped: spans.saturating_sub(calls),
        bytes,
        irregularities,
    })
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
