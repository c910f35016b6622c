//! Each price source against a replica of its wire format on the loopback interface, and what happens when it
//! answers wrongly, slowly, too much or not at all.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod failures;
mod formats;
mod replica;
mod stored;
