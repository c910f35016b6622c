//! Runs prompt sets through engines while a meter reads: warm-up, order, windows, time stamps, resume.
//!
//! [`prepare`] loads every variant, [`run()`] drives them through a [`Plan`] and hands each fact to a
//! [`RecordSink`](infercost_core::RecordSink) as soon as it is measured. The one design decision: **time is stamped here**, around
//! [`Engine::generate`](infercost_core::Engine::generate), so that every engine shares one clock path.
//!
//! Deliberately absent: the harness knows neither cost nor quality, and prints nothing. Graders and
//! divergences are the sink's business; the harness only brings engines and prompts together in the right
//! order.

pub mod bandwidth;
mod ladder;
pub mod load;
pub mod load_phase;
pub mod machine;
pub mod noise;
pub mod order;
pub mod plan;
pub mod preparation;
pub mod run;
mod scoring;
pub mod timed;
mod virtualization;
pub mod window_length;

pub use load_phase::{LoadDone, LoadPlan};
pub use plan::{Completed, Plan};
pub use preparation::{Contestant, Prepared, prepare};
pub use run::{HarnessError, run};
