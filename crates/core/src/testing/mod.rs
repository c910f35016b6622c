//! Twins of what is measured, for tests that need no weights, meters or servers.
//!
//! Only with the feature `testing`, which only development dependencies turn on.

pub mod made_up_run;
mod run_builder;
mod scripted_engine;

pub use run_builder::{RunBuilder, ScriptedFailure, ScriptedInference, reading};
pub use scripted_engine::{Script, ScriptedEngine};
