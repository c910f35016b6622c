//! Reads a run's folder: finished, cut off, or still being written.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;

use infercost_core::run::RUN_SCHEMA;
use infercost_core::{RunHeader, RunRecord};
use infercost_text::open_regular;
use serde::Deserialize;

use crate::batch_threads::{BatchThreads, ReadBatch, Stopped};
use crate::error::StoreError;
use crate::escaped::plain;
use crate::gathered::Gathered;
pub use crate::gathered::ReadNotes;
use crate::line_batch::LineBatch;
pub use crate::line_batch::MAX_LINE;
use crate::line_records::{ReadLine, RecordReader};
use crate::names::Names;
pub use crate::new_folder::HEADER_FILE;
use crate::otlp_json::{Part, each_part};
use crate::span_ids::SpanId;
use crate::span_names::record;
use crate::texts::Texts;

/// Name of the spans' file in a run's folder.
pub const SPANS_FILE: &str = "spans.jsonl";
/// Largest header read, in bytes.
pub const MAX_HEADER: u64 = 64 << 20;
/// What is said where a thread that reads lines is gone, which a panic alone can do.
const STOPPED: &str = "a thread that read the lines stopped";

/// A run as it lies on disk, before windows that were cut off are closed.
#[derive(Debug)]
pub(crate) struct StoredRun {
    /// The records. A window that was cut off stands last and is marked.
    pub(crate) record: RunRecord,
    /// What was left aside.
    pub(crate) notes: ReadNotes,
    /// Ids of all spans of infercost's.
    pub(crate) ids: HashSet<SpanId>,
    /// Bytes of whole lines; a line without its end that is whole otherwise counts.
    pub(crate) length: u64,
    /// True where the last whole line lacks its line end.
    pub(crate) unterminated: bool,
}

/// Reads a run.
///
/// A last line that was cut off is dropped, and a window that the run was cut off in is marked
/// `interrupted`, so that a killed run reads like any other but for its missing end.
///
/// # Errors
/// [`StoreError`] where there is no run, its format is newer, or a line is not what infercost writes.
pub fn read_run(folder: &Path) -> Result<RunRecord, StoreError> {
    read_noting(folder, Texts::Kept)
}

fn read_noting(folder: &Path, texts: Texts) -> Result<RunRecord, StoreError> {
    let StoredRun { record, notes, .. } = read_stored(folder, texts)?;
    if notes != ReadNotes::default() {
        tracing::warn!("{}: left aside: {notes}", folder.display());
    }
    Ok(record)
}

/// The same without prompts and answers, which no figure needs: a run of a million spans is then read in half the memory.
///
/// # Errors
/// As [`read_run`].
pub fn read_run_without_texts(folder: &Path) -> Result<RunRecord, StoreError> {
    read_noting(folder, Texts::LeftOut)
}

/// Reads a run, and says what was left aside.
///
/// # Errors
/// As [`read_run`].
pub fn inspect_run(folder: &Path) -> Result<(RunRecord, ReadNotes), StoreError> {
    let stored = read_stored(folder, Texts::Kept)?;
    Ok((stored.record, stored.notes))
}

/// The folders below `traces` that hold a run, sorted by name; none where `traces` does not exist.
///
/// # Errors
/// [`StoreError::Read`] where the folder cannot be listed.
pub fn list_runs(traces: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let read = |source| StoreError::Read { path: traces.to_owned(), source };
    let entries = match std::fs::read_dir(traces) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(read)?;
        let folder = entry.path();
        // what begins with a dot is a run that has not begun yet
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && folder.join(HEADER_FILE).is_file() {
            runs.push(folder);
        }
    }
    runs.sort();
    Ok(runs)
}

/// True where a run has been finished: its last line holds the end of the run. Nothing else is read, so that thousands
/// of runs can be looked at.
///
/// # Errors
/// [`StoreError::Read`] where the spans' file cannot be read. A run without one is not finished.
pub fn is_finished(folder: &Path) -> Result<bool, StoreError> {
    let path = folder.join(SPANS_FILE);
    let last = match last_line(&path) {
        Ok(last) => last,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(StoreError::Read { path, source }),
    };
    let mut holds_end = false;
    let read = each_part(&last, &mut |part| {
        holds_end |= matches!(part, Part::Span { span, .. } if span.record() == Some(record::RUN));
    });
    Ok(read.is_ok() && holds_end)
}

/// The last line that is not blank; empty where there is none, or it is longer than any.
fn last_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    let length = file.metadata()?.len();
    let mut piece = 64 << 10;

    while piece <= 2 * MAX_LINE as u64 {
        let begin = length.saturating_sub(piece);
        file.seek(SeekFrom::Start(begin))?;
        let mut end = Vec::new();
        file.by_ref().take(piece).read_to_end(&mut end)?;

        let end = end.trim_ascii_end();
        match end.iter().rposition(|byte| *byte == b'\n') {
            Some(before) => return Ok(end.get(before + 1..).unwrap_or_default().to_vec()),
            None if begin == 0 => return Ok(end.to_vec()),
            None => piece *= 4,
        }
    }

    Ok(Vec::new())
}

/// Reads a run as it lies on disk.
pub(crate) fn read_stored(folder: &Path, texts: Texts) -> Result<StoredRun, StoreError> {
    let header = read_header(folder)?;
    let path = folder.join(SPANS_FILE);
    let file = match open_regular(&path) {
        Ok(file) => Some(file),
        // killed between the header and the first span
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(StoreError::Read { path, source }),
    };

    let mut lines = Lines { path, number: 0, length: 0, unterminated: false, torn: 0 };
    let mut gathered = Gathered::new(&header);
    if let Some(file) = file {
        let records = RecordReader::new(texts, Names::announced(&header));
        lines.read(BufReader::with_capacity(1 << 18, file), records, &mut gathered)?;
    }

    gathered.notes.torn_bytes = lines.torn;
    let (record, ids, notes) = gathered.finish(header);
    Ok(StoredRun { record, notes, ids, length: lines.length, unterminated: lines.unterminated })
}

/// How far the lines of a run were read.
struct Lines {
    path: PathBuf,
    number: u64,
    length: u64,
    unterminated: bool,
    torn: u64,
}

impl Lines {
    /// Takes every line into `gathered`. Lines are turned into records on as many threads as there are processors, some
    /// megabytes at a time, and taken in the order in which they stand.
    fn read(
        &mut self,
        mut reader: BufReader<File>,
        records: RecordReader,
        gathered: &mut Gathered,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let gone = |_: Stopped| StoreError::Read { path: path.clone(), source: io::Error::other(STOPPED) };

        thread::scope(|scope| {
            let mut threads = BatchThreads::new(records);
            let mut batch = LineBatch::default();
            let mut is_readable = true;

            while is_readable {
                let filled = batch.fill(&mut reader, MAX_LINE);
                filled.map_err(|source| StoreError::Read { path: path.clone(), source })?;
                if batch.is_empty() {
                    break;
                }

                is_readable = batch.too_long.is_none();
                if !batch.is_last {
                    threads.begin(scope);
                }

                batch = match threads.hand_out(batch).map_err(gone)? {
                    Some(read) => self.take_batch(read, gathered)?,
                    None => LineBatch::default(),
                };
                while threads.are_busy()
                    && let Some(read) = threads.take_back().map_err(gone)?
                {
                    batch = self.take_batch(read, gathered)?;
                }
            }

            while let Some(read) = threads.take_back().map_err(gone)? {
                self.take_batch(read, gathered)?;
            }
            Ok(())
        })
    }

    /// Takes the lines of a batch, and gives the batch to be filled again.
    fn take_batch(
        &mut self,
        read: ReadBatch<Vec<ReadLine>>,
        gathered: &mut Gathered,
    ) -> Result<LineBatch, StoreError> {
        for line in read.lines {
            self.take(line, gathered)?;
        }

        if read.batch.too_long.is_some() {
            self.number += 1;
            let reason = format!("longer than {MAX_LINE} bytes; this is no line of infercost's");
            return Err(self.wrong(reason));
        }
        Ok(read.batch)
    }

    fn take(&mut self, line: ReadLine, gathered: &mut Gathered) -> Result<(), StoreError> {
        self.number += line.blank.count + u64::from(line.length > 0);
        self.length += line.blank.length;
        if line.blank.count > 0 {
            self.unterminated = false;
        }

        let taken = match line.content {
            None => Ok(()),
            Some(content) => content.and_then(|content| gathered.line(content)),
        };

        match taken {
            Err(reason) if line.is_whole => return Err(self.wrong(reason)),
            // only the last line of a file has no end
            Err(_) => self.torn = line.length,
            Ok(()) => {
                self.length += line.length;
                self.unterminated = !line.is_whole;
            }
        }

        Ok(())
    }

    fn wrong(&self, reason: String) -> StoreError {
        StoreError::Line { path: self.path.clone(), line: self.number, reason }
    }
}

fn read_header(folder: &Path) -> Result<RunHeader, StoreError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: String,
    }

    let path = folder.join(HEADER_FILE);
    let file = match open_regular(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(StoreError::NoRun { path: folder.to_owned() });
        }
        Err(source) => return Err(StoreError::Read { path, source }),
    };

    let mut bytes = Vec::new();
    if let Err(source) = file.take(MAX_HEADER + 1).read_to_end(&mut bytes) {
        return Err(StoreError::Read { path, source });
    }

    let wrong = |reason: String| StoreError::Header { path: path.clone(), reason };
    if bytes.len() as u64 > MAX_HEADER {
        return Err(wrong(format!("larger than {MAX_HEADER} bytes; this is not the header of a run")));
    }

    let json = |error: serde_json::Error| wrong(plain(&error));
    let versioned: Versioned = serde_json::from_slice(&bytes).map_err(json)?;

    if versioned.schema != RUN_SCHEMA {
        return Err(StoreError::Version { path, found: versioned.schema, expected: RUN_SCHEMA });
    }

    serde_json::from_slice(&bytes).map_err(json)
}
