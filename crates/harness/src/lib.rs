//! Runs prompt sets through engines while a meter reads: warm-up, order, windows, time stamps, resume.
//!
//! [`prepare`] loads every variant, [`run()`] takes them through a [`Plan`] and hands each fact to a
//! [`RecordSink`](infercost_core::RecordSink) as soon as it is measured. The one design decision: **time is stamped here**, around
//! [`Engine::generate`](infercost_core::Engine::generate), so that every engine shares one clock path.
//!
//! Deliberately absent: the harness knows neither cost nor quality, and prints nothing. Graders and
//! divergences are the sink's business; the harness only brings engines and prompts together in the right
//! order.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod answer_counts;
pub mod bandwidth;
mod block_scoring;
mod error;
mod ladder;
pub mod load;
mod load_phase;
mod load_plan;
pub mod machine;
pub mod machine_watch;
pub mod noise;
pub mod order;
pub mod plan;
pub mod preparation;
mod process_times;
pub mod remeasure;
pub mod run;
mod scoring;
mod session;
pub mod timed;
mod virtualization;
pub mod window_length;

pub use error::HarnessError;
pub use load_plan::{LoadDone, LoadPlan};
pub use plan::{Completed, Plan};
pub use preparation::{Contestant, Prepared, prepare};
pub use run::run;
