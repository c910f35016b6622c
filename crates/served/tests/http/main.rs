//! A served model against a scripted server: streams, faults, what it learns, and scoring.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod asking;
mod discovery;
mod faults;
mod scoring;
mod streams;
