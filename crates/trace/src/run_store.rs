//! An open run: records go in, spans lie on the disk.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use infercost_core::run::RUN_SCHEMA;
use infercost_core::{
    EvaluationRecord, IdleRecord, InferenceRecord, LoadRecord, RunHeader, RunRecord, VariantId, WindowId,
    WindowRecord,
};

use crate::error::{MappingError, StoreError};
use crate::journal::{Journal, write_hint};
use crate::mapping::{RunSpans, evaluation};
use crate::new_folder::{self, HEADER_FILE, OWNER_ONLY};
use crate::otlp_line::LineWriter;
use crate::run_reader::{MAX_LINE, SPANS_FILE, read_stored};
use crate::span_draft::Span;
use crate::span_ids::{SpanId, unix_nanos};
use crate::texts::Texts;

/// Bytes after which a line is ended where there are more spans to append.
const FULL_LINE: usize = 128 << 10;

/// An open run folder, `<traces>/<run id>/`: `run.json` with the header, and `spans.jsonl`.
///
/// What is given is appended whole, by one write (inferences that are given together by few), so that a process
/// killed at any moment loses at most what is being written. After a window that ends more than a second after the last
/// such wait, the disk is waited for: a loss of power takes at most what was measured since. One process at a time can hold a run open for writing.
#[derive(Debug)]
pub struct RunStore {
    folder: PathBuf,
    spans: RunSpans,
    lines: LineWriter,
    journal: Journal<File>,
    written: HashSet<SpanId>,
    /// Earliest start and latest end below each variant.
    extents: BTreeMap<VariantId, (u64, u64)>,
    finished: bool,
}

impl RunStore {
    /// Starts a run in a new folder below `traces`, which is made where it is missing.
    ///
    /// # Errors
    /// [`StoreError`] where the run exists already, its id cannot name a folder, the folder cannot be
    /// written, or the header would not be read back as it is.
    pub fn create(traces: &Path, header: &RunHeader) -> Result<Self, StoreError> {
        check_id(header.id.as_str())?;
        let folder = traces.join(header.id.as_str());
        let json = header_json(&folder, header)?;
        new_folder::make_all(traces).map_err(|source| open_error(traces, source))?;
        new_folder::create(traces, header.id.as_str(), &json).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Exists { path: folder.clone() },
            _ => open_error(&folder, source),
        })?;

        let made = Self::open(&folder, header, 0);
        if made.is_err() {
            // nothing was measured yet; an empty folder would only be in the way of the next attempt
            let _ = std::fs::remove_dir_all(&folder);
        }
        made
    }

    /// Opens a run again, and gives what it holds.
    ///
    /// A last line that was cut off is removed, and a window that the run was cut off in is closed as
    /// interrupted: its inferences stand, its energy is unavailable. Of a finished run, `finished_at` is set
    /// and nothing more can be added.
    ///
    /// # Errors
    /// [`StoreError`] where there is no run, another process is writing it, or a line is wrong.
    pub fn resume(folder: &Path) -> Result<(Self, RunRecord), StoreError> {
        // read under the lock, or another process might add what this one has not seen
        let path = folder.join(SPANS_FILE);

        if !folder.join(HEADER_FILE).is_file() {
            return Err(StoreError::NoRun { path: folder.to_owned() });
        }
        let file = open_locked(&path)?;
        let stored = read_stored(folder, Texts::Kept)?;

        if stored.notes.torn_bytes > 0 {
            file.set_len(stored.length).map_err(|source| write_error(&path, source))?;
        }
        let mut store = Self::over(folder, &stored.record.header, path, file, stored.length)?;

        if stored.unterminated {
            store.journal.append(b"\n")?;
        }
        store.written = stored.ids;
        store.finished = stored.record.finished_at.is_some();
        store.measure_extents(&stored.record)?;

        if !store.finished {
            for window in &stored.record.windows {
                if !store.written.contains(&store.spans.ids.window(&window.id)) {
                    store.window(window)?;
                }
            }
        }

        Ok((store, stored.record))
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends a model load.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then added.
    pub fn load(&mut self, load: &LoadRecord) -> Result<(), StoreError> {
        let span = self.spans.load(load);
        self.append(span, Some(&load.variant), || format!("the load of {:?}", load.variant.as_str()))
    }

    /// Appends an idle stretch.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then added.
    pub fn idle(&mut self, idle: &IdleRecord) -> Result<(), StoreError> {
        let span = self.spans.idle(idle);
        self.append(span, None, || format!("the idle stretch {:?}", idle.phase))
    }

    /// Appends an evaluation, below its inference, or below its variant where no such inference was made.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then added. [`MappingError::NotFinite`] asks for the result to be recorded
    /// as impossible instead.
    pub fn evaluation(&mut self, evaluation: &EvaluationRecord) -> Result<(), StoreError> {
        let EvaluationRecord { variant, prompt, repetition, .. } = evaluation;
        let inference = self.spans.ids.inference(variant, prompt, *repetition);
        let known = self.written.contains(&inference);
        let parent = if known { inference } else { self.spans.ids.variant(variant) };
        let span = self.spans.evaluation(evaluation, parent);
        self.append(span, Some(variant), || {
            let what = evaluation::name(&evaluation.result);
            format!("the evaluation {what:?} of {}", subject(variant, prompt.as_str(), *repetition))
        })
    }

    /// Appends an inference as soon as it has ended.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then added.
    pub fn inference(&mut self, window: &WindowId, record: &InferenceRecord) -> Result<(), StoreError> {
        let span = self.spans.inference(window, record);
        self.append(span, Some(&window.variant), || inference_name(window, record))
    }

    /// Appends inferences that ended at about the same time, many to a line: written one by one, those of a server
    /// under load would cost several times as much. There may be any number of them, so that they are not kept in
    /// mind: of one that is given twice, the reader takes the first.
    ///
    /// # Errors
    /// [`StoreError`] for the first inference that cannot be added; those before it are.
    pub fn inferences(&mut self, window: &WindowId, records: &[InferenceRecord]) -> Result<(), StoreError> {
        self.may_append(Some(&window.variant))?;
        let mut line = Line::default();
        self.lines.clear();
        let mut failure = None;

        for record in records {
            let name = || inference_name(window, record);
            match self.spans.inference(window, record) {
                Err(source) => failure = Some(StoreError::Record { record: name(), source }),
                Ok(span) => {
                    if line.extent.is_some() && self.lines.length() + span.json.len() > FULL_LINE {
                        self.append_line(&mut line, Some(&window.variant), name)?;
                    }
                    self.lines.add(&span);
                    line.widen(&span);
                }
            }
            if failure.is_some() {
                break;
            }
        }

        if line.extent.is_some() {
            let name = || format!("{} inferences of {:?}", records.len(), window.variant.as_str());
            self.append_line(&mut line, Some(&window.variant), name)?;
        }

        failure.map_or(Ok(()), Err)
    }

    /// Appends a window as soon as it has closed. Those of its inferences that are not in the run yet are
    /// appended first.
    ///
    /// # Errors
    /// [`StoreError`]; the window is then not added.
    pub fn window(&mut self, record: &WindowRecord) -> Result<(), StoreError> {
        for inference in &record.inferences {
            let id = self.spans.ids.inference(&record.id.variant, &inference.prompt, inference.repetition);
            if !self.written.contains(&id) {
                self.inference(&record.id, inference)?;
            }
        }
        let span = self.spans.window(record);
        self.append(span, Some(&record.id.variant), || {
            format!("window {} of {:?}", record.id.index, record.id.variant.as_str())
        })?;

        // between windows, where waiting for the disk disturbs no measurement
        self.journal.flush_if_due()
    }

    /// Ends the run: appends the variants' spans and the root in one line, and waits for the disk.
    ///
    /// A run that was finished before is left as it is.
    ///
    /// # Errors
    /// [`StoreError`]; the run is then not finished and can be resumed.
    pub fn finish(mut self, ended_at: SystemTime) -> Result<(), StoreError> {
        if self.finished {
            return Ok(());
        }
        let spans = self
            .closing_spans(ended_at)
            .map_err(|source| StoreError::Record { record: "the end of the run".to_owned(), source })?;
        self.append_spans(&spans, None, || "the end of the run".to_owned())?;
        self.journal.flush_to_disk()
    }

    fn closing_spans(&self, ended_at: SystemTime) -> Result<Vec<Span>, MappingError> {
        let root = self.spans.root(ended_at)?;
        let began = root.start_time_unix_nano;
        let mut spans = Vec::new();
        for variant in &self.spans.header.variants {
            let (start, end) = self.extents.get(&variant.id).copied().unwrap_or((began, began));
            spans.push(self.spans.variant_span(variant, start, end)?);
        }
        spans.push(root);
        Ok(spans)
    }

    fn append(
        &mut self,
        span: Result<Span, MappingError>,
        variant: Option<&VariantId>,
        name: impl Fn() -> String,
    ) -> Result<(), StoreError> {
        self.may_append(variant)?;
        let span = span.map_err(|source| StoreError::Record { record: name(), source })?;
        if self.written.contains(&span.span_id) {
            return Err(StoreError::Duplicate { record: name() });
        }
        self.append_spans(&[span], variant, name)
    }

    fn may_append(&self, variant: Option<&VariantId>) -> Result<(), StoreError> {
        if self.finished {
            return Err(StoreError::Finished { path: self.folder.clone() });
        }
        match variant.filter(|variant| !self.spans.knows(variant)) {
            Some(variant) => Err(StoreError::UnknownVariant { variant: variant.to_string() }),
            None => Ok(()),
        }
    }

    fn append_spans(
        &mut self,
        spans: &[Span],
        variant: Option<&VariantId>,
        name: impl Fn() -> String,
    ) -> Result<(), StoreError> {
        let mut line = Line::default();
        self.lines.clear();
        for span in spans {
            self.lines.add(span);
            line.widen(span);
            line.ids.push(span.span_id);
        }
        self.append_line(&mut line, variant, name)
    }

    /// Appends the line that was put together, and begins another. `line` says what is in it.
    fn append_line(
        &mut self,
        line: &mut Line,
        variant: Option<&VariantId>,
        name: impl Fn() -> String,
    ) -> Result<(), StoreError> {
        let line = std::mem::take(line);
        let bytes = self.lines.end();
        let appended = if bytes.len() > MAX_LINE {
            Err(StoreError::TooLong { record: name(), bytes: bytes.len(), limit: MAX_LINE })
        } else {
            self.journal.append(bytes)
        };
        self.lines.clear();
        appended?;
        self.written.extend(line.ids);
        if let (Some(variant), Some((start, end))) = (variant, line.extent) {
            self.widen(variant, start, end);
        }
        Ok(())
    }

    fn widen(&mut self, variant: &VariantId, start: u64, end: u64) {
        match self.extents.get_mut(variant) {
            Some(extent) => *extent = (extent.0.min(start), extent.1.max(end)),
            None => {
                self.extents.insert(variant.clone(), (start, end));
            }
        }
    }

    fn measure_extents(&mut self, record: &RunRecord) -> Result<(), StoreError> {
        let loads = record.loads.iter().map(|load| (&load.variant, load.started_at, load.load_time));
        let windows =
            record.windows.iter().map(|window| (&window.id.variant, window.started_at, window.wall_time));
        let evaluations = record
            .evaluations
            .iter()
            .map(|evaluation| (&evaluation.variant, evaluation.evaluated_at, evaluation.duration));

        for (variant, started_at, length) in loads.chain(windows).chain(evaluations) {
            self.measure_extent(variant, started_at, length)?;
        }

        for window in &record.windows {
            for inference in &window.inferences {
                self.measure_extent(&window.id.variant, inference.issued_at, inference.outcome.latency())?;
            }
        }

        Ok(())
    }

    fn measure_extent(
        &mut self,
        variant: &VariantId,
        started_at: SystemTime,
        length: Duration,
    ) -> Result<(), StoreError> {
        let (start, end) = crate::mapping::stretch(started_at, length)
            .map_err(|source| StoreError::Record { record: "what the run holds".to_owned(), source })?;
        self.widen(variant, start, end);
        Ok(())
    }

    fn open(folder: &Path, header: &RunHeader, length: u64) -> Result<Self, StoreError> {
        let path = folder.join(SPANS_FILE);
        let file = open_locked(&path)?;
        Self::over(folder, header, path, file, length)
    }

    fn over(
        folder: &Path,
        header: &RunHeader,
        path: PathBuf,
        file: File,
        length: u64,
    ) -> Result<Self, StoreError> {
        let lines = LineWriter::new(header).map_err(|error| StoreError::Header {
            path: folder.join(HEADER_FILE),
            reason: error.to_string(),
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            spans: RunSpans::new(header),
            lines,
            journal: Journal::new(path, file, length),
            written: HashSet::new(),
            extents: BTreeMap::new(),
            finished: false,
        })
    }
}

/// What a line holds that is being put together.
#[derive(Debug, Default)]
struct Line {
    /// Spans that must not come again.
    ids: Vec<SpanId>,
    /// Earliest start and latest end of all of them.
    extent: Option<(u64, u64)>,
}

impl Line {
    fn widen(&mut self, span: &Span) {
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        self.extent =
            Some(self.extent.map_or((start, end), |extent| (extent.0.min(start), extent.1.max(end))));
    }
}

fn inference_name(window: &WindowId, record: &InferenceRecord) -> String {
    format!("the inference of {}", subject(&window.variant, record.prompt.as_str(), record.repetition))
}

fn subject(variant: &VariantId, prompt: &str, repetition: u32) -> String {
    format!("prompt {prompt:?}, repetition {repetition}, by {:?}", variant.as_str())
}

fn check_id(id: &str) -> Result<(), StoreError> {
    if is_run_id(id) { Ok(()) } else { Err(StoreError::RunId { id: id.to_owned() }) }
}

/// True for what a run can be called: 1 to 128 letters, digits, `.`, `_` and `-`, no dot first. So it leads out of no
/// folder.
pub fn is_run_id(id: &str) -> bool {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (1..=128).contains(&id.len()) && !id.starts_with('.') && is_plain
}

/// The header as it is written. What would not come back the same (NaN becomes `null`) is refused.
fn header_json(folder: &Path, header: &RunHeader) -> Result<Vec<u8>, StoreError> {
    let wrong = |reason: String| StoreError::Header { path: folder.join(HEADER_FILE), reason };
    if header.schema != RUN_SCHEMA {
        return Err(wrong(format!("schema is {:?}, but {RUN_SCHEMA:?} is written here", header.schema)));
    }
    unix_nanos(header.started_at.into(), "the run's start").map_err(|error| wrong(error.to_string()))?;
    let mut json = serde_json::to_vec_pretty(header).map_err(|error| wrong(error.to_string()))?;
    let back: RunHeader = serde_json::from_slice(&json)
        .map_err(|error| wrong(format!("the header holds a number that is not finite: {error}")))?;
    if back != *header {
        return Err(wrong("the header holds a number that is not finite".to_owned()));
    }
    json.push(b'\n');
    Ok(json)
}

fn open_locked(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(OWNER_ONLY);
    let file = options.open(path).map_err(|source| open_error(path, source))?;
    // a run that was cut off before it had this file gets it when it is resumed
    if let Some(folder) = path.parent() {
        new_folder::sync_names(folder);
    }

    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        // some network file systems have no locks; two writers are then the user's to avoid
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(source)) => Err(open_error(path, source)),
    }
}

fn open_error(path: &Path, source: io::Error) -> StoreError {
    let hint = match source.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "A file is in the way: choose another folder for traces"
        }
        _ => write_hint(&source),
    };
    StoreError::Open { path: path.to_owned(), source, hint }
}

fn write_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Write { path: path.to_owned(), hint: write_hint(&source), source }
}
