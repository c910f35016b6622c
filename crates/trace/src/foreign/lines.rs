//! Lines of a file, several of them read at once.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use super::error::ForeignError;
use super::span_reader::{Found, SpanReader};
use crate::line_batch::LineBatch;

/// Threads beyond these gain nothing, since what they find is taken in order by one.
const MOST_THREADS: usize = 8;
/// Batches that a thread has: the one that it reads, and the next.
const AHEAD: usize = 2;
/// Bytes that the threads have together; one line may be as long.
const MOST_BYTES: usize = 64 << 20;
/// Longest beginning of a line that is no JSON, in characters; messages show less of it.
const LONGEST_SHOWN: usize = 256;

/// What a line holds.
#[derive(Debug)]
pub(super) enum FoundLine {
    /// Nothing.
    Blank,
    /// No JSON; how it begins.
    Other(String),
    /// JSON.
    Json {
        /// What was found in it.
        found: Found,
        /// What is wrong with it as text.
        fault: Option<String>,
        /// True where it has a line end.
        is_ended: bool,
    },
}

/// Reads a line.
pub(super) fn read_line(line: &[u8], reader: &mut SpanReader) -> FoundLine {
    let Some(json) = json_of_line(line) else {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        return match text.is_empty() {
            true => FoundLine::Blank,
            false => FoundLine::Other(text.chars().take(LONGEST_SHOWN).collect()),
        };
    };

    let fault = reader.json(json).err();
    FoundLine::Json { found: std::mem::take(&mut reader.found), fault, is_ended: line.last() == Some(&b'\n') }
}

/// The JSON of a line: all of it, or what stands behind a log's own words (`INFO: {…}`).
fn json_of_line(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    if matches!(line.first(), Some(b'{' | b'[')) {
        return Some(line);
    }
    let start = line.windows(2).position(|pair| pair == b"{\"")?;
    line.get(start..).filter(|json| json.last() == Some(&b'}'))
}

/// A batch, and what its lines hold.
#[derive(Debug)]
pub(super) struct ReadBatch {
    /// To be filled again.
    pub(super) batch: LineBatch,
    pub(super) lines: Vec<FoundLine>,
}

fn read_batch(batch: LineBatch, reader: &mut SpanReader) -> ReadBatch {
    let lines = batch.lines().map(|line| read_line(line, reader)).collect();
    ReadBatch { batch, lines }
}

/// Threads that read batches of lines, as many as there are processors. Batches are handed out in turn, and so come back
/// in their order; a thread has few of them, so that memory does not depend on the file.
pub(super) struct LineThreads {
    threads: Vec<LineThread>,
    /// Reads where no thread is to be had.
    own: SpanReader,
    handed_out: usize,
    taken_back: usize,
    /// Bytes of what is not back.
    bytes: usize,
}

struct LineThread {
    batches: SyncSender<LineBatch>,
    read: Receiver<ReadBatch>,
}

impl LineThreads {
    /// Begins no thread yet: small files need none.
    pub(super) fn new(reader: &SpanReader) -> Self {
        Self { threads: Vec::new(), own: reader.beside(), handed_out: 0, taken_back: 0, bytes: 0 }
    }

    /// Begins the threads.
    pub(super) fn begin<'scope>(&mut self, scope: &'scope Scope<'scope, '_>) {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        for _ in 0..threads {
            let (batches, to_read) = sync_channel::<LineBatch>(AHEAD);
            let (done, read) = sync_channel::<ReadBatch>(AHEAD);
            let mut reader = self.own.beside();

            let begun = thread::Builder::new().spawn_scoped(scope, move || {
                for batch in to_read {
                    if done.send(read_batch(batch, &mut reader)).is_err() {
                        break;
                    }
                }
            });
            if begun.is_ok() {
                self.threads.push(LineThread { batches, read });
            }
        }
    }

    /// True where the threads have all that they may have: some is to be taken back first.
    pub(super) fn are_busy(&self) -> bool {
        let out = self.handed_out.saturating_sub(self.taken_back);
        out > 0 && (out >= self.threads.len() * AHEAD || self.bytes >= MOST_BYTES)
    }

    /// Hands a batch out. Where there is no thread, it is read here and comes back at once.
    ///
    /// # Errors
    /// [`ForeignError::Stopped`] where the thread is gone.
    pub(super) fn hand_out(&mut self, batch: LineBatch) -> Result<Option<ReadBatch>, ForeignError> {
        let thread = self.handed_out.checked_rem(self.threads.len());
        let Some(thread) = thread.and_then(|index| self.threads.get(index)) else {
            return Ok(Some(read_batch(batch, &mut self.own)));
        };

        let bytes = batch.length();
        thread.batches.send(batch).map_err(|_| ForeignError::Stopped)?;
        self.handed_out += 1;
        self.bytes += bytes;
        Ok(None)
    }

    /// The batch that was handed out first of those that are not back; `None` where all are.
    ///
    /// # Errors
    /// [`ForeignError::Stopped`] where its thread is gone.
    pub(super) fn take_back(&mut self) -> Result<Option<ReadBatch>, ForeignError> {
        let thread = self.taken_back.checked_rem(self.threads.len());
        let thread = thread.and_then(|index| self.threads.get(index));
        let Some(thread) = thread.filter(|_| self.taken_back < self.handed_out) else { return Ok(None) };

        // a thread goes before its time by a panic alone, which is shown where the scope ends
        let read = thread.read.recv().map_err(|_| ForeignError::Stopped)?;
        self.taken_back += 1;
        self.bytes = self.bytes.saturating_sub(read.batch.length());
        Ok(Some(read))
    }
}
