//! Unit economics: what an inference costs all in, and where and when it should run.
//!
//! [`audit`](mod@audit) sets the cost against revenue, [`hosting`] compares ways to get a machine, [`replacement`]
//! decides between an old machine and a new one, [`schedule`](mod@schedule) puts a job where electricity is
//! cheap or clean, [`optimization`] ranks what could be changed. All start from a measured
//! [`Workload`](infercost_core::Workload) and from prices that carry their source.
//!
//! The one design decision: **a cost is a function of its inputs, and everything else calls that function again**.
//! A sensitivity is the cost with one input moved, a break-even is where two costs cross, and an interval is how
//! far the cost moves when measured inputs move within theirs ([`infercost_stats::propagation`]). So no formula stands twice.
//!
//! Amounts that are printed as money are decimals, rounded once, and their sum is exact ([`bill`]). Nothing here
//! does I/O or reads a clock.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod audit;
pub mod bill;
pub mod chart;
pub mod hosting;
pub mod lever;
pub mod optimization;
pub mod ownership;
pub mod power;
pub mod production;
pub mod replacement;
pub mod scenario;
pub mod schedule;

pub use audit::{Audit, Limits, audit};
pub use bill::{Assumption, Bill};
pub use scenario::Scenario;
