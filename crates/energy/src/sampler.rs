//! The one thread that reads every sensor often enough.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::accumulate::{Accumulator, Difference, Mark};
use crate::sensor::{Channel, Sensor};
use infercost_core::MeterError;

/// Reads sensors on a thread of its own until it is dropped.
pub(crate) struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Where every sensor stood at one moment.
pub(crate) type Marks = Vec<Mark>;

struct Shared {
    epoch: Instant,
    tracks: Mutex<Vec<Track>>,
    stopping: AtomicBool,
    sleep: Mutex<()>,
    wake: Condvar,
    /// Nanoseconds of CPU that the thread has used; `u64::MAX` where unknown.
    thread_cpu: AtomicU64,
}

struct Track {
    sensor: Box<dyn Sensor>,
    accumulator: Accumulator,
    poll_period: Duration,
    due: Duration,
}

impl Sampler {
    /// Reads every channel once and starts the thread.
    pub(crate) fn start(channels: Vec<Channel>) -> Result<Self, MeterError> {
        let tracks = channels
            .into_iter()
            .map(|channel| Track {
                sensor: channel.sensor,
                accumulator: Accumulator::new(channel.wraps_after),
                poll_period: channel.poll_period,
                due: Duration::ZERO,
            })
            .collect();

        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            tracks: Mutex::new(tracks),
            stopping: AtomicBool::new(false),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            thread_cpu: AtomicU64::new(u64::MAX),
        });

        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("infercost-meter".to_owned())
            .spawn(move || for_thread.run())
            .map_err(MeterError::SamplerThread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Reads every sensor now and gives where each stands.
    pub(crate) fn marks(&self) -> Marks {
        let mut tracks = self.shared.lock();
        tracks
            .iter_mut()
            .map(|track| {
                let at = self.shared.read(track);
                track.accumulator.mark(at)
            })
            .collect()
    }

    /// Reads every sensor now and gives what each counted since `begun`.
    pub(crate) fn since(&self, begun: &Marks) -> Vec<Result<Difference, String>> {
        let mut tracks = self.shared.lock();
        tracks
            .iter_mut()
            .zip(begun)
            .map(|(track, mark)| {
                let at = self.shared.read(track);
                track.accumulator.since(*mark, at)
            })
            .collect()
    }

    /// Reads every sensor now and gives what each counted since its mark, which moves to now unless the sensor has not
    /// refreshed: what it will show next then counts from where it was.
    pub(crate) fn advance(&self, marks: &mut Marks) -> Vec<Result<Difference, String>> {
        let mut tracks = self.shared.lock();
        let mut differences = Vec::new();
        for (track, mark) in tracks.iter_mut().zip(marks) {
            let at = self.shared.read(track);
            let difference = track.accumulator.since(*mark, at);
            if !matches!(difference, Ok(Difference { updates: 0, .. })) {
                *mark = track.accumulator.mark(at);
            }
            differences.push(difference);
        }
        differences
    }

    /// The thread's share of one core since it was started; `None` where the system does not tell.
    pub(crate) fn overhead(&self) -> Option<f64> {
        let used = self.shared.thread_cpu.load(Ordering::Relaxed);
        let elapsed = self.shared.epoch.elapsed().as_secs_f64();
        (used != u64::MAX && elapsed > 0.0).then(|| used as f64 * 1e-9 / elapsed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        {
            let _asleep = self.shared.sleep.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.wake.notify_all();
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that samples the meters ended by a panic");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one sensor and returns when.
    fn read(&self, track: &mut Track) -> Duration {
        let at = self.epoch.elapsed();
        let raw = track.sensor.read();
        track.accumulator.record(at, raw);
        track.due = at + track.poll_period;
        at
    }

    fn run(&self) {
        /// Frequent enough for a report at a run's end, rare enough to cost nothing.
        const CPU_TIME_EVERY: Duration = Duration::from_millis(500);

        let mut cpu_time_due = Duration::ZERO;
        let mut asleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.stopping.load(Ordering::Acquire) {
            let now = self.epoch.elapsed();
            let mut next = now + CPU_TIME_EVERY;
            for track in self.lock().iter_mut() {
                if track.due <= now {
                    self.read(track);
                }
                next = next.min(track.due);
            }

            if cpu_time_due <= now {
                if let Some(nanoseconds) = thread_cpu_nanoseconds() {
                    self.thread_cpu.store(nanoseconds, Ordering::Relaxed);
                }
                cpu_time_due = now + CPU_TIME_EVERY;
            }

            let pause = next.saturating_sub(self.epoch.elapsed()).max(Duration::from_micros(100));
            asleep = match self.wake.wait_timeout(asleep, pause) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// The calling thread's time on a CPU: the first field of `schedstat` (Linux, sched-stats.rst).
fn thread_cpu_nanoseconds() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}
