//! KL divergence from a distribution of which only the likelier tokens were kept.

use infercost_core::Divergence;

use crate::divergence::{DivergenceError, top};

/// One position of a baseline: its likelier tokens, and what all others add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRow {
    /// The tokens kept, each once.
    pub tokens: Vec<u32>,
    /// ln p of each of them, in nats.
    pub ln_p: Vec<f32>,
    /// The most likely token, one of those kept.
    pub top: u32,
    /// ln p of the token that follows in the text, kept or not, in nats.
    pub target_ln_p: f32,
    /// Probability of all tokens that were left out together.
    pub tail: f64,
}

/// Compares positions as [`divergence()`](crate::divergence()) does, against a baseline that was kept in part.
///
/// Each position's KL divergence is a lower bound: the tail counts as one outcome, P ln(P ÷ Q), which is at most
/// Σ p ln(p ÷ q) over its tokens (log-sum inequality: Cover & Thomas, Elements of Information Theory, theorem
/// 2.7.1). The second value is how far, on average over positions, the true one may lie above it: no token of the
/// tail has more than the least that was kept nor than P, so Σ p ln(p ÷ q) ≤ P · (ln of that − ln of the
/// candidate's least likely token of the tail).
///
/// # Errors
/// [`DivergenceError`] as there.
pub fn kept_divergence(
    baseline: &[KeptRow],
    candidate: &[f32],
    vocabulary: usize,
    targets: &[u32],
) -> Result<(Divergence, Vec<f64>), DivergenceError> {
    let positions = targets.len();
    if vocabulary == 0
        || positions.checked_mul(vocabulary) != Some(candidate.len())
        || baseline.len() != positions
    {
        let (baseline, candidate) = (baseline.len().saturating_mul(vocabulary), candidate.len());
        return Err(DivergenceError::Size { positions, vocabulary, baseline, candidate });
    }

    let mut result = Divergence {
        kld: Vec::with_capacity(positions),
        at_least: true,
        top1_matches: 0,
        baseline_nll: 0.0,
        candidate_nll: None,
    };

    let mut candidate_nll = 0.0;
    let mut slack = Vec::with_capacity(positions);
    let mut is_kept = vec![false; vocabulary];
    let rows = baseline.iter().zip(candidate.chunks_exact(vocabulary)).zip(targets);
    for (position, ((baseline, candidate), token)) in rows.enumerate() {
        let outside = |token| DivergenceError::Target { position, token, vocabulary };
        let broken = |who| DivergenceError::NotFinite { who, position };
        let own = candidate.get(*token as usize).ok_or_else(|| outside(*token))?;
        for (value, who) in [(baseline.target_ln_p, "baseline"), (*own, "candidate")] {
            if !value.is_finite() {
                return Err(broken(who));
            }
        }

        result.baseline_nll -= f64::from(baseline.target_ln_p);
        candidate_nll -= f64::from(*own);
        let ours = top(candidate, "candidate", position)?;
        result.top1_matches += u32::from(ours == baseline.top as usize);

        let (mut sum, mut least) = (0.0, f64::INFINITY);

        for (token, ln_p) in baseline.tokens.iter().zip(&baseline.ln_p) {
            let ln_q = candidate.get(*token as usize).ok_or_else(|| outside(*token))?;
            let ln_p = f64::from(*ln_p);
            sum += ln_p.exp() * (ln_p - f64::from(*ln_q));
            least = least.min(ln_p);
            if let Some(kept) = is_kept.get_mut(*token as usize) {
                *kept = true;
            }
        }

        let (mut mass, mut unlikeliest) = (0.0, f64::INFINITY);

        for (kept, ln_q) in is_kept.iter().zip(candidate) {
            if !kept {
                mass += f64::from(*ln_q).exp();
                unlikeliest = unlikeliest.min(f64::from(*ln_q));
            }
        }

        for token in &baseline.tokens {
            if let Some(kept) = is_kept.get_mut(*token as usize) {
                *kept = false;
            }
        }

        let (mut above, tail) = (0.0, baseline.tail);

        if tail > 0.0 {
            let lower = tail * (tail / mass).ln();
            sum += lower;
            above = (tail * (least.min(tail.ln()) - unlikeliest) - lower).max(0.0);
        }

        if !(sum.is_finite() && above.is_finite()) {
            return Err(broken("candidate"));
        }
        result.kld.push(sum);
        slack.push(above);
    }

    result.candidate_nll = Some(candidate_nll);
    Ok((result, slack))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::divergence::divergence;

    const VOCABULARY: usize = 400;

    /// ln-probabilities with a few likely tokens and a long tail.
    fn row(seed: usize, spread: f64) -> Vec<f32> {
        let logit = |id: usize| (((id * 7919 + seed * 104_729) % 1009) as f64 / 1009.0).powi(8) * spread;
        let sum: f64 = (0..VOCABULARY).map(|id| logit(id).exp()).sum();
        (0..VOCABULARY).map(|id| (logit(id) - sum.ln()) as f32).collect()
    }

    /// The `count` likeliest tokens of a row.
    fn kept(row: &[f32], count: usize, target: u32) -> KeptRow {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
        let (likely, rest) = order.split_at(count);
        KeptRow {
            tokens: likely.iter().map(|id| *id as u32).collect(),
            ln_p: likely.iter().map(|id| row[*id]).collect(),
            top: order[0] as u32,
            target_ln_p: row[target as usize],
            tail: rest.iter().map(|id| f64::from(row[*id]).exp()).sum(),
        }
    }

    #[test]
    fn the_exact_value_lies_within_the_bounds() {
        for count in [1, 5, 40, VOCABULARY - 1, VOCABULARY] {
            for seed in 0..6 {
                let (before, after) = (row(seed, 20.0), row(seed + 1, 17.0));
                let exact = divergence(&before, &after, VOCABULARY, &[3]).unwrap();
                let (got, slack) =
                    kept_divergence(&[kept(&before, count, 3)], &after, VOCABULARY, &[3]).unwrap();
                let (kld, slack, exact_kld) = (got.kld[0], slack[0], exact.kld[0]);
                assert!(kld <= exact_kld + 1e-9 && exact_kld <= kld + slack + 1e-9, "{count}, {seed}");
                assert!(count < VOCABULARY || slack == 0.0, "nothing is missing");
                assert_eq!(got.top1_matches, exact.top1_matches);
                assert!((got.baseline_nll - exact.baseline_nll).abs() < 1e-12);
                assert!((got.candidate_nll.unwrap() - exact.candidate_nll.unwrap()).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn broken_input_is_an_error() {
        let good = row(0, 9.0);
        let check = |baseline: &[KeptRow], candidate: &[f32], targets: &[u32], wanted: &str| {
            let error = kept_divergence(baseline, candidate, VOCABULARY, targets).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        };
        let row = kept(&good, 9, 1);
        check(&[], &good, &[1], "same vocabulary");
        check(std::slice::from_ref(&row), &good[1..], &[1], "same vocabulary");
        check(std::slice::from_ref(&row), &good, &[400], "outside the vocabulary");
        check(&[KeptRow { tokens: vec![400], ..row.clone() }], &good, &[1], "outside the vocabulary");
        check(&[KeptRow { target_ln_p: f32::NAN, ..row.clone() }], &good, &[1], "not finite");
        check(std::slice::from_ref(&row), &[f32::NAN; VOCABULARY], &[1], "not finite");
        let mut without_tail = good.clone();
        for (id, value) in without_tail.iter_mut().enumerate() {
            if !row.tokens.contains(&(id as u32)) && id != 1 {
                *value = f32::NEG_INFINITY;
            }
        }
        check(&[row], &without_tail, &[1], "candidate");
    }
}
