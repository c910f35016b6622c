//! How the next token is chosen.

use serde::{Deserialize, Serialize};

/// Sampling settings. The default is greedy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus mass, in (0, 1].
    pub top_p: Option<f64>,
    /// Candidates kept.
    pub top_k: Option<u32>,
    /// Seed of the draw; the same seed gives the same tokens on the same engine.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: None, top_k: None, seed: 42 }
    }
}
