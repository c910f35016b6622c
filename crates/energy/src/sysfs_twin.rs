//! The scripted twin of `/sys`: a tree whose true joules are known, driven in real time.
//!
//! A test builds a tree below a folder of its own, plays it, and points [`MeterOptions::sysfs_root`] at it:
//!
//! ```
//! use infercost_energy::sysfs_twin::{Load, SysfsTwin};
//! use infercost_core::Watts;
//!
//! # fn main() -> std::io::Result<()> {
//! let folder = tempfile::tempdir()?;
//! let mut twin = SysfsTwin::new(folder.path());
//! twin.rapl_zone("intel-rapl:0", "package-0", Load::Constant(Watts::new(30.0)));
//! let playing = twin.play()?;
//! // … meter something …
//! drop(playing); // the tree stands still from here on
//! # Ok(())
//! # }
//! ```
//!
//! [`MeterOptions::sysfs_root`]: crate::MeterOptions::sysfs_root

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use infercost_core::{Joules, Watts};

/// The largest value of a counter where nothing else is asked for, as many Intel servers have it.
pub const USUAL_RANGE_MICROJOULES: u64 = 262_143_328_850;

/// Power over time, from the moment the tree is played.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// The same power throughout.
    Constant(Watts),
    /// Power that changes evenly and then stays.
    Ramp {
        /// Power at the beginning.
        from: Watts,
        /// Power at the end and after it.
        to: Watts,
        /// How long the change takes.
        over: Duration,
    },
    /// Power that jumps: each step holds for its time, and the last one for ever.
    Steps(Vec<(Duration, Watts)>),
}

impl Load {
    /// Power at `time`.
    pub fn watts_at(&self, time: Duration) -> Watts {
        match self {
            Self::Constant(watts) => *watts,
            Self::Ramp { from, to, over } => {
                let share = (time.as_secs_f64() / over.as_secs_f64().max(1e-9)).min(1.0);
                *from + (*to - *from) * share
            }

            Self::Steps(steps) => {
                let mut left = time;
                let mut watts = Watts::ZERO;
                for (length, step) in steps {
                    watts = *step;
                    let Some(rest) = left.checked_sub(*length) else { break };
                    left = rest;
                }
                watts
            }
        }
    }

    /// Energy drawn from the beginning to `time`, exactly.
    pub fn drawn_until(&self, time: Duration) -> Joules {
        match self {
            Self::Constant(watts) => *watts * time,
            Self::Ramp { from, over, to } => {
                let ramping = time.min(*over);
                (*from + self.watts_at(ramping)) / 2.0 * ramping + *to * time.saturating_sub(*over)
            }

            Self::Steps(steps) => {
                let mut left = time;
                let mut drawn = Joules::ZERO;
                for (index, (length, watts)) in steps.iter().enumerate() {
                    let last = index + 1 == steps.len();
                    let span = if last { left } else { left.min(*length) };
                    drawn += *watts * span;
                    left -= span;
                }
                drawn
            }
        }
    }
}

/// Something that happens to a sensor at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The sensor's folder goes away, as when a zone is unplugged.
    Vanish,
    /// The value can no longer be read.
    Unreadable,
    /// The file holds something that is not a number.
    Garbage,
    /// The counter goes back by this many microjoules.
    JumpBack(u64),
    /// The value no longer changes.
    Freeze,
}

/// A scripted tree of sensors below a folder.
#[derive(Debug)]
pub struct SysfsTwin {
    root: PathBuf,
    sensors: Vec<Sensor>,
    refresh: Duration,
}

#[derive(Debug)]
struct Sensor {
    value: PathBuf,
    load: Load,
    shows: Shows,
    mishaps: Vec<(Duration, Mishap)>,
    frozen: bool,
}

#[derive(Debug)]
enum Shows {
    Counter { first: u64, largest: u64, back: u64 },
    Gauge,
}

/// One sensor of a tree that is being built; its settings change how it will play.
#[derive(Debug)]
pub struct SensorScript<'a>(&'a mut Sensor);

impl SensorScript<'_> {
    /// Begins the counter at `microjoules` instead of 1,000,000; no effect on a gauge.
    pub fn begins_at(self, microjoules: u64) -> Self {
        if let Shows::Counter { first, .. } = &mut self.0.shows {
            *first = microjoules;
        }
        self
    }

    /// Wraps the counter to zero after `microjoules`; no effect on a gauge.
    pub fn wraps_after(self, microjoules: u64) -> Self {
        if let Shows::Counter { largest, .. } = &mut self.0.shows {
            *largest = microjoules;
        }
        self
    }

    /// Lets `mishap` happen at `time` after the tree begins to play.
    pub fn then(self, time: Duration, mishap: Mishap) -> Self {
        self.0.mishaps.push((time, mishap));
        self
    }
}

impl SysfsTwin {
    /// An empty tree below `root`; nothing is written until it plays.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), sensors: Vec::new(), refresh: Duration::from_millis(1) }
    }

    /// Sets how often values change; a millisecond if unset, as RAPL does.
    pub fn refresh_every(&mut self, period: Duration) {
        self.refresh = period;
    }

    /// Adds a powercap zone: `id` is its folder (`intel-rapl:0:1` lies inside `intel-rapl:0`), `name` what
    /// the kernel calls it.
    pub fn rapl_zone(&mut self, id: &str, name: &str, load: Load) -> SensorScript<'_> {
        let mut folder = PathBuf::from("class/powercap");
        let mut nested = String::new();
        for (index, part) in id.split(':').enumerate() {
            if index > 0 {
                nested.push(':');
            }
            nested.push_str(part);
            if index > 0 {
                folder.push(&nested);
            }
        }
        self.fixed_file(&folder.join("name"), name);
        let shows = Shows::Counter { first: 1_000_000, largest: USUAL_RANGE_MICROJOULES, back: 0 };
        self.sensor(folder.join("energy_uj"), load, shows)
    }

    /// Adds an hwmon energy counter (microjoules) as `file`, such as `energy1_input`, of a `chip`'s folder.
    pub fn hwmon_counter(&mut self, folder: &str, chip: &str, file: &str, load: Load) -> SensorScript<'_> {
        let folder = Path::new("class/hwmon").join(folder);
        self.fixed_file(&folder.join("name"), chip);
        let shows = Shows::Counter { first: 1_000_000, largest: u64::MAX, back: 0 };
        self.sensor(folder.join(file), load, shows)
    }

    /// Adds an hwmon power gauge (microwatts) as `file`, such as `power1_average`, of a `chip`'s folder.
    pub fn hwmon_gauge(&mut self, folder: &str, chip: &str, file: &str, load: Load) -> SensorScript<'_> {
        let folder = Path::new("class/hwmon").join(folder);
        self.fixed_file(&folder.join("name"), chip);
        self.sensor(folder.join(file), load, Shows::Gauge)
    }

    /// Writes a file that does not change, such as a label; `file` is relative to the root.
    pub fn fixed_file(&mut self, file: &Path, text: &str) {
        let path = self.root.join(file);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        if let Err(error) = written {
            // `play` writes into the same folders and reports the failure to the caller.
            tracing::warn!(path = %path.display(), %error, "cannot write a file of the scripted sysfs tree");
        }
    }

    /// Writes the tree and drives it on a thread until the result is dropped.
    ///
    /// # Errors
    /// Where the tree cannot be written or no thread can be started.
    pub fn play(mut self) -> io::Result<Playing> {
        for sensor in &self.sensors {
            if let Some(folder) = sensor.value.parent() {
                fs::create_dir_all(folder)?;
                if let Shows::Counter { largest, .. } = sensor.shows
                    && largest != u64::MAX
                {
                    fs::write(folder.join("max_energy_range_uj"), format!("{largest}\n"))?;
                }
            }
            sensor.write(Duration::ZERO)?;
        }

        let stopping = Arc::new(AtomicBool::new(false));
        let age = Arc::new(Age::default());
        let (stop, known) = (Arc::clone(&stopping), Arc::clone(&age));
        let begun = Instant::now();
        let thread = thread::Builder::new().name("sysfs-twin".to_owned()).spawn(move || {
            while !stop.load(Ordering::Acquire) {
                let now = begun.elapsed();
                for sensor in &mut self.sensors {
                    sensor.advance(now)?;
                }

                known.replaced(now, begun.elapsed());
                thread::sleep(self.refresh);
            }
            Ok(())
        })?;
        Ok(Playing { begun, stopping, age, thread: Some(thread) })
    }

    fn sensor(&mut self, value: PathBuf, load: Load, shows: Shows) -> SensorScript<'_> {
        let value = self.root.join(value);
        let sensor = Sensor { value, load, shows, mishaps: Vec::new(), frozen: false };
        SensorScript(self.sensors.push_mut(sensor))
    }
}

impl Sensor {
    fn advance(&mut self, time: Duration) -> io::Result<()> {
        while let Some(index) = self.mishaps.iter().position(|(when, _)| *when <= time) {
            let (_, mishap) = self.mishaps.swap_remove(index);
            self.suffer(mishap)?;
        }
        if self.frozen { Ok(()) } else { self.write(time) }
    }

    fn suffer(&mut self, mishap: Mishap) -> io::Result<()> {
        if let (Mishap::JumpBack(microjoules), Shows::Counter { back, .. }) = (mishap, &mut self.shows) {
            *back += microjoules;
            return Ok(());
        }
        self.frozen = true;
        match mishap {
            Mishap::Vanish => self.value.parent().map_or(Ok(()), fs::remove_dir_all),
            // Permissions do not stop root, which tests may run as; a folder in its place stops anyone.
            Mishap::Unreadable => {
                fs::remove_file(&self.value)?;
                fs::create_dir(&self.value)
            }
            Mishap::Garbage => fs::write(&self.value, "n/a\u{1b}[2J\n"),
            Mishap::JumpBack(_) | Mishap::Freeze => Ok(()),
        }
    }

    /// Replaces the file at once, so that no reader sees half a number.
    fn write(&self, time: Duration) -> io::Result<()> {
        let value = match self.shows {
            Shows::Counter { first, largest, back } => {
                let drawn = (self.load.drawn_until(time).get() * 1e6) as u64;
                let counted = first.saturating_add(drawn).saturating_sub(back);
                if largest == u64::MAX { counted } else { counted % (largest + 1) }
            }
            Shows::Gauge => (self.load.watts_at(time).get() * 1e6) as u64,
        };
        let fresh = self.value.with_extension("new");
        fs::write(&fresh, format!("{value}\n"))?;
        fs::rename(&fresh, &self.value)
    }
}

/// A tree that is being driven; dropping it stops the driving and leaves the files.
#[derive(Debug)]
pub struct Playing {
    begun: Instant,
    stopping: Arc<AtomicBool>,
    age: Arc<Age>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Playing {
    /// The time on the scripts' clock.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The oldest that a value has been while it stood in its file, so far: a millisecond or two, and as long as the thread
    /// that drives the tree was held up on a busy machine. A reading is off by no more than what is drawn meanwhile.
    pub fn oldest_value(&self) -> Duration {
        let standing = self.elapsed().as_nanos() as u64;
        let since = standing.saturating_sub(self.age.of.load(Ordering::Acquire));
        Duration::from_nanos(self.age.oldest.load(Ordering::Acquire).max(since))
    }
}

/// How old values become before they are replaced, in nanoseconds.
#[derive(Debug, Default)]
struct Age {
    /// The time on the scripts' clock that the values in the files are of.
    of: AtomicU64,
    /// The oldest that any have been.
    oldest: AtomicU64,
}

impl Age {
    /// Values of `of` have taken the place of those before, at `now`.
    fn replaced(&self, of: Duration, now: Duration) {
        let before = self.of.swap(of.as_nanos() as u64, Ordering::AcqRel);
        let age = (now.as_nanos() as u64).saturating_sub(before);
        self.oldest.fetch_max(age, Ordering::AcqRel);
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => tracing::warn!(%error, "the scripted sysfs tree stopped early"),
            Some(Err(_)) => tracing::warn!("the scripted sysfs tree ended by a panic"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_energy_is_the_integral_of_power() {
        let w = Watts::new;
        let s = Duration::from_secs;
        let steps = || Load::Steps(vec![(s(1), w(10.0)), (s(2), w(50.0)), (s(1), w(5.0))]);
        let ramp = || Load::Ramp { from: w(0.0), to: w(20.0), over: s(2) };
        let cases = [
            (Load::Constant(w(30.0)), 4, 120.0, 30.0),
            (ramp(), 1, 5.0, 10.0),
            (ramp(), 4, 60.0, 20.0),
            (steps(), 2, 60.0, 50.0),
            (steps(), 10, 145.0, 5.0),
        ];
        for (load, seconds, joules, watts) in cases {
            assert!((load.drawn_until(s(seconds)).get() - joules).abs() < 1e-9, "{load:?}");
            assert!((load.watts_at(s(seconds)).get() - watts).abs() < 1e-9, "{load:?}");
        }
    }
}
