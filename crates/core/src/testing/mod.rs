//! Twins of what is measured, for tests that need no weights, meters or servers.
//!
//! Only with the feature `testing`, which only development dependencies turn on.

pub mod made_up_run;
mod scripted_engine;

pub use scripted_engine::{Script, ScriptedEngine};
