//! Puts a server under load: many requests at once: closed loops and open ones, and what they reached.
//!
//! [`put_under_load`] runs one operating point. Requests are sent and stamped on a thread of their own, and their records are
//! made and handed on by the caller's, so that writing to disk delays no time stamp. Nothing is kept of a request
//! once its record is handed over: memory does not grow with their number.

mod arrivals;
mod client_limit;
mod sender;
mod track;
mod trend;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infercost_core::{OperatingPoint, Sampling};

pub use arrivals::{ArrivalTimes, Arrivals};
pub use sender::{MOST_IN_FLIGHT, OTHER_FILES, put_under_load};

/// How hard, how long and from when on a server is put under load.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Requests in flight, or requests per second.
    pub point: OperatingPoint,
    /// How requests of an open loop are spaced.
    pub arrivals: Arrivals,
    /// When the requests of an open loop are due, since the load began, in place of [`Self::arrivals`]: those of a trace.
    pub schedule: Option<Arc<[Duration]>>,
    /// The load runs this long before anything counts.
    pub warm_up: Duration,
    /// No request is issued after this much more time.
    pub duration: Duration,
    /// No more requests than this are issued, warm-up included.
    pub most_requests: u64,
    /// Seed of the arrivals.
    pub seed: u64,
    /// How tokens are chosen.
    pub sampling: Sampling,
}

/// What a load test came to. The requests themselves went to the caller one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOutcome {
    /// When the load began.
    pub started_at: SystemTime,
    /// From then to the end of the last request.
    pub wall_time: Duration,
    /// The stretch that counts; `None` where the operating point was never reached, or where there is none because the
    /// server is over-saturated.
    pub steady: Option<Steady>,
    /// Requests issued.
    pub issued: u64,
    /// Of those, answered.
    pub completed: u64,
    /// Of those, failed; what was given up when an over-saturated load ended is among them.
    pub failed: u64,
    /// Requests in flight over time, thinned out to a bounded number of points.
    pub in_flight: Vec<InFlight>,
    /// Why the client, not the server, set the pace; `None` where it did not.
    pub client_limit: Option<String>,
    /// How other programs on this machine held this one up; `None` where they did not.
    pub held_up: Option<String>,
    /// True where an open loop's TTFT and requests in flight rose through the window: the server cannot keep up. A
    /// closed loop cannot over-saturate a server.
    pub over_saturated: bool,
    /// By how much the latest request of an open loop was issued after its time.
    pub schedule_lag: Duration,
}

/// The stretch that counts, since the load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steady {
    /// Its beginning.
    pub from: Duration,
    /// Its end.
    pub to: Duration,
}

/// A point of the in-flight series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InFlight {
    /// Beginning of a stretch, since the load began; the next point ends it.
    pub at: Duration,
    /// Mean number of requests in flight in it.
    pub requests: f64,
}
