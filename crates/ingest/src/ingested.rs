//! One source into tables: read by threads of its own, written by the caller's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread;

use infercost_core::{Irregularity, IrregularityKind};
use infercost_trace::foreign::{Streamed, stream_file};
use serde::Serialize;

use crate::error::IngestError;
use crate::opened::Opened;
use crate::outcome::Outcome;
use crate::part::Part;
use crate::rows::row;
use crate::tables::Tables;

/// Batches of calls between reader and writer: as many as come at once when traces are settled, so that reading goes on
/// meanwhile; more would be memory and no speed.
const BETWEEN: usize = 32;

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

/// Takes a part of a source into tables: all of it, or nothing. Memory does not grow with it.
///
/// # Errors
/// [`IngestError`]; the tables are then as they were.
pub fn ingest(part: &Part, tables: &Tables) -> Result<Ingested, IngestError> {
    let path = Path::new(part.name());
    let opened = Opened::new(part.at_hand()?, path)?;
    // a file's name has no part in it: a copy or a renamed file is the same source
    let id = part.id().unwrap_or(&opened.id);

    let mut taking = tables.take(id, &format!("traces-{id}"))?;
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
        streamed.map_err(|_| IngestError::Reader { name: part.name().to_owned() })??;
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
