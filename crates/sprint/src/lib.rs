//! What a sprint tries, how it searches, and how it judges what it found.
//!
//! A sprint looks for a setting (of threads, of a server's flags, of a model's variant) that is cheaper than the present
//! one at kept quality and latency. [`Space`] says what is tried, [`Sprint`] which setting is measured next and what
//! follows from what was measured, and [`roofline`] why. The one design decision: **a sprint is a function of its
//! observations**. [`Sprint::next`] and [`Sprint::observe`] read no clock and no file, so that a sprint that was killed
//! goes on from its journal, and a simulation runs the very code that decides.
//!
//! Deliberately absent: nothing here starts a server or asks a model.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod answers;
pub mod confirmation;
pub mod failure;
pub mod journal;
pub mod placeholder;
pub mod race;
pub mod roofline;
pub mod setting;
pub mod shipped;
pub mod space;
pub mod sprint;
pub mod step;
pub mod vary;
pub mod workload;

pub use confirmation::{Confirmation, ConfirmationRules, Confirmed};
pub use failure::Failure;
pub use race::{Elimination, Race, RaceRules, Standing, Turn};
pub use setting::Setting;
pub use space::{Parameter, Space, SpaceError};
pub use sprint::Sprint;
pub use step::{Answer, Attempt, Phase, Quality, Rules, Step, Visit};
