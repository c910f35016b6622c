//! What "good enough" means.

use serde::{Deserialize, Serialize};

use crate::load::LatencyTargets;

/// Quality thresholds, and the error rate that verdicts keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Non-inferiority margin of the task score, 0 to 1: the loss against the baseline that is tolerated.
    ///
    /// `None` chooses it by the size of the set: 0.02, or the smallest loss that a set of this size can
    /// resolve at 80 % power, whichever is larger; the report then names it.
    pub margin: Option<f64>,
    /// Largest tolerated mean KL divergence from the baseline, in nats; `None` does not gate on it.
    pub max_kld: Option<f64>,
    /// Smallest tolerated share of positions where the candidate's most likely token is the baseline's.
    pub min_top1: Option<f64>,
    /// Smallest tolerated task score of the candidate itself, 0 to 1; `None` does not gate on it.
    pub min_score: Option<f64>,
    /// One-sided confidence of each gate.
    pub confidence: f64,
    /// Latencies that an operating point must keep to be recommended; `None` asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<LatencyTargets>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            margin: None,
            max_kld: Some(0.05),
            min_top1: Some(0.9),
            min_score: None,
            confidence: 0.95,
            slo: None,
        }
    }
}
