//! How far two engines are apart at least, where they list only their likeliest tokens.
//!
//! An engine behind HTTP gives the top few tokens of a position and not the whole distribution, so KL divergence
//! cannot be computed. It can be bounded from below. Put the tokens whose probability is known under both into a
//! cell each, and all others together into one more. Both distributions over these cells are known, and by the
//! data-processing inequality their divergence is at most that of the whole distributions (Cover and Thomas,
//! *Elements of Information Theory*, 2nd edition, section 2.8; for a partition it is the log-sum inequality,
//! theorem 2.7.1). What is reported is this bound, and never called the divergence: a small bound proves nothing, a
//! large one rejects.

use std::collections::BTreeMap;

use thiserror::Error;

/// Least probability of the candidate's cell for the rest. Servers write four to seven digits, so what is left over
/// from 1 is uncertain by about 10⁻⁶; as the divisor of a ratio it must be well above that.
const LEAST_REST: f64 = 1e-4;
/// By how much listed probabilities may exceed 1 in all, by rounding.
const ROUNDING: f64 = 1e-3;

/// Why lists of likeliest tokens cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PartialDivergenceError {
    /// A list is empty, or holds what is no ln-probability, or a token twice, or more than 1 in all.
    #[error("the {who}'s likeliest tokens at position {position} are no probabilities: {what}")]
    Broken {
        /// `baseline` or `candidate`.
        who: &'static str,
        /// Position, from 0.
        position: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// What lists of likeliest tokens show of two engines' distance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartialDivergence {
    /// One lower bound of KL(baseline ‖ candidate) a position, in nats.
    pub kld_at_least: Vec<f64>,
    /// Positions at which both have the same likeliest token.
    pub top1_matches: u32,
}

/// Compares lists position by position; `K` names a token, by id where both use the same tokenizer, else by its bytes.
///
/// Each list holds tokens with ln-probabilities in any order. Both must belong to the same text before them: either
/// the text was forced on both, or see [`comparable_positions`].
///
/// # Errors
/// [`PartialDivergenceError`] where a list holds no probabilities; never a quietly small bound.
pub fn partial_divergence<'a, K: Ord + 'a>(
    positions: impl IntoIterator<Item = (&'a [(K, f64)], &'a [(K, f64)])>,
) -> Result<PartialDivergence, PartialDivergenceError> {
    let mut result = PartialDivergence::default();
    for (position, (baseline, candidate)) in positions.into_iter().enumerate() {
        let p = listed(baseline, "baseline", position)?;
        let q = listed(candidate, "candidate", position)?;
        let known = p.cells.iter().filter_map(|(token, p)| Some((*p, *q.cells.get(token)?)));
        result.kld_at_least.push(bound(known.collect()));
        result.top1_matches += u32::from(p.top == q.top);
    }

    Ok(result)
}

/// The same where the baseline's whole distribution is known: `rows` holds its ln-probabilities, row-major, one row
/// of `vocabulary` a position, and the candidate's tokens are named by their ids.
///
/// The bound is tighter: every token that the candidate lists has a cell.
///
/// # Errors
/// See [`partial_divergence`]; also where rows and lists do not match.
pub fn partial_divergence_from_rows(
    rows: &[f32],
    vocabulary: usize,
    candidate: &[Vec<(u32, f64)>],
) -> Result<PartialDivergence, PartialDivergenceError> {
    let broken = |who, position, what| PartialDivergenceError::Broken { who, position, what };
    if vocabulary == 0 || candidate.len().checked_mul(vocabulary) != Some(rows.len()) {
        return Err(broken("baseline", 0, "its rows do not match the candidate's positions"));
    }
    let mut result = PartialDivergence::default();
    for (position, (row, list)) in rows.chunks_exact(vocabulary).zip(candidate).enumerate() {
        let q = listed(list, "candidate", position)?;
        let mut top: Option<(usize, f32)> = None;
        for (token, ln_p) in row.iter().enumerate() {
            if ln_p.is_nan() || *ln_p > ROUNDING as f32 {
                return Err(broken("baseline", position, "a value is no ln-probability"));
            }
            if top.is_none_or(|(_, best)| *ln_p > best) {
                top = Some((token, *ln_p));
            }
        }

        let mut known = Vec::with_capacity(list.len());
        for (token, q) in &q.cells {
            let ln_p = usize::try_from(**token).ok().and_then(|token| row.get(token));
            let ln_p = ln_p.ok_or(broken("candidate", position, "a token is outside the vocabulary"))?;
            known.push((f64::from(*ln_p).exp(), *q));
        }

        result.kld_at_least.push(bound(known));
        let same = top.and_then(|(token, _)| u32::try_from(token).ok()) == Some(*q.top);
        result.top1_matches += u32::from(same);
    }

    Ok(result)
}

/// Over how many positions two greedy answers can be compared: as long as they are the same, and at the first token
/// that differs, before which both still had the same text.
pub fn comparable_positions<K: PartialEq>(baseline: &[K], candidate: &[K]) -> usize {
    let same = baseline.iter().zip(candidate).take_while(|(one, other)| one == other).count();
    same.saturating_add(1).min(baseline.len()).min(candidate.len())
}

/// A checked list.
struct Listed<'a, K> {
    cells: BTreeMap<&'a K, f64>,
    top: &'a K,
}

fn listed<'a, K: Ord>(
    list: &'a [(K, f64)],
    who: &'static str,
    position: usize,
) -> Result<Listed<'a, K>, PartialDivergenceError> {
    let broken = |what| PartialDivergenceError::Broken { who, position, what };
    let mut cells = BTreeMap::new();
    let mut top: Option<(&K, f64)> = None;
    for (token, ln_p) in list {
        if ln_p.is_nan() || *ln_p > ROUNDING {
            return Err(broken("a value is no ln-probability"));
        }

        if cells.insert(token, ln_p.exp()).is_some() {
            return Err(broken("a token stands there twice"));
        }

        if top.is_none_or(|(_, best)| *ln_p > best) {
            top = Some((token, *ln_p));
        }
    }

    if cells.values().sum::<f64>() > 1.0 + ROUNDING {
        return Err(broken("they add up to more than 1"));
    }
    let (top, _) = top.ok_or(broken("there are none"))?;
    Ok(Listed { cells, top })
}

/// The divergence over these cells and one for all the rest, in nats: Σ p ln (p/q), at least 0.
///
/// Where the candidate has next to nothing left for the rest, one of the cells joins it: a coarser partition, and a
/// bound all the same. It is the cell that costs least of the bound.
fn bound(mut known: Vec<(f64, f64)>) -> f64 {
    known.retain(|(_, q)| *q > 0.0); // what the candidate rules out joins the rest: an infinity would swamp any mean
    let (p, q) = known.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    let rest = ((1.0 - p).max(0.0), (1.0 - q).max(0.0));
    let all: f64 = known.iter().copied().map(term).sum();
    if rest.1 >= LEAST_REST {
        return (all + term(rest)).max(0.0);
    }
    let joinable = known.into_iter().filter(|(_, q)| rest.1 + q >= LEAST_REST);
    joinable.map(|cell| all - term(cell) + term((rest.0 + cell.0, rest.1 + cell.1))).fold(0.0, f64::max)
}

/// What a cell adds to the sum.
fn term((p, q): (f64, f64)) -> f64 {
    if p > 0.0 { p * (p / q).ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use proptest::prelude::*;

    use super::*;

    fn top(distribution: &[f64], many: usize) -> Vec<(u32, f64)> {
        let mut list: Vec<(u32, f64)> =
            distribution.iter().enumerate().map(|(token, p)| (token as u32, p.ln())).collect();
        list.sort_by(|one, other| other.1.total_cmp(&one.1));
        list.truncate(many);
        list
    }

    fn exact(p: &[f64], q: &[f64]) -> f64 {
        p.iter().zip(q).map(|(p, q)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 }).sum()
    }

    fn of_lists(p: &[(u32, f64)], q: &[(u32, f64)]) -> PartialDivergence {
        partial_divergence([(p, q)]).unwrap()
    }

    #[test]
    fn known_values() {
        // Cells {0}, {1}, rest: 0.5 ln(0.5/0.4) + 0.3 ln(0.3/0.3) + 0.2 ln(0.2/0.3).
        let (p, q) = ([0.5, 0.3, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]);
        let got = of_lists(&top(&p, 2), &top(&q, 2));
        let expected = 0.5 * 1.25_f64.ln() + 0.2 * (2.0_f64 / 3.0).ln();
        assert!((got.kld_at_least[0] - expected).abs() < 1e-12, "{got:?}");
        assert_eq!(got.top1_matches, 1);
        // No common token: one cell, nothing known.
        let got = of_lists(&[(0, 0.5_f64.ln())], &[(1, 0.5_f64.ln())]);
        assert_eq!((got.kld_at_least[0], got.top1_matches), (0.0, 0));
    }

    #[test]
    fn a_certain_candidate_still_gives_a_bound() {
        // The candidate's rest is 10⁻⁵: its second token joins it.
        let p = [(0, 0.99999_f64.ln()), (1, 5e-6_f64.ln())];
        let q = [(0, 0.5_f64.ln()), (1, 0.49999_f64.ln())];
        let got = of_lists(&p, &q).kld_at_least[0];
        assert!((0.69..2.0_f64.ln()).contains(&got), "{got}");
        // Both certain of the same: no distance, and no infinity.
        let one = [(0, -1e-7), (1, -17.0)];
        assert!(of_lists(&one, &one).kld_at_least[0] < 1e-9);
    }

    fn distribution() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec(0.0_f64..12.0, 12).prop_map(|logits| {
            let weights: Vec<f64> = logits.iter().map(|logit| logit.exp()).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / sum).collect()
        })
    }

    proptest! {
        #[test]
        fn it_is_a_lower_bound_that_grows_with_what_is_known(
            p in distribution(), q in distribution(), many in 1_usize..12,
        ) {
            let whole = exact(&p, &q);
            let bound = of_lists(&top(&p, many), &top(&q, many)).kld_at_least[0];
            prop_assert!((0.0..=whole + 1e-9).contains(&bound), "{bound} against {whole}");
            let row: Vec<f32> = p.iter().map(|p| p.ln() as f32).collect();
            let tighter = partial_divergence_from_rows(&row, p.len(), &[top(&q, many)]).unwrap();
            prop_assert!(tighter.kld_at_least[0] <= whole + 1e-5);
            let listed: f64 = top(&q, many).iter().map(|(_, ln_q)| ln_q.exp()).sum();
            if 1.0 - listed > LEAST_REST {
                prop_assert!(tighter.kld_at_least[0] >= bound - 1e-4, "{tighter:?} against {bound}");
            }
        }

        #[test]
        fn with_nearly_all_tokens_it_is_the_divergence(p in distribution(), q in distribution()) {
            let bound = of_lists(&top(&p, 12), &top(&q, 12)).kld_at_least[0];
            // Every cell of its own: one of them is the rest.
            prop_assert!((bound - exact(&p, &q)).abs() < 1e-9);
        }

        #[test]
        fn rounding_to_four_digits_moves_it_little(p in distribution(), q in distribution()) {
            let rounded = |list: Vec<(u32, f64)>| -> Vec<(u32, f64)> {
                list.into_iter().map(|(token, ln_p)| (token, (ln_p * 1e4).round() / 1e4)).collect()
            };
            let bound = of_lists(&rounded(top(&p, 5)), &rounded(top(&q, 5))).kld_at_least[0];
            prop_assert!(bound <= exact(&p, &q) + 0.02);
        }
    }

    #[track_caller]
    fn check_error(p: &[(u32, f64)], q: &[(u32, f64)], wanted: &str) {
        let error = partial_divergence([(p, q)]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }

    #[test]
    fn broken_lists_are_errors() {
        let good = [(0, -0.5), (1, -2.0)];
        check_error(&[], &good, "baseline's");
        check_error(&good, &[], "there are none");
        check_error(&good, &[(0, f64::NAN)], "no ln-probability");
        check_error(&good, &[(0, 0.5)], "no ln-probability");
        check_error(&good, &[(0, -1.0), (0, -1.0)], "twice");
        check_error(&good, &[(0, -0.1), (1, -0.1)], "more than 1");
        let rows = |rows: &[f32], vocabulary, list| partial_divergence_from_rows(rows, vocabulary, &[list]);
        assert!(rows(&[-0.7, -0.7], 3, vec![(0, -0.5)]).is_err());
        assert!(rows(&[-0.7, -0.7], 0, vec![(0, -0.5)]).is_err());
        assert!(rows(&[-0.7, -0.7], 2, vec![(2, -0.5)]).is_err());
        assert!(rows(&[f32::NAN, -0.7], 2, vec![(1, -0.5)]).is_err());
    }

    #[test]
    fn answers_are_comparable_up_to_the_first_difference() {
        assert_eq!(comparable_positions(&[1, 2, 3], &[1, 2, 3]), 3);
        assert_eq!(comparable_positions(&[1, 2, 3], &[1, 5, 3]), 2);
        assert_eq!(comparable_positions(&[1], &[1, 2]), 1);
        assert_eq!(comparable_positions::<u32>(&[], &[]), 0);
    }
}
