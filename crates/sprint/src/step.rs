//! What a sprint is run by, what it wants next, and what it comes to.

use infercost_core::Estimate;
use serde::{Deserialize, Serialize};

use crate::confirmation::Confirmed;
use crate::race::{RaceRules, Turn};

/// How a sprint is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// The races.
    pub race: RaceRules,
    /// Pairs of a confirmation at most.
    pub pairs: u32,
    /// The chance that the sprint names a setting that saves nothing, 0 to 1: shared among the winners that are tried.
    pub alpha: f64,
    /// Seconds that the sprint may take.
    pub budget_s: f64,
}

/// What part of the sprint a measurement belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A race; its measurements choose.
    Race,
    /// A confirmation; its measurements decide.
    Confirmation,
}

/// A setting that is to be measured once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// What for.
    pub phase: Phase,
    /// The round of the race, or the pair of the confirmation, from 1.
    pub round: u32,
    /// Which setting; counted over [`Sprint::settings`](crate::Sprint::settings).
    pub turn: Turn,
}

/// What a sprint wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A measurement; [`Sprint::observe`](crate::Sprint::observe) takes what it shows.
    Visit(Visit),
    /// The quality of a confirmed setting; [`Sprint::judge`](crate::Sprint::judge) takes it.
    Judge(usize),
    /// Nothing: [`Sprint::answer`](crate::Sprint::answer) has the answer.
    Done,
}

/// The quality of a setting's answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "quality")]
pub enum Quality {
    /// Every answer was the same to the letter.
    Proven {
        /// Prompts that both settings answered.
        prompts: u64,
    },
    /// All gates are passed.
    Kept {
        /// In a sentence.
        reason: String,
    },
    /// A gate fails.
    Lost {
        /// In a sentence.
        reason: String,
    },
    /// Nothing settles it.
    Unsettled {
        /// What would.
        reason: String,
    },
}

impl Quality {
    /// True where the setting may be named.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Proven { .. } | Self::Kept { .. })
    }
}

/// What a sprint came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// A setting that is cheaper, confirmed, at kept quality.
    Found {
        /// Which.
        candidate: usize,
        /// Share of the present cost that it saves.
        saving: Estimate,
        /// Its quality.
        quality: Quality,
    },
    /// No setting saves what is wanted: each has surely left, or was refuted.
    Nothing,
    /// The budget did not settle it.
    Unsettled {
        /// The best guess; `None` where no round was whole.
        best: Option<usize>,
        /// What it seems to save.
        saving: Option<Estimate>,
        /// Why it is not named.
        reason: String,
    },
}

/// A winner that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Which setting.
    pub candidate: usize,
    /// What its confirmation came to.
    pub confirmed: Confirmed,
    /// Pairs measured.
    pub pairs: u32,
    /// Its quality; `None` where nobody asked.
    pub quality: Option<Quality>,
}
