//! Reads a run's folder: finished, cut off, or still being written.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use infercost_core::run::RUN_SCHEMA;
use infercost_core::{InferenceRecord, RunHeader, RunRecord, VariantId, WindowId, WindowRecord};
use serde::Deserialize;

use crate::checksum::{self, Seal};
use crate::error::{MappingError, StoreError};
use crate::escaped::plain;
use crate::mapping::{evaluation, idle, inference, load, window};
use crate::otlp_json::read_line;
use crate::read_span::ReadSpan;
use crate::span_ids::SpanId;
use crate::span_names::record;

/// Name of the header's file in a run's folder.
pub const HEADER_FILE: &str = "run.json";
/// Name of the spans' file in a run's folder.
pub const SPANS_FILE: &str = "spans.jsonl";
/// Longest line read or written, in bytes.
pub const MAX_LINE: usize = 16 << 20;
/// Largest header read, in bytes.
pub const MAX_HEADER: u64 = 64 << 20;

/// What reading left aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadNotes {
    /// Spans that are no record of infercost's: another program's, or a newer version's.
    pub unknown_spans: u64,
    /// Spans with the id of an earlier one; the earlier one counts.
    pub duplicate_spans: u64,
    /// Bytes of a last line that was cut off while it was written.
    pub torn_bytes: u64,
}

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
    let (record, notes) = inspect_run(folder)?;
    if notes != ReadNotes::default() {
        tracing::warn!(
            folder = %folder.display(),
            unknown_spans = notes.unknown_spans,
            duplicate_spans = notes.duplicate_spans,
            torn_bytes = notes.torn_bytes,
            "parts of the run were left aside"
        );
    }
    Ok(record)
}

/// Reads a run, and says what was left aside.
///
/// # Errors
/// As [`read_run`].
pub fn inspect_run(folder: &Path) -> Result<(RunRecord, ReadNotes), StoreError> {
    let stored = read_stored(folder)?;
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
        let folder = entry.map_err(read)?.path();
        if folder.join(HEADER_FILE).is_file() {
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
    let read = read_line(&last);
    Ok(read.is_ok_and(|line| line.spans().any(|span| span.record() == Some(record::RUN))))
}

/// The last line that is not blank; empty where there is none, or it is longer than any.
fn last_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
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
pub(crate) fn read_stored(folder: &Path) -> Result<StoredRun, StoreError> {
    let header = read_header(folder)?;
    let path = folder.join(SPANS_FILE);
    let file = match File::open(&path) {
        Ok(file) => Some(file),
        // killed between the header and the first span
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(StoreError::Read { path, source }),
    };

    let mut gathered = Gathered::new(&header);
    let mut lines = Lines { path, number: 0, length: 0, unterminated: false, torn: 0 };

    if let Some(file) = file {
        lines.each(BufReader::with_capacity(1 << 18, file), |line| gathered.line(line))?;
    }
    gathered.notes.torn_bytes = lines.torn;
    let Gathered { ids, notes, loads, idles, windows, inferences, evaluations, finished_at, .. } = gathered;
    let windows = assemble(windows, inferences, header.repetitions);

    let record = RunRecord { header, loads, idles, windows, evaluations, finished_at };
    Ok(StoredRun { record, notes, ids, length: lines.length, unterminated: lines.unterminated })
}

fn read_header(folder: &Path) -> Result<RunHeader, StoreError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: String,
    }

    let path = folder.join(HEADER_FILE);
    let file = match File::open(&path) {
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

/// Walks the lines of a file of any size, one in memory at a time.
struct Lines {
    path: PathBuf,
    number: u64,
    length: u64,
    unterminated: bool,
    torn: u64,
}

impl Lines {
    fn each(
        &mut self,
        mut reader: impl BufRead,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            self.number += 1;
            let limit = MAX_LINE as u64 + 1;
            let read = reader.by_ref().take(limit).read_until(b'\n', &mut line);
            read.map_err(|source| StoreError::Read { path: self.path.clone(), source })?;
            if line.is_empty() {
                return Ok(());
            }
            if line.len() > MAX_LINE {
                return Err(
                    self.wrong(format!("longer than {MAX_LINE} bytes; this is no line of infercost's"))
                );
            }
            let whole = line.last() == Some(&b'\n');
            let result = if line.trim_ascii().is_empty() { Ok(()) } else { take(&line) };
            match result {
                Err(reason) if whole => return Err(self.wrong(reason)),
                Err(_) => self.torn = line.len() as u64,
                Ok(()) => {
                    self.length += line.len() as u64;
                    self.unterminated = !whole;
                }
            }
        }
    }

    fn wrong(&self, reason: String) -> StoreError {
        StoreError::Line { path: self.path.clone(), line: self.number, reason }
    }
}

/// Records as they are met.
struct Gathered {
    variants: HashSet<VariantId>,
    ids: HashSet<SpanId>,
    notes: ReadNotes,
    loads: Vec<infercost_core::LoadRecord>,
    idles: Vec<infercost_core::IdleRecord>,
    windows: Vec<WindowRecord>,
    inferences: Vec<(WindowId, InferenceRecord)>,
    evaluations: Vec<infercost_core::EvaluationRecord>,
    finished_at: Option<SystemTime>,
    /// True from the first line with a checksum on: no later line of records may lack one.
    are_sealed: bool,
}

impl Gathered {
    fn new(header: &RunHeader) -> Self {
        Self {
            variants: header.variants.iter().map(|variant| variant.id.clone()).collect(),
            ids: HashSet::new(),
            notes: ReadNotes::default(),
            loads: Vec::new(),
            idles: Vec::new(),
            windows: Vec::new(),
            inferences: Vec::new(),
            evaluations: Vec::new(),
            finished_at: None,
            are_sealed: false,
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let (_, seal) = checksum::check(line);
        if seal == Seal::Broken {
            return Err(checksum::BROKEN.to_owned());
        }

        let line = read_line(line)?;
        let before = self.ids.len();

        for span in line.spans() {
            self.span(span)?;
        }

        // lines of others, which hold no record, need none
        let holds_records = self.ids.len() > before;

        if holds_records && self.are_sealed && seal == Seal::None {
            return Err(checksum::MISSING.to_owned());
        }
        self.are_sealed |= seal == Seal::Whole;

        Ok(())
    }

    fn span(&mut self, span: &ReadSpan<'_>) -> Result<(), String> {
        let known = [
            record::RUN,
            record::VARIANT,
            record::WINDOW,
            record::INFERENCE,
            record::EVALUATION,
            record::LOAD,
            record::IDLE,
        ];
        let Some(kind) = span.record().filter(|kind| known.contains(kind)) else {
            self.notes.unknown_spans += 1;
            return Ok(());
        };

        let id = span.id().ok_or_else(|| format!("{kind}: spanId is not of eight bytes"))?;
        if self.ids.contains(&id) {
            self.notes.duplicate_spans += 1;
            return Ok(());
        }

        self.take(kind, span).map_err(|error| format!("{kind}: {error}"))?;
        self.ids.insert(id);

        Ok(())
    }

    fn take(&mut self, kind: &str, span: &ReadSpan<'_>) -> Result<(), MappingError> {
        let variant = match kind {
            record::WINDOW => {
                let window = window::read(span)?;
                let variant = window.id.variant.clone();
                self.windows.push(window);
                variant
            }
            record::INFERENCE => {
                let (id, inference) = inference::read(span)?;
                let variant = id.variant.clone();
                self.inferences.push((id, inference));
                variant
            }
            record::EVALUATION => {
                let evaluation = evaluation::read(span)?;
                let variant = evaluation.variant.clone();
                self.evaluations.push(evaluation);
                variant
            }
            record::LOAD => {
                let load = load::read(span)?;
                let variant = load.variant.clone();
                self.loads.push(load);
                variant
            }
            record::IDLE => {
                self.idles.push(idle::read(span)?);
                return Ok(());
            }
            record::RUN => {
                self.finished_at = Some(span.ended_at());
                return Ok(());
            }
            // a variant's span says nothing that the header does not
            _ => return Ok(()),
        };

        if self.variants.contains(&variant) {
            return Ok(());
        }

        Err(crate::read_span::invalid(
            crate::attributes::VARIANT,
            &format!("is not in the run's header: {:?}", variant.as_str()),
        ))
    }
}

/// Puts inferences into their windows, closes windows that were cut off, and sorts by time.
fn assemble(
    windows: Vec<WindowRecord>,
    inferences: Vec<(WindowId, InferenceRecord)>,
    single: u32,
) -> Vec<WindowRecord> {
    let mut by_window: HashMap<WindowId, Vec<InferenceRecord>> = HashMap::new();
    for (id, inference) in inferences {
        by_window.entry(id).or_default().push(inference);
    }
    let mut windows: Vec<WindowRecord> = windows
        .into_iter()
        .map(|window| {
            let inferences = by_window.remove(&window.id).unwrap_or_default();
            WindowRecord { inferences, ..window }
        })
        .collect();

    let cut_off: Vec<WindowRecord> = by_window
        .into_iter()
        .map(|(id, inferences)| {
            let again = window::remeasured(&id, &inferences, &windows, single);
            window::interrupted(id, inferences, single, again)
        })
        .collect();
    windows.extend(cut_off);
    windows.sort_by(|a, b| (a.started_at, a.id.index, &a.id).cmp(&(b.started_at, b.id.index, &b.id)));
    windows
}
