//! Sends a run while it is being recorded.
//!
//! A thread follows the run's file. It shares nothing with the measurement but the file, so that a collector that
//! is slow, away or refuses can neither block nor distort what is measured: what was not sent lies on disk.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::destination::Destination;
use crate::error::ExportError;
use crate::exporter::{Delivery, Exporter, Sent};
use crate::retry::RetryPolicy;
use crate::span_transform::SpanTransform;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Batches refused in a row after which no more are tried.
const MOST_REFUSALS: u32 = 3;
/// While a run goes on, a server that is away is tried again and again; the pauses stay short enough to be there
/// when it comes back.
const LIVE: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(15),
    total: Duration::from_secs(u32::MAX as u64),
};

/// How a run was sent while it was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveOutcome {
    /// What was sent.
    pub sent: Sent,
    /// Bytes of the run's file that were not taken; 0 where everything was.
    pub bytes_left: u64,
    /// The last thing that the server or the network said against it, escaped and cut.
    pub trouble: Option<String>,
}

/// A thread that follows a run.
#[derive(Debug)]
pub struct LiveExport {
    stop: Sender<Duration>,
    ended: Receiver<()>,
    outcome: Arc<Mutex<LiveOutcome>>,
}

impl LiveExport {
    /// Begins to send the run in `folder`, from where an earlier export got to.
    ///
    /// # Errors
    /// [`ExportError::Destination`] where the destination cannot be used at all.
    pub fn start(
        folder: &Path,
        destination: Destination,
        transform: SpanTransform,
    ) -> Result<Self, ExportError> {
        let exporter = Exporter::new(folder, destination, transform, true)?;
        let (stop, stopped) = channel();
        let (end, ended) = channel();
        let outcome = Arc::new(Mutex::new(LiveOutcome::default()));
        let follower =
            Follower { exporter, stopped, shared: Arc::clone(&outcome), deadline: None, refusals: 0 };

        let thread = thread::Builder::new().name("export".to_owned()).spawn(move || {
            follower.follow();
            // nobody may wait any more
            let _ = end.send(());
        });
        thread.map_err(|source| ExportError::File { path: folder.to_owned(), source })?;
        Ok(Self { stop, ended, outcome })
    }

    /// Sends what is left, for at most `flush`, and says what came of it. Always returns in about that time, even
    /// where a request hangs.
    pub fn finish(self, flush: Duration) -> LiveOutcome {
        let _ = self.stop.send(flush);
        let waited = self.ended.recv_timeout(flush + Duration::from_millis(200));
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if matches!(waited, Err(RecvTimeoutError::Timeout)) {
            outcome.trouble.get_or_insert_with(|| "no answer yet".to_owned());
            outcome.bytes_left = outcome.bytes_left.max(1);
        }
        outcome
    }
}

struct Follower {
    exporter: Exporter,
    stopped: Receiver<Duration>,
    shared: Arc<Mutex<LiveOutcome>>,
    deadline: Option<Instant>,
    refusals: u32,
}

impl Follower {
    fn follow(mut self) {
        let mut trouble = None;
        let mut kept = Instant::now();

        loop {
            match self.step() {
                Ok(Some(Delivery::Done)) => trouble = None,
                Ok(Some(Delivery::Stopped(why) | Delivery::GaveUp(why) | Delivery::Refused(why))) => {
                    trouble = Some(why);
                }
                // a file that cannot be read now may be readable at the next look
                Err(error) => trouble = Some(error.to_string()),
                Ok(None) => {
                    self.tell(&trouble);
                    // the word to stop cuts the wait short, and then there is one more look
                    if self.deadline.is_some() || !self.wait(LOOK) {
                        break;
                    }
                    continue;
                }
            }
            self.tell(&trouble);
            if kept.elapsed() > Duration::from_secs(2) {
                // kept at the end as well; a failure shows then
                let _ = self.exporter.keep();
                kept = Instant::now();
            }
            let gave_up = self.refusals >= MOST_REFUSALS;
            if self.is_late() || gave_up && self.deadline.is_some() {
                break;
            }
            if gave_up || trouble.is_some() {
                self.wait(LOOK);
            }
        }

        let kept = self.exporter.keep();
        self.tell(&trouble.or_else(|| kept.err().map(|error| error.to_string())));
    }

    /// Sends the next batch; `None` where there is none now, or none is tried any more.
    fn step(&mut self) -> Result<Option<Delivery>, ExportError> {
        if self.refusals >= MOST_REFUSALS {
            return Ok(None);
        }
        let Some(batch) = self.exporter.next()? else { return Ok(None) };
        let (stopped, deadline) = (&self.stopped, &mut self.deadline);
        let mut wait = |pause, _: &str| wait(stopped, deadline, pause);
        let delivery = self.exporter.deliver(batch, LIVE, &mut wait);
        match delivery {
            Delivery::Refused(_) => self.refusals += 1,
            _ => self.refusals = 0,
        }
        Ok(Some(delivery))
    }

    fn wait(&mut self, pause: Duration) -> bool {
        wait(&self.stopped, &mut self.deadline, pause)
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn tell(&self, trouble: &Option<String>) {
        let mut outcome = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.sent.clone_from(&self.exporter.sent);
        outcome.bytes_left = self.exporter.left();
        outcome.trouble.clone_from(trouble);
    }
}

/// Waits for `pause`, or until the flush must end; the word to stop sets the deadline and cuts the pause short.
/// False where there is no time left.
fn wait(stopped: &Receiver<Duration>, deadline: &mut Option<Instant>, pause: Duration) -> bool {
    if let Some(deadline) = deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        thread::sleep(pause.min(left));
        return pause < left;
    }

    match stopped.recv_timeout(pause) {
        Err(RecvTimeoutError::Timeout) => true,
        Ok(flush) => {
            *deadline = Instant::now().checked_add(flush);
            !flush.is_zero()
        }
        Err(RecvTimeoutError::Disconnected) => {
            *deadline = Some(Instant::now());
            false
        }
    }
}
