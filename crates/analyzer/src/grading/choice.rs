//! Multiple choice by log-likelihood, or by what was answered.

use infercost_schema::{ChoiceLikelihoods, Grader, TaskScore};

use super::text::contains;
use super::{FAILED, INCORRECT, UNPARSABLE, right, score};

/// Judges a multiple choice by the most likely choice: raw ln p, or ln p per byte where `normalised` (`acc`
/// and `acc_norm` of the lm-evaluation-harness). A tie for the first place is incorrect; a likelihood that
/// is not a number, or a number of likelihoods that is not the number of choices, is `failed`.
pub fn grade_choice(grader: &Grader, likelihoods: ChoiceLikelihoods, normalised: bool) -> TaskScore {
    let label = label(grader, &likelihoods, normalised);
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

fn label(grader: &Grader, likelihoods: &ChoiceLikelihoods, normalised: bool) -> &'static str {
    let Grader::Choice { choices, right: wanted } = grader else { return FAILED };
    let Some(scores) = scores(likelihoods, normalised).filter(|scores| scores.len() == choices.len()) else {
        return FAILED;
    };
    let Some(best) = scores.iter().copied().max_by(f64::total_cmp) else { return FAILED };
    let mut winners = scores.iter().enumerate().filter(|(_, score)| **score >= best);
    match (winners.next(), winners.next()) {
        (Some((winner, _)), None) => right(winner == *wanted),
        _ => INCORRECT,
    }
}

/// `None` where a score is not a finite number: −∞ too is a sign of broken logits, not of an unlikely text.
fn scores(likelihoods: &ChoiceLikelihoods, normalised: bool) -> Option<Vec<f64>> {
    if likelihoods.bytes.len() != likelihoods.log_likelihood.len() {
        return None;
    }
    let score = |(raw, bytes): (&f64, &u32)| if normalised { raw / f64::from(*bytes) } else { *raw };
    let scores: Vec<f64> = likelihoods.log_likelihood.iter().zip(&likelihoods.bytes).map(score).collect();
    scores.iter().all(|score| score.is_finite()).then_some(scores)
}

#[cfg(test)]
mod tests {
    use super::super::CORRECT;
    use super::*;

    fn check(log_likelihood: &[f64], bytes: &[u32], raw: &str, per_byte: &str) {
        let grader = Grader::Choice { choices: vec!["yes".into(), "no".into(), "maybe".into()], right: 1 };
        let likelihoods =
            ChoiceLikelihoods { log_likelihood: log_likelihood.to_vec(), bytes: bytes.to_vec() };
        assert_eq!(grade_choice(&grader, likelihoods.clone(), false).label, raw, "{log_likelihood:?}");
        assert_eq!(grade_choice(&grader, likelihoods, true).label, per_byte, "{log_likelihood:?}");
    }

    #[test]
    fn raw_and_per_byte() {
        check(&[-2.0, -1.0, -3.0], &[3, 2, 5], CORRECT, CORRECT);
        check(&[-2.0, -2.5, -3.0], &[3, 2, 5], INCORRECT, INCORRECT);
        check(&[-2.0, -2.5, -30.0], &[2, 5, 5], INCORRECT, CORRECT);
        check(&[-1.0, -1.0, -3.0], &[2, 2, 5], INCORRECT, INCORRECT);
        check(&[-1.0, f64::NAN, -3.0], &[2, 2, 5], FAILED, FAILED);
        check(&[-1.0, f64::NEG_INFINITY, -3.0], &[2, 2, 5], FAILED, FAILED);
        check(&[-2.0, -1.0, -3.0], &[3, 0, 5], CORRECT, FAILED);
        check(&[-2.0, -1.0], &[3, 2], FAILED, FAILED);
        check(&[-2.0, -1.0, -3.0], &[3, 2], FAILED, FAILED);
        check(&[], &[], FAILED, FAILED);
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
