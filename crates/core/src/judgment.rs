//! What a grader says of an answer, and the grader's name.

use std::fmt;

use serde::{Deserialize, Serialize};

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
