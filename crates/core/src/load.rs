//! Load tests: what was found while a server was under load, and the targets that its answers must meet.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a load generator found about a window that it drove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadFacts {
    /// The stretch in which the operating point held; `None` where it was never reached.
    pub steady: Option<SteadyState>,
    /// True where this program, and not the server, limited what was sent: the window says little of the server.
    pub client_limited: bool,
    /// True where other programs on this machine held infercost up: latencies may be too long. Infercost itself had time
    /// to spare.
    pub machine_busy: bool,
    /// True where more was sent than the server could take, so that the queue grew and no steady state can be.
    pub over_saturated: bool,
}

/// The part of a window in which its operating point held, since the window began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SteadyState {
    /// When it was reached.
    pub from: Duration,
    /// When it was left.
    pub until: Duration,
}

impl SteadyState {
    /// How long it lasted.
    pub fn length(&self) -> Duration {
        self.until.saturating_sub(self.from)
    }
}

/// Latencies that a request must keep to be worth something, and how many requests must.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTargets {
    /// Longest time to first token, in seconds.
    #[serde(default)]
    pub ttft_s: Option<f64>,
    /// Longest time per output token, in seconds.
    #[serde(default)]
    pub tpot_s: Option<f64>,
    /// Share of requests that must keep both, in (0, 1].
    #[serde(default = "LatencyTargets::default_share")]
    pub share: f64,
}

impl LatencyTargets {
    /// Nine of ten, as the goodput of a server is commonly read.
    pub const DEFAULT_SHARE: f64 = 0.9;

    fn default_share() -> f64 {
        Self::DEFAULT_SHARE
    }
}
