//! Multiple choice by log-likelihood, or by what was answered.

use infercost_core::{ChoiceLikelihoods, Grader, Judgment, SharedGrader};

use super::comparable::comparable;
use super::contains::{holds, length};
use super::{Definition, Key, shared};

const NAME: &str = "choice";

pub(super) const DEFINITION: Definition = Definition {
    name: NAME,
    right_when: "the model finds the text of `answer` the most likely of `choices`, by log-probability a character",
    parse,
};

#[derive(Debug)]
struct Choice {
    choices: Vec<String>,
    /// The same, as texts are compared.
    comparable: Vec<String>,
    /// Index of the right one.
    right: usize,
}

fn parse(key: &Key<'_>) -> Result<SharedGrader, String> {
    let choices = key.choices.ok_or("grader `choice` needs `choices`")?;
    if choices.len() < 2 || choices.iter().any(|choice| choice.trim().is_empty()) {
        return Err("`choices` needs at least two non-empty texts".into());
    }
    let right = key.text(NAME)?;
    let right = choices
        .iter()
        .position(|choice| *choice == right)
        .ok_or_else(|| format!("`answer` is `{}`, which is none of the `choices`", crate::shown(&right)))?;
    let comparable = choices.iter().map(|choice| comparable(choice)).collect();
    Ok(shared(Choice { choices: choices.to_vec(), comparable, right }))
}

impl Grader for Choice {
    fn name(&self) -> &'static str {
        NAME
    }

    fn choices(&self) -> &[String] {
        &self.choices
    }

    /// Judges by the answer's text, where no likelihoods can be had: the one choice that stands in it as whole words,
    /// whatever the case. A choice inside a longer one that stands there too does not count; none, or several, are
    /// unparsable.
    fn judge(&self, answer: &str) -> Judgment {
        let answer = comparable(answer);
        let found: Vec<usize> =
            (0..self.comparable.len()).filter(|index| holds(&answer, self.text(*index))).collect();
        let mut named = found.iter().filter(|one| !self.is_inside_another(**one, &found));
        match (named.next(), named.next()) {
            (Some(named), None) => Judgment::of(*named == self.right),
            _ => Judgment::Unparsable,
        }
    }

    /// Judges by the most likely choice: ln p per character, which is `acc_norm` of the lm-evaluation-harness (0.4.13,
    /// `ConfigurableTask.process_results`: the sum of ln p divided by Python's `len` of the choice, and NumPy's
    /// `argmax`, which takes the first of several that are equal). A likelihood that is not a number, or a number of
    /// likelihoods that is not the number of choices, is failed.
    fn judge_likelihoods(&self, likelihoods: &ChoiceLikelihoods) -> Judgment {
        let Some(scores) = self.scores(likelihoods) else { return Judgment::Failed };
        let mut winner = None;
        for (index, score) in scores.into_iter().enumerate() {
            if winner.is_none_or(|(_, best)| score > best) {
                winner = Some((index, score));
            }
        }
        winner.map_or(Judgment::Failed, |(winner, _)| Judgment::of(winner == self.right))
    }
}

impl Choice {
    fn text(&self, index: usize) -> &str {
        self.comparable.get(index).map(String::as_str).unwrap_or_default()
    }

    fn is_inside_another(&self, one: usize, found: &[usize]) -> bool {
        let text = self.text(one);
        found.iter().any(|other| length(self.text(*other)) > length(text) && holds(self.text(*other), text))
    }

    /// `None` where a score is not a finite number: −∞ too is a sign of broken logits, not of an unlikely text.
    fn scores(&self, likelihoods: &ChoiceLikelihoods) -> Option<Vec<f64>> {
        if self.choices.len() != likelihoods.log_likelihood.len() {
            return None;
        }
        let pairs = likelihoods.log_likelihood.iter().zip(&self.choices);
        let scores: Vec<f64> = pairs.map(|(raw, choice)| raw / choice.chars().count() as f64).collect();
        scores.iter().all(|score| score.is_finite()).then_some(scores)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use infercost_core::Judgment::{Correct, Failed, Incorrect, Unparsable};
    use serde_json::json;

    use super::*;

    fn choice(choices: &[&str], answer: &str) -> SharedGrader {
        let choices: Vec<String> = choices.iter().map(|choice| (*choice).to_owned()).collect();
        parse(&Key { answer: Some(&json!(answer)), choices: Some(&choices) }).unwrap()
    }

    fn check(choices: [&str; 3], log_likelihood: &[f64], wanted: Judgment) {
        let likelihoods =
            ChoiceLikelihoods { log_likelihood: log_likelihood.to_vec(), bytes: vec![1; log_likelihood.len()] };
        let found = choice(&choices, choices[1]).judge_likelihoods(&likelihoods);
        assert_eq!(found, wanted, "{choices:?} {log_likelihood:?}");
    }

    #[test]
    fn by_likelihood_per_character() {
        let words = ["yes", "no", "maybe"];
        check(words, &[-2.0, -1.0, -3.0], Correct);
        check(words, &[-2.0, -2.5, -3.0], Incorrect);
        check(["no", "maybe", "other"], &[-2.0, -2.5, -30.0], Correct);
        // Six bytes and three characters: per byte, the second would win.
        check(["maybe", "äöü", "no"], &[-4.0, -3.0, -9.0], Incorrect);
        // The first of several that are equal wins.
        check(["go", "no", "maybe"], &[-1.0, -1.0, -3.0], Incorrect);
        check(["maybe", "no", "go"], &[-3.0, -1.0, -1.0], Correct);
        check(words, &[-1.0, f64::NAN, -3.0], Failed);
        check(words, &[-1.0, f64::NEG_INFINITY, -3.0], Failed);
        check(words, &[-2.0, -1.0], Failed);
        check(words, &[], Failed);
    }

    #[test]
    fn by_the_words_of_the_answer() {
        let tall = choice(&["tall", "very tall", "short"], "very tall");
        for (answer, wanted) in [
            ("Very tall.", Correct),
            ("It is very tall, I think", Correct),
            ("tall", Incorrect),
            ("short", Incorrect),
            ("either short or very tall", Unparsable),
            ("taller", Unparsable),
            ("", Unparsable),
        ] {
            assert_eq!(tall.judge(answer), wanted, "{answer}");
        }
        let height = choice(&["高い", "とても高い", "低い"], "とても高い");
        for (answer, wanted) in [("とても高いです。", Correct), ("高いです", Incorrect), ("低い", Incorrect)] {
            assert_eq!(height.judge(answer), wanted, "{answer}");
        }
    }
}
