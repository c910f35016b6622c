//! What judges an answer.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::evaluation::{ChoiceLikelihoods, TaskScore};

/// The name of the grader that judges multiple choice: its scores come by likelihood or by words.
const CHOICE: &str = "choice";

/// A grader's name, as prompt sets and traces write it: `exact`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GraderName(String);

impl GraderName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the grader of multiple choice.
    pub fn is_choice(&self) -> bool {
        self.0 == CHOICE
    }
}

impl From<&str> for GraderName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for GraderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a grader says of an answer. It never guesses in favor of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgment {
    /// Right.
    Correct,
    /// Wrong.
    Incorrect,
    /// Nothing in it can be judged.
    Unparsable,
    /// There is no answer, or it cannot be judged.
    Failed,
}

impl Judgment {
    /// Right or wrong.
    pub fn of(right: bool) -> Self {
        if right { Self::Correct } else { Self::Incorrect }
    }

    /// As traces write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Incorrect => "incorrect",
            Self::Unparsable => "unparsable",
            Self::Failed => "failed",
        }
    }
}

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
        TaskScore { choices: Some(likelihoods), ..TaskScore::of(self.name(), judgment) }
    }

    /// The score of an inference that failed: 0, labeled `failed`, never left out.
    pub fn failed(&self) -> TaskScore {
        TaskScore::of(self.name(), Judgment::Failed)
    }
}
