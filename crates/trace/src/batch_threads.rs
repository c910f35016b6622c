//! Threads that read batches of lines, several of them at once.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use crate::line_batch::LineBatch;

/// Threads beyond these gain nothing, since what they find is taken in order by one.
const MOST_THREADS: usize = 8;
/// Batches that a thread has: the one that it reads, and the next.
const AHEAD: usize = 2;
/// Bytes that the threads have together; one line may be as long.
const MOST_BYTES: usize = 64 << 20;

/// Reads the lines of batches.
pub(crate) trait BatchReader: Send {
    /// What the lines of a batch hold.
    type Lines: Send;

    /// A reader for another thread.
    fn beside(&self) -> Self;

    /// Reads the lines of a batch.
    fn read(&mut self, batch: &LineBatch) -> Self::Lines;
}

/// A batch, and what its lines hold.
#[derive(Debug)]
pub(crate) struct ReadBatch<L> {
    /// To be filled again.
    pub(crate) batch: LineBatch,
    pub(crate) lines: L,
}

/// A thread is gone before its time. That is a panic of its own, which is shown where the scope ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped;

/// Threads that read batches of lines, as many as there are processors. Batches are handed out in turn, and so come back
/// in their order; a thread has few of them, so that memory does not depend on the file.
pub(crate) struct BatchThreads<R: BatchReader> {
    threads: Vec<BatchThread<R::Lines>>,
    /// Reads where no thread is to be had.
    own: R,
    handed_out: usize,
    taken_back: usize,
    /// Bytes of what is not back.
    bytes: usize,
}

struct BatchThread<L> {
    batches: SyncSender<LineBatch>,
    read: Receiver<ReadBatch<L>>,
}

impl<R: BatchReader> BatchThreads<R> {
    /// Begins no thread yet: small files need none.
    pub(crate) fn new(own: R) -> Self {
        Self { threads: Vec::new(), own, handed_out: 0, taken_back: 0, bytes: 0 }
    }

    /// Begins the threads, unless that was done.
    pub(crate) fn begin<'scope>(&mut self, scope: &'scope Scope<'scope, '_>)
    where
        R: 'scope,
        R::Lines: 'scope,
    {
        if !self.threads.is_empty() {
            return;
        }

        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        for _ in 0..threads {
            let (batches, to_read) = sync_channel::<LineBatch>(AHEAD);
            let (done, read) = sync_channel::<ReadBatch<R::Lines>>(AHEAD);
            let mut reader = self.own.beside();

            let begun = thread::Builder::new().spawn_scoped(scope, move || {
                for batch in to_read {
                    let lines = reader.read(&batch);
                    if done.send(ReadBatch { batch, lines }).is_err() {
                        break;
                    }
                }
            });
            if begun.is_ok() {
                self.threads.push(BatchThread { batches, read });
            }
        }
    }

    /// True where the threads have all that they may have: some is to be taken back first.
    pub(crate) fn are_busy(&self) -> bool {
        let out = self.handed_out.saturating_sub(self.taken_back);
        out > 0 && (out >= self.threads.len() * AHEAD || self.bytes >= MOST_BYTES)
    }

    /// Hands a batch out. Where there is no thread, it is read here and comes back at once.
    ///
    /// # Errors
    /// [`Stopped`] where the thread is gone.
    pub(crate) fn hand_out(&mut self, batch: LineBatch) -> Result<Option<ReadBatch<R::Lines>>, Stopped> {
        let thread = self.handed_out.checked_rem(self.threads.len());
        let Some(thread) = thread.and_then(|index| self.threads.get(index)) else {
            let lines = self.own.read(&batch);
            return Ok(Some(ReadBatch { batch, lines }));
        };

        let bytes = batch.length();
        thread.batches.send(batch).map_err(|_| Stopped)?;
        self.handed_out += 1;
        self.bytes += bytes;
        Ok(None)
    }

    /// The batch that was handed out first of those that are not back; `None` where all are.
    ///
    /// # Errors
    /// [`Stopped`] where its thread is gone.
    pub(crate) fn take_back(&mut self) -> Result<Option<ReadBatch<R::Lines>>, Stopped> {
        let thread = self.taken_back.checked_rem(self.threads.len());
        let thread = thread.and_then(|index| self.threads.get(index));
        let Some(thread) = thread.filter(|_| self.taken_back < self.handed_out) else { return Ok(None) };

        let read = thread.read.recv().map_err(|_| Stopped)?;
        self.taken_back += 1;
        self.bytes = self.bytes.saturating_sub(read.batch.length());
        Ok(Some(read))
    }
}
