//! A candidate beside the baseline on one prompt: whole distributions, or what a server shows of them.

use infercost_analyzer::divergence;
use infercost_analyzer::partial_divergence::partial_divergence_from_rows;
use infercost_engine::{PositionTop, TokenScores};
use infercost_schema::{Divergence, Evaluation};

/// The name of the evaluation.
pub(crate) const DIVERGENCE: &str = "divergence";

/// An evaluation that could not be made.
pub(crate) fn impossible(what: &str, reason: &str) -> Evaluation {
    Evaluation::Impossible { what: what.to_owned(), reason: reason.to_owned() }
}

/// Compares whole distributions.
pub(crate) fn compare(
    reference: Result<&TokenScores, &String>,
    candidate: Result<TokenScores, String>,
) -> Evaluation {
    let (reference, candidate) = match (reference, candidate) {
        (Ok(reference), Ok(candidate)) => (reference, candidate),
        (Err(reason), _) => return impossible(DIVERGENCE, &format!("the baseline: {reason}")),
        (_, Err(reason)) => return impossible(DIVERGENCE, &reason),
    };
    let (Some(theirs), Some(ours)) = (&reference.distribution, &candidate.distribution) else {
        return impossible(DIVERGENCE, "an engine gave no distribution");
    };
    if theirs.vocabulary != ours.vocabulary {
        return impossible(DIVERGENCE, "the vocabularies differ in size");
    }
    match divergence(&theirs.rows, &ours.rows, theirs.vocabulary, &reference.targets) {
        Ok(divergence) => Evaluation::Divergence(divergence),
        Err(error) => impossible(DIVERGENCE, &error.to_string()),
    }
}

/// Compares the baseline's whole distributions with a server's likeliest tokens: the divergence from below, and
/// whether the likeliest is the same.
///
/// The server cut the baseline's answer into tokens itself: they must be the baseline's, but for the end of the turn,
/// which no text shows.
pub(crate) fn compare_likeliest(
    reference: Result<&TokenScores, &String>,
    positions: Result<Vec<PositionTop>, String>,
) -> Evaluation {
    let (reference, positions) = match (reference, positions) {
        (Ok(reference), Ok(positions)) => (reference, positions),
        (Err(reason), _) => return impossible(DIVERGENCE, &format!("the baseline: {reason}")),
        (_, Err(reason)) => return impossible(DIVERGENCE, &reason),
    };
    let Some(distribution) = &reference.distribution else {
        return impossible(DIVERGENCE, "the baseline gave no distribution");
    };
    let own: Option<Vec<u32>> = positions.iter().map(|position| position.target.id).collect();
    let is_same = own.is_some_and(|own| {
        let rest = reference.targets.strip_prefix(own.as_slice());
        !own.is_empty() && rest.is_some_and(|rest| rest.len() <= 1)
    });
    if !is_same {
        return impossible(DIVERGENCE, "the server cuts the baseline's answer into other tokens");
    }
    let list = |position: &PositionTop| -> Option<Vec<(u32, f64)>> {
        position.top.iter().map(|(name, ln_p)| Some((name.id?, *ln_p))).collect()
    };
    let Some(lists) = positions.iter().map(list).collect::<Option<Vec<_>>>() else {
        return impossible(DIVERGENCE, "the server names likely tokens without their numbers");
    };
    let size = lists.len().checked_mul(distribution.vocabulary);
    let Some(rows) = size.and_then(|size| distribution.rows.get(..size)) else {
        return impossible(DIVERGENCE, "the baseline's distribution is shorter than its answer");
    };
    match partial_divergence_from_rows(rows, distribution.vocabulary, &lists) {
        Ok(partial) => Evaluation::Divergence(Divergence {
            kld: partial.kld_at_least,
            at_least: true,
            top1_matches: partial.top1_matches,
            baseline_nll: reference.log_probabilities.iter().take(lists.len()).map(|ln_p| -ln_p).sum(),
            candidate_nll: positions.iter().map(|one| one.target_ln_p.map(|ln_p| -ln_p)).sum(),
        }),
        Err(error) => impossible(DIVERGENCE, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use infercost_engine::{Distribution, TokenName};

    use super::*;

    /// Two positions over four tokens, of which the second is the end of the turn.
    fn baseline() -> TokenScores {
        let row = [0.5_f32, 0.3, 0.1, 0.1].map(f32::ln);
        let rows = [row, row].concat();
        TokenScores {
            targets: vec![0, 3],
            log_probabilities: vec![0.5_f64.ln(), 0.1_f64.ln()],
            distribution: Some(Distribution { vocabulary: 4, rows }),
        }
    }

    fn position(target: Option<u32>, top: &[(u32, f64)]) -> PositionTop {
        let name = |id| TokenName { id, bytes: Vec::new() };
        PositionTop {
            target: name(target),
            target_ln_p: Some(0.4_f64.ln()),
            top: top.iter().map(|(id, p)| (name(Some(*id)), p.ln())).collect(),
        }
    }

    #[test]
    fn a_bound_and_the_likeliest_token() {
        let positions = vec![position(Some(0), &[(0, 0.4), (1, 0.3)])];
        let Evaluation::Divergence(found) = compare_likeliest(Ok(&baseline()), Ok(positions)) else {
            panic!("nothing was compared")
        };
        // cells {0}, {1} and the rest: 0.5 ln(0.5/0.4) + 0.2 ln(0.2/0.3)
        let expected = 0.5 * 1.25_f64.ln() + 0.2 * (2.0_f64 / 3.0).ln();
        assert!(found.at_least && (found.kld[0] - expected).abs() < 1e-6, "{found:?}");
        assert_eq!((found.top1_matches, found.kld.len()), (1, 1));
        assert!((found.baseline_nll - 2.0_f64.ln()).abs() < 1e-9);
        assert!(found.candidate_nll.is_some_and(|nll| (nll - 2.5_f64.ln()).abs() < 1e-9));
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        let top = [(0, 0.4)];
        let cases: [(Vec<PositionTop>, &str); 4] = [
            (vec![position(Some(1), &top)], "other tokens"),
            (vec![position(None, &top)], "other tokens"),
            (vec![], "other tokens"),
            (vec![position(Some(0), &[])], "there are none"),
        ];
        for (positions, wanted) in cases {
            match compare_likeliest(Ok(&baseline()), Ok(positions)) {
                Evaluation::Impossible { reason, .. } => assert!(reason.contains(wanted), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
        let longer = TokenScores { targets: vec![0, 1, 3], ..baseline() };
        let positions = vec![position(Some(0), &top)];
        assert!(matches!(compare_likeliest(Ok(&longer), Ok(positions)), Evaluation::Impossible { .. }));
    }
}
