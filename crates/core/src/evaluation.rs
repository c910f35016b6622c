//! Quality of single inferences, as it was measured.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::identity::{GraderName, PromptId, VariantId};
use crate::judgment::Judgment;

/// One evaluation of one variant on one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRecord {
    /// Who was evaluated.
    pub variant: VariantId,
    /// On what.
    pub prompt: PromptId,
    /// Which repetition of the prompt (0 first); divergences are taken once, at repetition 0.
    pub repetition: u32,
    /// When the evaluation began.
    pub evaluated_at: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The result.
    pub result: Evaluation,
}

/// What an evaluation judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationKind {
    /// An answer, by the prompt's grader.
    Task,
    /// The distance from the baseline.
    Divergence,
}

impl EvaluationKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Task, Self::Divergence];

    /// The name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Divergence => "divergence",
        }
    }
}

impl Evaluation {
    /// What it judges, whether it could or not.
    pub fn kind(&self) -> EvaluationKind {
        match self {
            Self::Task(_) => EvaluationKind::Task,
            Self::Divergence(_) => EvaluationKind::Divergence,
            Self::Impossible { what, .. } => *what,
        }
    }
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluation {
    /// Right or wrong, according to the prompt's grader.
    Task(TaskScore),
    /// Distance from the baseline, teacher-forced on the baseline's continuation.
    Divergence(Divergence),
    /// Could not be evaluated; never counted as good.
    Impossible {
        /// What was to be evaluated.
        what: EvaluationKind,
        /// Why, in one plain sentence.
        reason: String,
    },
}

/// A task score of one inference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskScore {
    /// Which grader judged.
    pub grader: GraderName,
    /// 0 to 1. A failed or unparsable answer scores 0.
    pub score: f64,
    /// What the grader said.
    #[serde(rename = "label")]
    pub judgment: Judgment,
    /// For multiple choice, the likelihoods behind the score. Kept apart, since a run may hold a million scores without any.
    pub choices: Option<Box<ChoiceLikelihoods>>,
}

impl TaskScore {
    /// The score of a judgment: 1 for a right answer, else 0.
    pub fn of(grader: &str, judgment: Judgment) -> Self {
        Self {
            grader: GraderName::from(grader),
            score: if judgment == Judgment::Correct { 1.0 } else { 0.0 },
            judgment,
            choices: None,
        }
    }
}

/// Log-likelihood of each choice of a multiple-choice prompt, in the prompt's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChoiceLikelihoods {
    /// Sum of ln p over the choice's tokens.
    pub log_likelihood: Vec<f64>,
    /// Length of each choice in UTF-8 bytes. The length-normalized score divides by characters, which the
    /// prompt's own choices tell.
    pub bytes: Vec<u32>,
}

/// Teacher-forced comparison with the baseline over one prompt's continuation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// KL(baseline ‖ candidate) at each position, in nats; a lower bound of it where `at_least` is set.
    pub kld: Vec<f64>,
    /// True where the candidate showed only its likeliest tokens, so that divergences are known from below.
    #[serde(default)]
    pub at_least: bool,
    /// Positions where both have the same most likely token.
    pub top1_matches: u32,
    /// Σ −ln p of the continuation under the baseline, in nats.
    pub baseline_nll: f64,
    /// Σ −ln p of the continuation under the candidate, in nats; `None` where it did not tell all of them.
    pub candidate_nll: Option<f64>,
}
