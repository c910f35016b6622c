//! Decisions: three-valued verdicts and one recommendation.

mod gate_basis;
mod grounds;

use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::identity::VariantId;
use crate::record::OperatingPoint;

pub use gate_basis::GateBasis;
pub use grounds::{Doubt, Grounds, LoadDoubt, Loaded, Rivals, Standing};

/// Is a candidate good enough?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every gate passed at the policy's confidence.
    Pass,
    /// At least one gate failed at the policy's confidence.
    Fail,
    /// The data settle neither.
    Inconclusive,
}

/// One threshold of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Share of requests without an answer, candidate minus baseline, against the non-inferiority margin.
    FailureRate,
    /// Task score, candidate minus baseline, against the non-inferiority margin.
    TaskScore,
    /// Task score of the candidate itself.
    MinimumScore,
    /// Mean KL divergence from the baseline.
    KlDivergence,
    /// Share of positions with the baseline's most likely token.
    Top1Agreement,
    /// Share of single requests that keep the latency targets, where no load test answers for them.
    Latency,
}

/// What one gate decided, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    /// Which threshold.
    pub gate: Gate,
    /// The threshold's value.
    pub threshold: f64,
    /// What was measured; `None` with a reason in `why` where it could not be.
    pub measured: Option<Estimate>,
    /// This gate's verdict.
    pub verdict: Verdict,
    /// Prompts that would settle an inconclusive gate at 80 % power, where that can be said.
    pub prompts_needed: Option<usize>,
    /// One plain sentence.
    pub why: String,
}

/// What to deploy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Recommendation {
    /// Deploy this candidate.
    Switch {
        /// The candidate.
        variant: VariantId,
        /// The load to put it under, where load was measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operating_point: Option<OperatingPoint>,
        /// Share of the baseline's cost saved, with its interval.
        saving: Estimate,
        /// One sentence.
        why: String,
    },
    /// No candidate both passes and is cheaper.
    KeepBaseline {
        /// The baseline.
        variant: VariantId,
        /// The load to put it under, where load was measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operating_point: Option<OperatingPoint>,
        /// One sentence.
        why: String,
    },
    /// The answer hangs on verdicts or costs that this many prompts did not settle.
    MeasureMore {
        /// The candidate that might win.
        variant: VariantId,
        /// Prompts that would settle it, where that can be said.
        prompts_needed: Option<usize>,
        /// One sentence.
        why: String,
    },
}
