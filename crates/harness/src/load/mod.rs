//! Drives a server with many requests at once: closed loops and open ones, and what they reached.

use std::time::{Duration, SystemTime};

use infercost_schema::{OperatingPoint, Sampling};

/// How hard, how long and from when on a server is driven.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Requests in flight, or requests per second.
    pub point: OperatingPoint,
    /// How requests of an open loop are spaced.
    pub arrivals: Arrivals,
    /// Requests issued before this much time has passed are warm-up and not counted.
    pub warm_up: Duration,
    /// No request is issued after this much time, warm-up left out.
    pub duration: Duration,
    /// No more requests than this are issued, warm-up included.
    pub most_requests: u64,
    /// Fewest requests to issue behind the warm-up, even where the time is over; `duration` × 10 ends it.
    pub fewest_requests: u64,
    /// Seed of the arrivals.
    pub seed: u64,
    /// How tokens are chosen.
    pub sampling: Sampling,
}

/// How requests of an open loop are spaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Arrivals {
    /// Independent users: exponential gaps.
    #[default]
    Poisson,
    /// Equal gaps.
    Constant,
}

/// What driving a server came to. The requests themselves went to the sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Driven {
    /// When the first request was issued.
    pub started_at: SystemTime,
    /// From the first request to the end of the last.
    pub wall_time: Duration,
    /// The steady-state window, since `started_at`; `None` where steady state was never reached.
    pub steady: Option<Steady>,
    /// Requests issued.
    pub issued: u64,
    /// Of those, answered.
    pub completed: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Requests in flight over time, thinned out to a bounded number of points.
    pub in_flight: Vec<InFlight>,
    /// Why the client, not the server, set the pace; `None` where it did not.
    pub client_limit: Option<String>,
    /// True where TTFT and requests in flight rose through the window: the server cannot keep up.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Since the load began.
    pub at: Duration,
    /// Requests in flight.
    pub requests: u32,
}
