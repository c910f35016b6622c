//! The load generator against a scripted server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod closed;
mod faults;
mod loading;
mod open;
