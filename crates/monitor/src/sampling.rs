//! The loop that observes: devices and servers are read once an interval, by a clock that a test can set.

use std::time::{Duration, Instant};

use infercost_energy::devices::{DeviceReading, Devices};
use jiff::Timestamp;

use crate::observation::{Observation, ServerReading};
use crate::servers::Servers;

/// How long an observation waits for servers that answer quickly, at most.
const LONGEST_WAIT: Duration = Duration::from_millis(400);

/// Whatever shows devices.
pub trait DeviceSource: Send {
    /// What every device shows now.
    fn read(&mut self) -> Vec<DeviceReading>;
}

/// Whatever shows servers.
pub trait ServerSource: Send {
    /// What came of asking every server; waits at most `patience`.
    fn read(&mut self, patience: Duration) -> Vec<ServerReading>;
}

impl DeviceSource for Devices {
    fn read(&mut self) -> Vec<DeviceReading> {
        Self::read(self)
    }
}

impl ServerSource for Servers {
    fn read(&mut self, patience: Duration) -> Vec<ServerReading> {
        Self::read(self, patience)
    }
}

/// Two clocks: one that never goes back, and one that people set.
pub trait Clock: Send {
    /// Time since some moment in the past.
    fn monotonic(&self) -> Duration;
    /// What the wall clock shows.
    fn wall(&self) -> Timestamp;
}

/// The machine's own clocks.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Reads devices and servers together.
pub struct Sampling<C> {
    devices: Box<dyn DeviceSource>,
    servers: Box<dyn ServerSource>,
    clock: C,
    interval: Duration,
    began: Duration,
    /// How many observations were due.
    due: u32,
}

impl<C: Clock> Sampling<C> {
    /// Observations every `interval`, the first one at once.
    pub fn new(
        devices: Box<dyn DeviceSource>,
        servers: Box<dyn ServerSource>,
        clock: C,
        interval: Duration,
    ) -> Self {
        let began = clock.monotonic();
        Self { devices, servers, clock, interval, began, due: 0 }
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// How long it is until the next observation; zero where it is due.
    ///
    /// Observations that were missed while something held the machine up are not made up for.
    pub fn pause(&mut self) -> Duration {
        let since = self.clock.monotonic().saturating_sub(self.began);
        let due = self.interval.saturating_mul(self.due);
        if since > due + self.interval {
            self.due = u32::try_from(since.as_nanos() / self.interval.as_nanos().max(1)).unwrap_or(u32::MAX);
            return Duration::ZERO;
        }
        due.saturating_sub(since)
    }

    /// Observes now.
    pub fn observe(&mut self) -> Observation {
        self.due = self.due.saturating_add(1);
        let servers = self.servers.read(LONGEST_WAIT.min(self.interval / 2));
        let devices = self.devices.read();
        Observation {
            at: self.clock.monotonic().saturating_sub(self.began),
            wall: self.clock.wall(),
            devices,
            servers,
        }
    }
}
