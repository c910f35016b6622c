//! Where measured facts go.

use crate::{
    EngineError, IdleRecord, InferenceRecord, LoadRecord, OperatingPoint, PositionTop, Prompt, TokenScores,
    VariantId, WindowId, WindowRecord,
};

/// A failure of the sink, which ends the run. What was handed over before it is safe.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Takes each fact as soon as it is measured.
pub trait RecordSink {
    /// A model was brought into memory.
    ///
    /// # Errors
    /// Where the fact could not be kept; the run then ends. So for all methods.
    fn load(&mut self, record: &LoadRecord) -> Result<(), SinkError>;

    /// Idle power was measured.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn idle(&mut self, record: &IdleRecord) -> Result<(), SinkError>;

    /// An inference ended, well or badly. Its text is always there.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn inference(
        &mut self,
        window: &WindowId,
        prompt: &Prompt,
        record: &InferenceRecord,
    ) -> Result<(), SinkError>;

    /// Requests under load ended, well or badly: those since the last call. They are not graded: the same prompts
    /// were, one at a time.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn under_load(&mut self, window: &WindowId, records: &[InferenceRecord]) -> Result<(), SinkError>;

    /// A variant is about to be tested at an operating point.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn load_testing(&mut self, variant: &VariantId, point: OperatingPoint) -> Result<(), SinkError> {
        let _ = (variant, point);
        Ok(())
    }

    /// A window of a variant is about to be measured again, since something disturbed its times.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn remeasuring(&mut self, variant: &VariantId) -> Result<(), SinkError> {
        let _ = variant;
        Ok(())
    }

    /// A window's meter was read. Its inferences were handed over before.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn window(&mut self, record: &WindowRecord) -> Result<(), SinkError>;

    /// A variant was scored on a prompt. For each prompt the baseline (first variant) comes first.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn scored(&mut self, scored: Scored<'_>) -> Result<(), SinkError>;

    /// Asked after each block of prompts: variants that need not go on.
    ///
    /// # Errors
    /// See [`RecordSink::load`].
    fn settled(&mut self) -> Result<Vec<VariantId>, SinkError> {
        Ok(Vec::new())
    }
}

/// Teacher-forced scores of one variant on one prompt.
#[derive(Debug)]
pub struct Scored<'a> {
    /// Who was scored.
    pub variant: &'a VariantId,
    /// True for the first variant, which the others are compared with.
    pub is_baseline: bool,
    /// On what.
    pub prompt: &'a Prompt,
    /// When scoring began.
    pub started_at: std::time::SystemTime,
    /// How long it took.
    pub duration: std::time::Duration,
    /// Scores of the baseline's continuation with the whole distribution, or why there are none.
    pub continuation: Result<TokenScores, Unscored>,
    /// The likeliest tokens, where the engine gives no more than that; `None` where it was not asked.
    pub likeliest: Option<Result<Likeliest, Unscored>>,
    /// For multiple choice, scores of each choice in the prompt's order, or why there are none.
    pub choices: Option<Result<Vec<TokenScores>, Unscored>>,
}

/// Why something was not scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unscored {
    /// In one plain line.
    pub reason: String,
    /// The same without what a server or a model said, which may repeat prompts and answers.
    pub own_words: String,
}

impl Unscored {
    /// Both reasons, where neither of two ways led anywhere.
    pub fn and(self, other: Self) -> Self {
        Self {
            reason: format!("{}; {}", self.reason, other.reason),
            own_words: format!("{}; {}", self.own_words, other.own_words),
        }
    }
}

impl From<&str> for Unscored {
    fn from(reason: &str) -> Self {
        Self { reason: reason.to_owned(), own_words: reason.to_owned() }
    }
}

impl From<EngineError> for Unscored {
    fn from(error: EngineError) -> Self {
        Self { reason: error.to_string(), own_words: error.own_words() }
    }
}

/// The likeliest tokens at each position of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Likeliest {
    /// Of the baseline's, which was forced on the engine.
    OfGiven(Vec<PositionTop>),
    /// Of the engine's own greedy one, where it takes no text to score. Tokens have the baseline's numbers; the list
    /// ends where the baseline's vocabulary lacks one.
    OfOwn(Vec<PositionTop>),
}
