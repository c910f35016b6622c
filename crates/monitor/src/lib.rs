//! Watches a machine while it serves: what its devices draw, what its servers answer, what that costs, and what it
//! costs while nothing is served.
//!
//! An [`Observation`] is everything that was seen at one moment; [`Monitor::take`] adds it to sums of fixed size, and
//! [`Monitor::snapshot`] says what is known now. The one design decision: **[`Snapshot`] is the only thing that anybody
//! shows**. The terminal, the web page, Prometheus, OTLP, alerts, a recording and another machine's monitor all read
//! the same snapshot, so that no two of them can disagree.
//!
//! - [`observation`], [`servers`]: what is seen, and how servers are asked;
//! - [`tally`], [`money`]: sums over the last minute, hour and day, and what they cost;
//! - [`monitor`], [`snapshot`]: the state of the machine, and what is shown of it;
//! - [`alert`]: who is told when something is wrong;
//! - [`exposition`], [`web`]: for Prometheus, and for whoever asks;
//! - [`otlp`], [`recording`], [`bill`]: for collectors, and for a later bill;
//! - [`farm`]: several machines in one view;
//! - [`sampling`]: the loop that observes, by a clock that a test can set.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod alert;
mod asking;
pub mod bill;
mod client;
pub mod exposition;
pub mod farm;
pub mod money;
pub mod monitor;
pub mod observation;
pub mod otlp;
pub mod recording;
pub mod sampling;
pub mod servers;
pub mod snapshot;
pub mod tally;
pub mod web;

pub use money::Tariffs;
pub use monitor::{Monitor, MonitorOptions};
pub use observation::{Observation, ServerAnswer, ServerReading};
pub use snapshot::{Shown, Snapshot};
