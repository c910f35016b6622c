//! From a specification to a run on disk, and from a run on disk to what a report needs.
//!
//! [`RunRequest`] is what a user wants: a [`RunSpec`](infercost_core::RunSpec), which is stored with the run, and what
//! is never stored. [`recording::record`] measures it, [`recording::resume`] completes a run that was cut off. The
//! one design decision: **what a run does follows from its specification and from what this invocation gives**, so a
//! folder that came from somewhere else starts nothing.
//!
//! Deliberately absent: this crate reads no command line and prints nothing; what a person should hear goes through
//! the [`console`].
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod answer_limit;
pub mod baseline;
pub mod baseline_store;
pub mod calibration;
mod comparison;
pub mod config;
pub mod console;
pub mod coverage;
mod early_stop;
pub mod economics_inputs;
pub mod engines;
pub mod exporting;
mod fd_limit;
pub mod foreign_traces;
pub mod history;
mod hosted;
pub mod machine;
pub mod machine_checks;
mod machine_identity;
mod machine_prices;
pub mod models;
pub mod number;
pub mod policy_section;
pub mod price_store;
mod prompts;
pub mod recording;
mod request;
pub mod run_folder;
mod served_energy;
mod serving;
pub mod settings_fill;
pub mod shell;
pub mod sprint;
mod stopping;
pub mod summary;
pub mod today;
mod usage;

pub use request::{
    ContenderSetting, LiveExportTarget, MeterRequest, PlaceOfExport, RunRequest, ServeRequest, device,
};
pub use usage::{INTERRUPTED, Usage, usage};
