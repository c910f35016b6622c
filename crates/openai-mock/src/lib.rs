//! Plays an OpenAI-compatible server in tests and benchmarks, faults included.
//!
//! [`StandIn::start`] listens on loopback and answers each request with the [`Reply`] that a function chooses. The one
//! design decision: **a reply is a list of steps on the wire** ([`Step`]), prepared once, so that any fault can be
//! scripted to the byte and nothing is computed while a benchmark runs. [`StreamScript`] writes the steps of a
//! well-behaved stream and of its usual ways to fail.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod reply;
mod server;
mod stream;

pub use reply::{Reply, Step};
pub use server::{Asked, StandIn};
pub use stream::{Fault, StreamScript};
