//! What a sprint came to, for whoever shows it.

use infercost_core::price::PriceBook;
use infercost_core::{Estimate, Workload};
use infercost_sprint::roofline::Roofline;
use infercost_sprint::{Answer, Attempt, Setting, Standing};
use serde::Serialize;

use super::levers::Lever;

/// What a sprint came to.
#[derive(Debug, Clone, Serialize)]
pub struct SprintOutcome {
    /// Version of the object.
    pub schema: String,
    /// The sprint's name.
    pub id: String,
    /// Its folder.
    pub folder: String,
    /// The workload, in words.
    pub workload: String,
    /// The present setting, in words.
    pub present: String,
    /// Its cost an answer; `None` where it is not known.
    pub present_cost: Option<f64>,
    /// Prices applied.
    pub prices: PriceBook,
    /// What costs hold.
    pub cost_parts: Vec<String>,
    /// Seconds that the sprint took, all its parts added up.
    pub took_s: f64,
    /// The budget, in seconds.
    pub budget_s: f64,
    /// Share of the present cost that had to be saved.
    pub wanted: f64,
    /// Measurements, those that confirm winners among them.
    pub visits: u64,
    /// Measurements that confirmed winners in fresh pairs, which a grid has none of.
    pub confirmation_visits: u64,
    /// Measurements that the whole grid would have taken: all rounds of all settings, in the same manner.
    pub grid_visits: u64,
    /// The settings, the best first.
    pub settings: Vec<SettingOutcome>,
    /// Winners that were tried.
    pub attempts: Vec<Attempt>,
    /// The answer.
    pub answer: Answer,
    /// The answer in one sentence.
    pub sentence: String,
    /// The command that serves as the answer says; `None` where there is none.
    pub command: Option<String>,
    /// The command that measures it again; `None` where there is none.
    pub confirm: Option<String>,
    /// The run that judged quality; `None` where none was needed.
    pub quality_run: Option<String>,
    /// What bounds the present setting; `None` where nothing was answered.
    pub roofline: Option<Roofline>,
    /// What an answer takes after the sprint: of the setting that was found, else of the present one; `None` where too
    /// little was measured.
    pub hosted: Option<Workload>,
    /// What else would save something.
    pub levers: Vec<Lever>,
    /// What must be known.
    pub notes: Vec<String>,
}

/// One setting.
#[derive(Debug, Clone, Serialize)]
pub struct SettingOutcome {
    /// Its number.
    pub candidate: usize,
    /// How it differs from the present one.
    pub setting: Setting,
    /// Where it stands.
    pub standing: Standing,
    /// Answers that are the same as the present one's to the letter, of those compared.
    pub same_answers: (u64, u64),
    /// What became of it, in a sentence.
    pub outcome: String,
    /// What bounds it; `None` where nothing was answered.
    pub roofline: Option<Roofline>,
}

impl SettingOutcome {
    /// What it saves.
    pub fn saving(&self) -> Option<&Estimate> {
        self.standing.saving.as_ref()
    }
}
