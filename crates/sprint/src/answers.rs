//! Answers of a setting against those of the present one: the same to the letter, or judged.

use std::collections::BTreeMap;

use infercost_stats::mcnemar;
use serde::{Deserialize, Serialize};

/// What is kept of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerMark {
    /// The prompt.
    pub prompt: String,
    /// The first 16 hexadecimal digits of the SHA-256 over its text.
    pub sha256: String,
    /// Its task score, 0 to 1; `None` where nothing grades it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// All answers of a setting so far against those of the present one, prompt by prompt. The first answer to a prompt
/// counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnswerComparison {
    /// Prompts that both answered.
    pub prompts: u64,
    /// Of those, the same to the letter.
    pub same: u64,
    /// Graded prompts that both answered.
    pub graded: u64,
    /// Of those, right before and wrong now.
    pub lost: u64,
    /// Of those, wrong before and right now.
    pub won: u64,
    /// Of the graded ones, right now.
    pub right: u64,
}

/// Answers by prompt.
#[derive(Debug, Clone, Default)]
pub struct AnswerBook(BTreeMap<String, AnswerMark>);

impl AnswerBook {
    /// Takes note of answers; a prompt that is known stays as it is.
    pub fn add(&mut self, marks: &[AnswerMark]) {
        for mark in marks {
            self.0.entry(mark.prompt.clone()).or_insert_with(|| mark.clone());
        }
    }

    /// These answers against those of the present setting.
    pub fn against(&self, present: &Self) -> AnswerComparison {
        let mut found = AnswerComparison::default();
        for (prompt, now) in &self.0 {
            let Some(before) = present.0.get(prompt) else { continue };
            found.prompts += 1;
            found.same += u64::from(now.sha256 == before.sha256);

            let (Some(now), Some(before)) = (now.score, before.score) else { continue };
            found.graded += 1;
            found.right += u64::from(now >= 0.5);
            found.lost += u64::from(before >= 0.5 && now < 0.5);
            found.won += u64::from(before < 0.5 && now >= 0.5);
        }
        found
    }
}

impl AnswerComparison {
    /// True where every answer is the same to the letter, and there is one.
    pub fn is_proven(&self) -> bool {
        self.prompts > 0 && self.same == self.prompts
    }

    /// Why the answers are surely worse, at a one-sided level; `None` where they are not. McNemar's exact test over the
    /// prompts whose answers became right or wrong.
    pub fn surely_worse(&self, level: f64) -> Option<String> {
        let is_worse = self.lost > self.won && mcnemar::exact_p(self.lost, self.won) / 2.0 <= level;
        is_worse.then(|| {
            format!(
                "of {} graded answers {} that were right became wrong, and {} that were wrong became right",
                self.graded, self.lost, self.won
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(scores: impl Iterator<Item = (usize, f64)>) -> AnswerBook {
        let marks: Vec<AnswerMark> = scores
            .map(|(prompt, score)| AnswerMark {
                prompt: format!("p{prompt}"),
                sha256: format!("{score}"),
                score: Some(score),
            })
            .collect();
        let mut book = AnswerBook::default();
        book.add(&marks);
        book
    }

    #[test]
    fn the_same_is_proven_and_worse_is_seen() {
        let present = book((0..20).map(|prompt| (prompt, 1.0)));
        let same = book((0..10).map(|prompt| (prompt, 1.0)));
        assert!(same.against(&present).is_proven());
        assert_eq!(same.against(&present).surely_worse(0.05), None);

        let worse = book((0..20).map(|prompt| (prompt, if prompt < 9 { 0.0 } else { 1.0 })));
        let found = worse.against(&present);
        assert_eq!((found.lost, found.won, found.same, found.right), (9, 0, 11, 11));
        assert!(!found.is_proven() && found.surely_worse(0.002).is_some());
        assert_eq!(present.against(&worse).surely_worse(0.05), None, "better is not worse");
    }

    #[test]
    fn nothing_is_proven_by_nothing() {
        let none = AnswerBook::default();
        assert!(!none.against(&none).is_proven());
    }
}
