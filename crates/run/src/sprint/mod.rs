//! A sprint on this machine: settings are opened, measured and judged as [`infercost_sprint`] wants them.
//!
//! What is measured goes to `sprint.jsonl` in a folder of its own below the folder of runs, line by line, and everything
//! else follows from there: a sprint that was killed goes on by reading its lines back. The quality of a winner is judged
//! by a run like any other, which `infercost report` shows again.

mod bench;
mod course;
mod draft;
mod folder;
mod hosted;
mod judging;
mod known_flags;
mod ledger;
mod levers;
mod outcome;
mod parquet;
mod plan;
mod preparation;
mod requests;
mod roofs;
mod summary;
mod visit;
mod workload;

use std::time::Duration;

use infercost_sprint::Parameter;

use crate::request::RunRequest;

pub use levers::{Lever, LeverBasis};
pub use outcome::{SettingOutcome, SprintOutcome};
pub use parquet::ReadParquet;
pub use preparation::{resume, run};

/// A sprint that is wanted.
#[derive(Debug, Clone)]
pub struct SprintRequest {
    /// The models, the prompt set that judges quality, the server's command, the meter, and the folder of runs.
    pub run: RunRequest,
    /// What is varied: placeholders of the command, or `threads` and `variant` of models in process. Empty for what
    /// there is to vary.
    pub vary: Vec<Parameter>,
    /// The shipped space to use; `None` for that of the command's program.
    pub space: Option<String>,
    /// The model that drafts for the one that is served; `None` for none.
    pub draft: Option<String>,
    /// How long it may take.
    pub budget: Duration,
    /// Share of the present cost that must be saved, 0 to 1.
    pub wanted: f64,
    /// True where every setting is measured in every round.
    pub exhaustive: bool,
    /// What is asked, and how.
    pub workload: WorkloadRequest,
}

/// What is asked, and how.
#[derive(Debug, Clone)]
pub struct WorkloadRequest {
    /// A prompt set, a recorded run, another program's trace, a public trace, a folder of tables, or `synthetic:…`; `None`
    /// for the prompt set that judges quality.
    pub source: Option<String>,
    /// What reads Parquet; `None` for a build that does not.
    pub read_parquet: Option<ReadParquet>,
    /// By how much a trace's time is shortened.
    pub speedup: f64,
    /// Requests kept in flight; `None` where the workload has arrival times, and else for one.
    pub concurrency: Option<u32>,
    /// Requests per second at exponential gaps, whatever comes back.
    pub rate: Option<f64>,
    /// Requests of one measurement; `None` for what suits the workload.
    pub requests: Option<u32>,
}
