//! Multiple choice by log-likelihood, or by what was answered.

use infercost_core::{ChoiceLikelihoods, Grader, TaskScore};

use super::text::contains;
use super::{FAILED, UNPARSABLE, right, score};

/// Judges a multiple choice by the most likely choice: raw ln p, or ln p per character where `normalized`, which
/// are `acc` and `acc_norm` of the lm-evaluation-harness (0.4.13, `ConfigurableTask.process_results`: the sum of ln p
/// divided by Python's `len` of the choice, and NumPy's `argmax`, which takes the first of several that are equal). A
/// likelihood that is not a number, or a number of likelihoods that is not the number of choices, is `failed`.
pub fn grade_choice(grader: &Grader, likelihoods: ChoiceLikelihoods, normalized: bool) -> TaskScore {
    let label = label(grader, &likelihoods, normalized);
    TaskScore { choices: Some(likelihoods), ..score(grader.kind(), label) }
}

/// Judges a multiple choice by the answer's text, where no likelihoods can be had: the one choice that stands in it as
/// whole words, whatever the case. A choice inside a longer one that stands there too does not count; none, or
/// several, are `unparsable`.
pub fn grade_choice_by_text(grader: &Grader, answer: &str) -> TaskScore {
    let Grader::Choice { choices, right: wanted } = grader else { return score(grader.kind(), FAILED) };
    let stands = |choice: &&String| contains(std::slice::from_ref(*choice), answer);
    let found: Vec<&String> = choices.iter().filter(stands).collect();
    let inside = |one: &String| {
        found.iter().any(|other| other.len() > one.len() && contains(std::slice::from_ref(one), other))
    };
    let mut named = found.iter().filter(|one| !inside(one));
    let label = match (named.next(), named.next()) {
        (Some(named), None) => right(choices.get(*wanted) == Some(*named)),
        _ => UNPARSABLE,
    };
    score(grader.kind(), label)
}

fn label(grader: &Grader, likelihoods: &ChoiceLikelihoods, normalized: bool) -> &'static str {
    let Grader::Choice { choices, right: wanted } = grader else { return FAILED };
    let Some(scores) = scores(choices, likelihoods, normalized) else { return FAILED };
    let mut winner = None;
    for (index, score) in scores.into_iter().enumerate() {
        if winner.is_none_or(|(_, best)| score > best) {
            winner = Some((index, score));
        }
    }
    winner.map_or(FAILED, |(winner, _)| right(winner == *wanted))
}

/// `None` where a score is not a finite number: −∞ too is a sign of broken logits, not of an unlikely text.
fn scores(choices: &[String], likelihoods: &ChoiceLikelihoods, normalized: bool) -> Option<Vec<f64>> {
    if choices.len() != likelihoods.log_likelihood.len() {
        return None;
    }
    let score = |(raw, choice): (&f64, &String)| {
        if normalized { raw / choice.chars().count() as f64 } else { *raw }
    };
    let scores: Vec<f64> = likelihoods.log_likelihood.iter().zip(choices).map(score).collect();
    scores.iter().all(|score| score.is_finite()).then_some(scores)
}

#[cfg(test)]
mod tests {
    use super::super::{CORRECT, INCORRECT};
    use super::*;

    fn check(choices: [&str; 3], log_likelihood: &[f64], raw: &str, per_character: &str) {
        let grader = Grader::Choice { choices: choices.map(str::to_owned).to_vec(), right: 1 };
        let likelihoods = ChoiceLikelihoods {
            log_likelihood: log_likelihood.to_vec(),
            bytes: vec![1; log_likelihood.len()],
        };
        let label = |normalized| grade_choice(&grader, likelihoods.clone(), normalized).label;
        assert_eq!(label(false), raw, "{choices:?} {log_likelihood:?}");
        assert_eq!(label(true), per_character, "{choices:?} {log_likelihood:?}");
    }

    #[test]
    fn raw_and_per_character() {
        let words = ["yes", "no", "maybe"];
        check(words, &[-2.0, -1.0, -3.0], CORRECT, CORRECT);
        check(words, &[-2.0, -2.5, -3.0], INCORRECT, INCORRECT);
        check(["no", "maybe", "maybe"], &[-2.0, -2.5, -30.0], INCORRECT, CORRECT);
        // Six bytes and three characters: per byte, the second would win.
        check(["maybe", "äöü", "no"], &[-4.0, -3.0, -9.0], CORRECT, INCORRECT);
        // The first of several that are equal wins.
        check(["no", "no", "maybe"], &[-1.0, -1.0, -3.0], INCORRECT, INCORRECT);
        check(["maybe", "no", "go"], &[-3.0, -1.0, -1.0], CORRECT, CORRECT);
        check(words, &[-1.0, f64::NAN, -3.0], FAILED, FAILED);
        check(words, &[-1.0, f64::NEG_INFINITY, -3.0], FAILED, FAILED);
        check(["yes", "", "maybe"], &[-2.0, -1.0, -3.0], CORRECT, FAILED);
        check(words, &[-2.0, -1.0], FAILED, FAILED);
        check(words, &[], FAILED, FAILED);
    }

    #[test]
    fn by_the_words_of_the_answer() {
        let grader =
            Grader::Choice { choices: vec!["tall".into(), "very tall".into(), "short".into()], right: 1 };
        for (answer, expected) in [
            ("Very tall.", CORRECT),
            ("It is very tall, I think", CORRECT),
            ("tall", INCORRECT),
            ("short", INCORRECT),
            ("either short or very tall", UNPARSABLE),
            ("taller", UNPARSABLE),
            ("", UNPARSABLE),
        ] {
            let got = grade_choice_by_text(&grader, answer);
            assert_eq!((got.label.as_str(), got.choices), (expected, None), "{answer}");
        }
        assert_eq!(grade_choice_by_text(&Grader::None, "x").label, FAILED);
    }

    #[test]
    fn another_grader_is_not_a_choice() {
        let likelihoods = ChoiceLikelihoods { log_likelihood: vec![-1.0], bytes: vec![1] };
        assert_eq!(grade_choice(&Grader::None, likelihoods, false).label, FAILED);
    }
}
