//! What a grader says of an answer.

use serde::{Deserialize, Serialize};

use crate::identity::GraderName;

/// The name of the grader that judges multiple choice: its scores come by likelihood or by words.
const CHOICE: &str = "choice";

impl GraderName {
    /// Whether it is the grader of multiple choice.
    pub fn is_choice(&self) -> bool {
        self.as_str() == CHOICE
    }
}

/// What a grader says of an answer. It never guesses in favor of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Correct, Self::Incorrect, Self::Unparsable, Self::Failed];

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
