//! How far a candidate's next-token distributions lie from the baseline's.

use infercost_core::Divergence;
use thiserror::Error;

/// Why two sets of distributions cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DivergenceError {
    /// The slices do not hold positions × vocabulary values.
    #[error(
        "expected {positions} positions × {vocabulary} ln-probabilities, got {baseline} from the baseline and \
         {candidate} from the candidate; do both use the same vocabulary?"
    )]
    Size {
        /// Positions asked for.
        positions: usize,
        /// Size of the vocabulary.
        vocabulary: usize,
        /// Values from the baseline.
        baseline: usize,
        /// Values from the candidate.
        candidate: usize,
    },
    /// A target token is outside the vocabulary.
    #[error("token {token} at position {position} is outside the vocabulary of {vocabulary}")]
    Target {
        /// Position, from 0.
        position: usize,
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocabulary: usize,
    },
    /// A value is NaN or +∞, or the token that was chosen has probability 0.
    #[error(
        "the {who}'s ln-probabilities at position {position} are not finite; the model's logits are broken"
    )]
    NotFinite {
        /// `baseline` or `candidate`.
        who: &'static str,
        /// Position, from 0.
        position: usize,
    },
}

/// Compares one prompt's continuation, teacher-forced under both.
///
/// `baseline` and `candidate` hold ln-probabilities, row-major, one row of `vocabulary` a position;
/// `targets` the continuation's tokens. KL(baseline ‖ candidate) = Σ p (ln p − ln q), in nats a position,
/// which rounding may push below 0 by about 10⁻⁷: it is kept as it is, so that means stay unbiased. Among
/// equally likely tokens the first counts as the top one.
///
/// # Errors
/// [`DivergenceError`] where sizes disagree or a distribution is broken; never a quietly small divergence.
pub fn divergence(
    baseline: &[f32],
    candidate: &[f32],
    vocabulary: usize,
    targets: &[u32],
) -> Result<Divergence, DivergenceError> {
    let positions = targets.len();
    let size = positions.checked_mul(vocabulary);
    if vocabulary == 0 || size != Some(baseline.len()) || size != Some(candidate.len()) {
        let (baseline, candidate) = (baseline.len(), candidate.len());
        return Err(DivergenceError::Size { positions, vocabulary, baseline, candidate });
    }

    let mut result = Divergence {
        kld: Vec::with_capacity(positions),
        top1_matches: 0,
        at_least: false,
        baseline_nll: 0.0,
        candidate_nll: None,
    };

    let mut candidate_nll = 0.0;
    let rows = baseline.chunks_exact(vocabulary).zip(candidate.chunks_exact(vocabulary));
    for (position, ((baseline, candidate), token)) in rows.zip(targets).enumerate() {
        let outside = DivergenceError::Target { position, token: *token, vocabulary };
        let target = usize::try_from(*token).map_err(|_| outside)?;
        let chosen = |row: &[f32], who| match row.get(target) {
            None => Err(outside),
            Some(ln_p) if ln_p.is_finite() => Ok(-f64::from(*ln_p)),
            Some(_) => Err(DivergenceError::NotFinite { who, position }),
        };

        result.baseline_nll += chosen(baseline, "baseline")?;
        candidate_nll += chosen(candidate, "candidate")?;
        result.kld.push(position_divergence(baseline, candidate, position)?);
        let same_top = top(baseline, "baseline", position)? == top(candidate, "candidate", position)?;
        result.top1_matches += u32::from(same_top);
    }

    result.candidate_nll = Some(candidate_nll);
    Ok(result)
}

fn position_divergence(baseline: &[f32], candidate: &[f32], position: usize) -> Result<f64, DivergenceError> {
    let mut sum = 0.0;
    for (ln_p, ln_q) in baseline.iter().zip(candidate) {
        // A token that the baseline rules out (−∞) contributes nothing: p ln p → 0.
        if *ln_p > f32::NEG_INFINITY {
            let ln_p = f64::from(*ln_p);
            sum += ln_p.exp() * (ln_p - f64::from(*ln_q));
        }
    }

    // A candidate that rules out what the baseline allows gives +∞: as broken as NaN for a mean.
    if sum.is_finite() { Ok(sum) } else { Err(DivergenceError::NotFinite { who: "candidate", position }) }
}

pub(crate) fn top(row: &[f32], who: &'static str, position: usize) -> Result<usize, DivergenceError> {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, ln_p) in row.iter().enumerate() {
        if ln_p.is_nan() || *ln_p == f32::INFINITY {
            return Err(DivergenceError::NotFinite { who, position });
        }
        if *ln_p > best.1 {
            best = (token, *ln_p);
        }
    }

    if best.1.is_finite() { Ok(best.0) } else { Err(DivergenceError::NotFinite { who, position }) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn ln(row: &[f32]) -> Vec<f32> {
        row.iter().map(|p| p.ln()).collect()
    }

    /// Expected values: scipy 1.17 `scipy.special.rel_entr(p, q).sum()`.
    #[test]
    fn known_values() {
        let baseline = ln(&[0.5, 0.3, 0.2, 0.1, 0.8, 0.1]);
        let candidate = ln(&[0.4, 0.4, 0.2, 0.6, 0.3, 0.1]);
        let got = divergence(&baseline, &candidate, 3, &[0, 2]).unwrap();
        for (got, expected) in got.kld.iter().zip([0.025_267_153_921_570_56, 0.605_487_455_486_575_6]) {
            assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
        }
        assert_eq!(got.top1_matches, 1);
        assert!((got.baseline_nll - (2.0_f64.ln() + 10.0_f64.ln())).abs() < 1e-6);
        assert!((got.candidate_nll.unwrap() - (2.5_f64.ln() + 10.0_f64.ln())).abs() < 1e-6);
    }

    #[test]
    fn itself_is_at_no_distance() {
        let row = ln(&[0.7, 0.3, 0.0]);
        let got = divergence(&row, &row, 3, &[1]).unwrap();
        assert_eq!((got.kld, got.top1_matches), (vec![0.0], 1));
    }

    fn check_error(baseline: &[f32], candidate: &[f32], vocabulary: usize, targets: &[u32], wanted: &str) {
        let error = divergence(baseline, candidate, vocabulary, targets).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }

    #[test]
    fn broken_input_is_an_error() {
        let good = ln(&[0.5, 0.5]);
        check_error(&good, &good, 0, &[], "same vocabulary");
        check_error(&good, &good, 2, &[0, 1], "same vocabulary");
        check_error(&good, &good[..1], 2, &[0], "same vocabulary");
        check_error(&good, &good, usize::MAX, &[0, 1], "same vocabulary");
        check_error(&good, &good, 2, &[2], "outside the vocabulary");
        for broken in [[f32::NAN, 0.0], [0.0, f32::NAN], [f32::INFINITY, -1.0], [f32::NEG_INFINITY; 2]] {
            check_error(&good, &broken, 2, &[0], "not finite");
            check_error(&good, &broken, 2, &[1], "not finite");
            check_error(&broken, &good, 2, &[0], "not finite");
        }
        check_error(&good, &[0.0, f32::NEG_INFINITY], 2, &[0], "candidate");
    }
}
