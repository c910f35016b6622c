//! What judges an answer.

use std::fmt;
use std::sync::Arc;

use crate::evaluation::{ChoiceLikelihoods, TaskScore};
use crate::judgment::Judgment;

/// Judges the answers to one prompt. Made once, from what the prompt set says, and checked then: a grader that exists
/// can judge.
pub trait Grader: fmt::Debug + Send + Sync {
    /// Its name, as prompt sets and traces write it.
    fn name(&self) -> &'static str;

    /// Judges an answer by its text.
    fn judge(&self, answer: &str) -> Judgment;

    /// The choices whose likelihoods it judges by; empty where it judges by text alone.
    fn choices(&self) -> &[String] {
        &[]
    }

    /// Judges by the likelihoods of [`choices`](Self::choices).
    fn judge_likelihoods(&self, _likelihoods: &ChoiceLikelihoods) -> Judgment {
        Judgment::Failed
    }
}

/// A grader, shared by the copies of its prompt.
pub type SharedGrader = Arc<dyn Grader>;

impl dyn Grader + '_ {
    /// The score of an answer's text.
    pub fn score(&self, answer: &str) -> TaskScore {
        TaskScore::of(self.name(), self.judge(answer))
    }

    /// The score by the likelihoods of the choices, which it keeps.
    pub fn score_likelihoods(&self, likelihoods: ChoiceLikelihoods) -> TaskScore {
        let judgment = self.judge_likelihoods(&likelihoods);
        TaskScore { choices: Some(Box::new(likelihoods)), ..TaskScore::of(self.name(), judgment) }
    }

    /// The score of an inference that failed: 0, labeled `failed`, never left out.
    pub fn failed(&self) -> TaskScore {
        TaskScore::of(self.name(), Judgment::Failed)
    }
}
