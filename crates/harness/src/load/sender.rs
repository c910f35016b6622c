//! The load itself: who sends when, on which thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use infercost_core::{
    Chunk, ConcurrentEngine, EngineError, FailureKind, Generation, GenerationRequest, InferenceRecord,
    OperatingPoint, Prompt, Sampling, ServedError, ServedFacts, ServedFault, SinkError,
};
use tokio::runtime::Builder;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::arrivals::ArrivalTimes;
use super::client_limit::{ClientPace, PULSE};
use super::track::Track;
use super::{Load, LoadOutcome};
use crate::error::HarnessError;
use crate::timed::{Stamped, Stamps, record};

/// Finished requests that may wait for their records to be taken.
const QUEUE: usize = 1024;
/// Records are gathered for so long: to be woken for each of thousands a second would take time from whoever sends.
const GATHER: Duration = Duration::from_millis(2);
/// An open loop holds no more requests than this: each has a connection, and the system allows only so many.
pub const MOST_IN_FLIGHT: u32 = 4096;
/// Open files that connections must leave to others.
pub const OTHER_FILES: u32 = 128;
/// Shortest and longest time that requests of an over-saturated load are waited for.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// A server that has died, or refuses everything, is not asked on: failures in a row after which the load ends.
const MOST_FAILURES_IN_A_ROW: u32 = 200;
/// Looks for over-saturation while the load runs.
const LOOKS: u32 = 10;

/// Puts `engine` under load as `load` says, prompts taking turns, and hands records over as their requests end: each within
/// 2 ms and the time that the one before took. Records count the repetitions of their prompt from 0.
///
/// # Errors
/// [`HarnessError::Interrupted`] where `stop` was set, [`HarnessError::Sink`] where `on_finished` failed or no runtime
/// could be started. Requests in flight are given up then, and have no record: nothing that the server did ended them, so
/// a failure of any kind would be held against it. Nor would a record of its own kind be in any number: a window that was
/// cut off has no meter reading, is in no rate, cost or goodput, and its point is tested again under fresh repetitions. A
/// killed process leaves the same on disk, so that one rule (inferences without a window are those of one that was cut
/// off) covers every way to be interrupted.
pub fn put_under_load(
    engine: Arc<dyn ConcurrentEngine>,
    prompts: &[Prompt],
    load: &Load,
    on_finished: &mut dyn FnMut(Vec<InferenceRecord>) -> Result<(), SinkError>,
    stop: &AtomicBool,
) -> Result<LoadOutcome, HarnessError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(HarnessError::Sender)?;
    let concurrency = match load.point {
        OperatingPoint::Closed { concurrency } => concurrency,
        OperatingPoint::Open { .. } => 0,
    };
    let (finished, mut records) = mpsc::channel(QUEUE);
    let shared = Arc::new(Shared {
        engine,
        prompts: prompts.into(),
        sampling: load.sampling.clone(),
        start: Instant::now(),
        track: Mutex::new(Track::new(usize::try_from(concurrency).unwrap_or(usize::MAX))),
        pace: Mutex::new(ClientPace::default()),
        next: AtomicU64::new(0),
        halt: AtomicBool::new(prompts.is_empty()),
        give_up: Notify::new(),
    });
    let started_at = SystemTime::now();
    let sending = Arc::clone(&shared);
    let over_saturated = std::thread::scope(|scope| {
        let sender = std::thread::Builder::new().name("load".into()).spawn_scoped(scope, move || {
            sending.pace().begin();
            let over_saturated = runtime.block_on(run(&sending, load, finished, stop));
            sending.pace().end();
            over_saturated
        });
        let sender = match sender {
            Ok(sender) => sender,
            Err(error) => return Err(HarnessError::Sender(error)),
        };
        let mut failure = None;
        let mut gathered = Vec::new();
        while records.blocking_recv_many(&mut gathered, QUEUE) > 0 {
            let made = gathered.drain(..).filter_map(|one| shared.record(one, &load.sampling)).collect();
            if let Err(error) = on_finished(made) {
                failure = Some(error);
                shared.halt.store(true, Ordering::Relaxed);
                shared.give_up.notify_waiters();
                records.close();
                break;
            }
            std::thread::sleep(GATHER);
        }
        let over_saturated = sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match failure {
            Some(error) => Err(HarnessError::Sink(error)),
            None => over_saturated,
        }
    })?;

    Ok(shared.outcome(load, started_at, over_saturated))
}

/// What all tasks of a load share. All but the caller's thread are one thread, so the locks are free.
struct Shared {
    engine: Arc<dyn ConcurrentEngine>,
    prompts: Arc<[Prompt]>,
    sampling: Sampling,
    start: Instant,
    track: Mutex<Track>,
    pace: Mutex<ClientPace>,
    /// Requests begun.
    next: AtomicU64,
    /// True once no request may be begun.
    halt: AtomicBool,
    /// Ends the requests in flight.
    give_up: Notify,
}

/// A request that has ended.
struct Finished {
    ticket: u64,
    stamped: Stamped,
    result: Result<Generation, EngineError>,
}

impl Shared {
    fn track(&self) -> MutexGuard<'_, Track> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> MutexGuard<'_, ClientPace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The prompt of a request, and how often it was asked before.
    fn prompt(&self, ticket: u64) -> Option<(&Prompt, u32)> {
        let count = u64::try_from(self.prompts.len()).ok().filter(|count| *count > 0)?;
        let prompt = self.prompts.get(usize::try_from(ticket % count).ok()?)?;
        Some((prompt, u32::try_from(ticket / count).unwrap_or(u32::MAX)))
    }

    /// The record of a request that has ended.
    fn record(&self, finished: Finished, sampling: &Sampling) -> Option<InferenceRecord> {
        let Finished { ticket, stamped, result } = finished;
        let (prompt, repetition) = self.prompt(ticket)?;
        Some(record(prompt, repetition, sampling, stamped, &result))
    }

    /// Whether another request may be begun at this time.
    fn may_begin(&self, load: &Load, at: Duration, begun: u64) -> bool {
        let end = load.warm_up.saturating_add(load.duration);
        let useless = self.track().failures_in_a_row >= MOST_FAILURES_IN_A_ROW;
        at < end && begun < load.most_requests && !useless && !self.halt.load(Ordering::Relaxed)
    }

    /// One request from its issue to its end, which is given.
    async fn request(&self, ticket: u64, finished: &mpsc::Sender<Finished>) -> Duration {
        let Some((prompt, _)) = self.prompt(ticket) else { return self.start.elapsed() };
        let request = GenerationRequest {
            prompt: &prompt.body,
            max_tokens: prompt.max_tokens,
            sampling: &self.sampling,
        };
        let given_up = self.give_up.notified();
        let mut stamps = Stamps::start();
        let issued = stamps.begun().saturating_duration_since(self.start);
        self.track().issued(issued);
        let mut stamp = |chunk: Chunk<'_>| stamps.chunk(chunk);
        let result = tokio::select! {
            biased;
            result = self.engine.generate(request, &mut stamp) => result,
            () = given_up => Err(abandoned()),
        };
        let stamped = stamps.stop();
        let ended = issued.saturating_add(stamped.latency);
        {
            let mut track = self.track();
            let first = match &result {
                Ok(_) => stamped.arrivals.first().map(|chunk| chunk.at),
                Err(error) => (error.kind() == FailureKind::Timeout).then_some(stamped.latency),
            };
            track.ended(ended, issued, first, result.is_ok());
        }
        let done = Finished { ticket, stamped, result };
        if let Err(TrySendError::Full(done)) = finished.try_send(done) {
            let waits = Instant::now();
            let _ = finished.send(done).await; // fails only where the caller has stopped taking records
            self.pace().blocked(waits.elapsed());
        }

        ended
    }

    fn outcome(&self, load: &Load, started_at: SystemTime, over_saturated: bool) -> LoadOutcome {
        let (track, pace) = (self.track(), self.pace());
        let steady = match load.point {
            OperatingPoint::Closed { .. } => track.closed_window(load.warm_up),
            OperatingPoint::Open { .. } if over_saturated => None,
            OperatingPoint::Open { .. } => track.open_window(load.warm_up),
        };
        let wall_time = self.start.elapsed();
        LoadOutcome {
            started_at,
            wall_time,
            steady,
            issued: track.issued,
            completed: track.completed,
            failed: track.failed,
            in_flight: track.series(),
            client_limit: pace.limit(wall_time),
            held_up: pace.held_up(),
            over_saturated,
            schedule_lag: pace.worst_lag(),
        }
    }
}

/// The outcome of a request that the end of an over-saturated load cut off.
fn abandoned() -> EngineError {
    EngineError::Served(Box::new(ServedError {
        fault: ServedFault::Timeout,
        message: "given up with the load: the server did not keep up with the requests".into(),
        facts: ServedFacts::default(),
    }))
}

/// The whole load; true where it over-saturated the server.
async fn run(
    shared: &Arc<Shared>,
    load: &Load,
    finished: mpsc::Sender<Finished>,
    stop: &AtomicBool,
) -> Result<bool, HarnessError> {
    let mut tasks = JoinSet::new();
    let pulse = tokio::spawn(beat(Arc::clone(shared)));
    let sent = async {
        match load.point {
            OperatingPoint::Closed { concurrency } => {
                for _ in 0..concurrency {
                    tasks.spawn(closed_place(Arc::clone(shared), load.clone(), finished.clone()));
                }
                while tasks.join_next().await.is_some() {}
                false
            }
            OperatingPoint::Open { rate } => open_loop(shared, load, rate, &finished, &mut tasks).await,
        }
    };
    let result = tokio::select! {
        over_saturated = sent => Ok(over_saturated),
        () = stopped(shared, stop) => Err(HarnessError::Interrupted),
    };
    pulse.abort();

    result
}

/// Returns once the caller wants an end.
async fn stopped(shared: &Shared, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(PULSE).await;
    }
    shared.halt.store(true, Ordering::Relaxed);
}

/// Notes how late timers fire.
async fn beat(shared: Arc<Shared>) {
    loop {
        let due = Instant::now() + PULSE;
        tokio::time::sleep_until(due.into()).await;
        shared.pace().beat(due.elapsed());
    }
}

/// One of the requests that a closed loop keeps in flight, over and over.
async fn closed_place(shared: Arc<Shared>, load: Load, finished: mpsc::Sender<Finished>) -> Duration {
    let mut free_since = Duration::ZERO;
    loop {
        let begun = shared.next.load(Ordering::Relaxed);
        if !shared.may_begin(&load, shared.start.elapsed(), begun) {
            break;
        }
        shared.next.fetch_add(1, Ordering::Relaxed);
        free_since = shared.request(begun, &finished).await;
        // Lets the connection that has just served become free for the next request.
        tokio::task::yield_now().await;
    }
    shared.track().leave(free_since);
    free_since
}

/// Sends requests when they are due, whatever comes back; true where the server was over-saturated.
async fn open_loop(
    shared: &Arc<Shared>,
    load: &Load,
    rate: f64,
    finished: &mpsc::Sender<Finished>,
    tasks: &mut JoinSet<Duration>,
) -> bool {
    let most_in_flight = most_in_flight();
    let mut over_saturated = false;
    let mut looked_at = load.warm_up.saturating_add(load.duration / 2);
    for due in due_times(load, rate) {
        let begun = shared.next.load(Ordering::Relaxed);
        if !shared.may_begin(load, due, begun) {
            break;
        }
        let Some(due) = shared.start.checked_add(due) else { break };
        tokio::time::sleep_until(due.into()).await;
        shared.pace().issued(due.elapsed());
        shared.next.fetch_add(1, Ordering::Relaxed);
        let (sharing, to) = (Arc::clone(shared), finished.clone());
        tasks.spawn(async move { sharing.request(begun, &to).await });
        while tasks.try_join_next().is_some() {}
        let now = shared.start.elapsed();
        if now >= looked_at {
            looked_at = now.saturating_add(load.duration / LOOKS);
            over_saturated = shared.track().is_over_saturated(load.warm_up, now);
        }
        if over_saturated {
            break;
        }
        if shared.track().in_flight() >= most_in_flight {
            shared.pace().full(most_in_flight);
            break;
        }
    }

    let patience = (load.duration / 2).clamp(PATIENCE.0, PATIENCE.1);
    let all = async { while tasks.join_next().await.is_some() {} };
    if over_saturated {
        if tokio::time::timeout(patience, all).await.is_err() {
            shared.give_up.notify_waiters();
            while tasks.join_next().await.is_some() {}
        }
        return true;
    }

    all.await;
    let track = shared.track();

    track.is_over_saturated(load.warm_up, track.last_issue)
}

/// When requests are due: as a trace says, else at the load's rate.
fn due_times(load: &Load, rate: f64) -> Box<dyn Iterator<Item = Duration> + Send> {
    match &load.schedule {
        Some(schedule) => {
            let schedule = Arc::clone(schedule);
            Box::new((0..schedule.len()).map_while(move |index| schedule.get(index).copied()))
        }
        None => Box::new(ArrivalTimes::new(load.arrivals, rate, load.seed)),
    }
}

/// What the system lets one process hold, other files left out; a guess where it does not say.
fn most_in_flight() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_ascii_whitespace().nth(3)?.parse::<u32>().ok());
    soft.map_or(MOST_IN_FLIGHT, |soft| soft.saturating_sub(OTHER_FILES).clamp(64, MOST_IN_FLIGHT))
}
