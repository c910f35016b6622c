//! Multiple choice by log-likelihood.

use infercost_schema::{ChoiceLikelihoods, Grader, TaskScore};

use super::{FAILED, INCORRECT, right, score};

/// Judges a multiple choice by the most likely choice: raw ln p, or ln p per byte where `normalised` (`acc`
/// and `acc_norm` of the lm-evaluation-harness). A tie for the first place is incorrect; a likelihood that
/// is not a number, or a number of likelihoods that is not the number of choices, is `failed`.
pub fn grade_choice(grader: &Grader, likelihoods: ChoiceLikelihoods, normalised: bool) -> TaskScore {
    let label = label(grader, &likelihoods, normalised);
    TaskScore { choices: Some(likelihoods), ..score(grader.kind(), label) }
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
    fn another_grader_is_not_a_choice() {
        let likelihoods = ChoiceLikelihoods { log_likelihood: vec![-1.0], bytes: vec![1] };
        assert_eq!(grade_choice(&Grader::None, likelihoods, false).label, FAILED);
    }
}
