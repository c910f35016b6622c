//! Turns records into answers: divergences, intervals, costs, verdicts and one recommendation.
//!
//! The main function is [`report()`]: run records, a policy and prices in, a
//! [`Report`](infercost_core::report::Report) out. The one design decision: **everything here is a pure
//! function of its arguments**. It reads no file and no clock and draws its resamples from the run's own
//! seed, so the same traces give the same report on any machine, and another policy or price needs no new
//! run.
//!
//! - [`foreign`]: what other programs' traces say;
//! - [`diff`](mod@diff): two runs of the same variants, and what became worse;
//! - [`divergence`](mod@divergence): how far are two next-token distributions apart?
//! - [`partial_divergence`](mod@partial_divergence): how far at least, where only the likeliest tokens are known;
//! - [`text_divergence`]: the same over a whole text, and its perplexity;
//! - [`infercost_stats`]: intervals, tests and sample sizes, each with its source;
//! - [`attribution`]: a window's joules shared among its inferences;
//! - [`calibration`]: what a wall meter shows for what the machine's own meter counts;
//! - [`latency`](mod@latency): percentiles of what the harness timed;
//! - [`ledger`], [`token_price`]: what each inference took, and prices per token that give it back;
//! - [`levers`]: what could be left out of a run's work;
//! - [`machines`]: which machine a run came from, and what its hours cost;
//! - [`recommendation`]: what to deploy;
//! - [`early_stop`]: which variants need not go on;
//! - [`sequential`]: what looking early costs;
//! - [`workload`](mod@workload): what one inference takes, for unit economics;
//! - [`report`](mod@report): all of it put together.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod analysis;
mod answer_counts;
pub mod attribution;
mod board_notes;
pub mod calibration;
mod candidate;
pub mod diff;
pub mod divergence;
pub mod early_stop;
mod energy_source;
mod energy_totals;
pub mod foreign;
mod hosted;
mod idle_power;
mod interference;
mod judgement;
pub mod kept_divergence;
pub mod latency;
mod latency_targets;
pub mod ledger;
pub mod levers;
mod load;
pub mod machines;
mod notes;
pub mod partial_divergence;
mod pricing;
mod quality;
pub mod recommendation;
pub mod report;
mod sample;
pub mod sequential;
pub mod text_divergence;
pub mod token_price;
pub mod workload;

pub use analysis::{Analysis, AnalysisError};
pub use diff::{DiffLimits, DiffPolicy, Side, diff};
pub use divergence::{DivergenceError, divergence};
pub use machines::{MachinePrices, Machines, separate_machines};
pub use recommendation::{JudgedVariant, Part, recommend};
pub use report::report;
pub use workload::{WorkloadError, workload};
