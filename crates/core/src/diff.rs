//! Two runs of the same variants, at two times or on two machines (`infercost.diff/1`).

mod limit_grounds;

use serde::{Deserialize, Serialize};

use crate::coded::{Why, WhyNot};
use crate::estimate::Estimate;
use crate::finding::Finding;
use crate::identity::{RunId, VariantId};
use crate::reason::Reason;
use crate::verdict::Verdict;

pub use limit_grounds::{LimitGrounds, WorseVariant, Worsening};

/// Version of the object.
pub const DIFF_SCHEMA: &str = "infercost.diff/1";

/// Everything two runs say about one another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDiff {
    /// [`DIFF_SCHEMA`].
    pub schema: String,
    /// The run that is compared with.
    pub old: DiffSide,
    /// The run that is judged.
    pub new: DiffSide,
    /// Differences of up to this share are called none: room for what one build may show from one hour to the next. Quality and failures know no such room.
    pub tolerance: f64,
    /// Confidence that holds over all differences together.
    pub confidence: f64,
    /// The variants of both runs, in the new run's order.
    pub variants: Vec<VariantDiff>,
    /// Variants of the old run alone.
    pub only_old: Vec<VariantId>,
    /// Variants of the new run alone.
    pub only_new: Vec<VariantId>,
    /// What must be read with the numbers: the sentences of `findings`.
    pub notes: Vec<String>,
    /// What must be known with them: other machines, prompts, engines.
    pub findings: Vec<Finding>,
    /// Limits that were given, each decided.
    pub limits: Vec<LimitResult>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffSide {
    /// The runs behind it.
    pub run_ids: Vec<RunId>,
    /// When the first of them began.
    pub started_at: Option<jiff::Timestamp>,
    /// CPU and GPUs, as the machine names them.
    pub machine: String,
    /// Version of infercost that recorded it.
    pub infercost_version: String,
}

/// One variant in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantDiff {
    /// The variant.
    pub variant: VariantId,
    /// What was measured in both, or why it cannot be compared.
    pub metrics: Vec<MetricDiff>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Money per answered inference, with the same prices on both sides.
    Cost,
    /// Joules per inference.
    Energy,
    /// Median time to first token.
    Ttft,
    /// Tokens per second of prefill.
    Prefill,
    /// Tokens per second of decode.
    Decode,
    /// Share of prompts answered right, paired by prompt.
    TaskScore,
    /// Share of inferences that failed.
    Failures,
}

/// One metric in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricDiff {
    /// Which.
    pub metric: Metric,
    /// In the old run.
    pub old: Option<Estimate>,
    /// In the new run.
    pub new: Option<Estimate>,
    /// New ÷ old − 1; for the task score and failures, new − old.
    pub change: Option<Estimate>,
    /// What that says.
    pub verdict: Change,
    /// Why it is not comparable.
    #[serde(flatten)]
    pub why: WhyNot<Reason>,
}

/// What a difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Surely better, by more than the tolerance.
    Better,
    /// Surely worse, by more than the tolerance.
    Worse,
    /// Neither is shown: no proof of equality.
    NoDifferenceShown,
    /// Not measured on one side, or not the same thing.
    NotComparable,
}

/// One limit, over all variants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitResult {
    /// What is limited.
    pub metric: Metric,
    /// Largest change that is tolerated: a share, or a difference of scores.
    pub limit: f64,
    /// Pass: surely kept by every variant. Fail: surely passed by one. Inconclusive: neither.
    pub verdict: Verdict,
    /// The variant that decided, where one did.
    pub variant: Option<VariantId>,
    /// What the verdict rests on.
    #[serde(flatten)]
    pub why: Why<LimitGrounds>,
}
