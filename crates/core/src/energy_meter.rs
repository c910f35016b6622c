//! The role that every instrument plays.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{BoardState, CrossCheck, EnergyReading, EnergyScope};

use crate::MeterError;

/// Reads the energy of stretches of time.
///
/// The token that [`start`](Self::start) returns is consumed by [`stop`](Self::stop), so nesting is allowed
/// and misuse is visible.
pub trait EnergyMeter: Send {
    /// One plain line: the instrument and its boundary, or why there is none.
    fn describe(&self) -> String;

    /// What a reading covers; empty where nothing can be read.
    fn scope(&self) -> EnergyScope;

    /// How often the slowest instrument refreshes; zero for an unavailable or estimated meter.
    ///
    /// A window much shorter than this cannot be metered.
    fn update_period(&self) -> Duration;

    /// Begins a reading.
    fn start(&mut self) -> Result<OpenReading, MeterError>;

    /// Ends a reading and gives the energy since it began.
    ///
    /// Where a counter has not moved yet, this waits for it, at most one update period. A window of few
    /// updates is coarse by one of them at each edge; the reading's `updates` says how many there were.
    ///
    /// An instrument that failed in between gives [`EnergyReading::Unavailable`], not an error; an error
    /// means that the token is not this meter's.
    fn stop(&mut self, reading: OpenReading) -> Result<EnergyReading, MeterError>;

    /// The share of one core that sampling has cost so far, 0 to 1; `None` where nothing samples or the
    /// operating system does not tell.
    fn sampler_overhead(&self) -> Option<f64> {
        None
    }

    /// Counters against the integral of power over all windows so far that were long enough to tell; empty
    /// where no instrument shows both.
    fn cross_checks(&self) -> &[CrossCheck] {
        &[]
    }

    /// What the boards that it reads show of themselves now; empty where it reads none, and where the driver
    /// does not answer.
    fn boards(&self) -> Vec<BoardState> {
        Vec::new()
    }
}

/// Tells meters apart within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeterId(u64);

impl MeterId {
    /// An identity that no other meter of this process has.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A reading that has begun; only the meter that issued it can end it.
#[must_use = "a reading that is never stopped measures nothing"]
pub struct OpenReading {
    meter: MeterId,
    state: Box<dyn Any + Send>,
}

impl OpenReading {
    /// Wraps what a meter needs to remember from the start of a reading.
    pub fn new<T: Any + Send>(meter: MeterId, state: T) -> Self {
        Self { meter, state: Box::new(state) }
    }

    /// Unwraps what [`new`](Self::new) stored.
    ///
    /// # Errors
    /// [`MeterError::ForeignReading`] where another meter issued the token.
    pub fn into_state<T: Any + Send>(self, meter: MeterId) -> Result<T, MeterError> {
        if self.meter != meter {
            return Err(MeterError::ForeignReading);
        }
        match self.state.downcast::<T>() {
            Ok(state) => Ok(*state),
            Err(_) => Err(MeterError::ForeignReading),
        }
    }
}

impl fmt::Debug for OpenReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenReading").field("meter", &self.meter).finish_non_exhaustive()
    }
}
