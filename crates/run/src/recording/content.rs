//! What of prompts and answers may reach the disk.

use std::borrow::Cow;

use infercost_core::{Evaluation, InferenceRecord, Outcome, Unscored};
use infercost_export::span_transform::REDACTED;
use regex::Regex;

/// What of prompts and answers may reach the disk.
pub(super) struct Content {
    keep: bool,
    redact: Vec<Regex>,
}

impl Content {
    /// All of it, or nothing; less what the patterns find.
    pub(super) fn new(keep: bool, redact: Vec<Regex>) -> Self {
        Self { keep, redact }
    }

    /// True where records go to disk as they are.
    fn is_whole(&self) -> bool {
        self.keep && self.redact.is_empty()
    }

    /// The record as it may go to disk.
    pub(super) fn of<'r>(&self, record: &'r InferenceRecord) -> Cow<'r, InferenceRecord> {
        if self.is_whole() {
            return Cow::Borrowed(record);
        }
        let mut record = record.clone();
        record.input_text = self.shown(record.input_text);
        match &mut record.outcome {
            Outcome::Completed { text, thinking, .. } => {
                *text = self.shown(text.take());
                if let Some(thinking) = thinking {
                    thinking.text = self.shown(thinking.text.take());
                }
            }
            Outcome::Failed { kind, message, .. } => {
                let words =
                    if self.keep { std::mem::take(message) } else { kind.own_words(message).to_owned() };
                *message = self.redacted(words);
            }
        }
        Cow::Owned(record)
    }

    /// The evaluation as it may go to disk.
    pub(super) fn of_evaluation(&self, result: Evaluation) -> Evaluation {
        match result {
            Evaluation::Impossible { what, reason } => {
                Evaluation::Impossible { what, reason: self.redacted(reason) }
            }
            other => other,
        }
    }

    /// Why something was not scored, as it may go to disk: a server's words repeat prompts.
    pub(super) fn reason(&self, unscored: Unscored) -> String {
        if self.keep { unscored.reason } else { unscored.own_words }
    }

    /// The records as they may go to disk.
    pub(super) fn of_all<'r>(&self, records: &'r [InferenceRecord]) -> Cow<'r, [InferenceRecord]> {
        if self.is_whole() {
            return Cow::Borrowed(records);
        }
        Cow::Owned(records.iter().map(|record| self.of(record).into_owned()).collect())
    }

    fn shown(&self, text: Option<String>) -> Option<String> {
        text.filter(|_| self.keep).map(|text| self.redacted(text))
    }

    fn redacted(&self, text: String) -> String {
        self.redact.iter().fold(text, |text, pattern| pattern.replace_all(&text, REDACTED).into_owned())
    }
}
