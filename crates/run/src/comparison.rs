//! A candidate next to the baseline on one prompt: whole distributions, or what a server shows of them.

use infercost_analyzer::divergence;
use infercost_analyzer::partial_divergence::{comparable_positions, partial_divergence_from_rows};
use infercost_core::{Divergence, Evaluation, EvaluationKind, PositionTop, TokenScores};

/// The name of the evaluation.
pub(crate) const DIVERGENCE: EvaluationKind = EvaluationKind::Divergence;

/// An evaluation that could not be made.
pub(crate) fn impossible(what: EvaluationKind, reason: &str) -> Evaluation {
    Evaluation::Impossible { what, reason: reason.to_owned() }
}

/// Compares whole distributions.
pub(crate) fn compare(
    reference: Result<&TokenScores, &String>,
    candidate: Result<TokenScores, String>,
) -> Evaluation {
    let (reference, candidate) = match (scored(reference), candidate) {
        (Ok(reference), Ok(candidate)) => (reference, candidate),
        (Err(impossible), _) => return impossible,
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
    positions: &[PositionTop],
) -> Evaluation {
    let reference = match scored(reference) {
        Ok(reference) => reference,
        Err(impossible) => return impossible,
    };
    let own: Option<Vec<u32>> = positions.iter().map(|position| position.target.id).collect();
    let is_same = own.is_some_and(|own| {
        let rest = reference.targets.strip_prefix(own.as_slice());
        !own.is_empty() && rest.is_some_and(|rest| rest.len() <= 1)
    });
    if !is_same {
        return impossible(DIVERGENCE, "the server cuts the baseline's answer into other tokens");
    }
    from_lists(reference, positions)
}

/// Compares the baseline's whole distributions with the likeliest tokens of a server's own greedy answer, as far as
/// both answers are the same and at the first token that differs: up to there both had the same text before them.
pub(crate) fn compare_answers(
    reference: Result<&TokenScores, &String>,
    positions: &[PositionTop],
) -> Evaluation {
    let reference = match scored(reference) {
        Ok(reference) => reference,
        Err(impossible) => return impossible,
    };
    let own: Vec<u32> = positions.iter().map_while(|position| position.target.id).collect();
    let count = comparable_positions(&reference.targets, &own);
    match positions.get(..count) {
        Some(positions) if count > 0 => from_lists(reference, positions),
        _ => {
            impossible(DIVERGENCE, "the server's answer begins with a token that the baseline does not have")
        }
    }
}

/// The baseline's scores, or what their lack makes of a comparison.
fn scored<'s>(reference: Result<&'s TokenScores, &String>) -> Result<&'s TokenScores, Evaluation> {
    reference.map_err(|reason| impossible(DIVERGENCE, &format!("the baseline: {reason}")))
}

/// The comparison over as many positions as there are lists.
fn from_lists(reference: &TokenScores, positions: &[PositionTop]) -> Evaluation {
    let Some(distribution) = &reference.distribution else {
        return impossible(DIVERGENCE, "the baseline gave no distribution");
    };

    let Some(lists) = positions.iter().map(numbered).collect::<Option<Vec<_>>>() else {
        return impossible(DIVERGENCE, "the server names likely tokens without their numbers");
    };

    let size = lists.len().checked_mul(distribution.vocabulary);
    let Some(rows) = size.and_then(|size| distribution.rows.get(..size)) else {
        return impossible(DIVERGENCE, "the baseline's distribution is shorter than its answer");
    };

    let targets = positions.iter().zip(&reference.targets);
    match partial_divergence_from_rows(rows, distribution.vocabulary, &lists) {
        Ok(partial) => Evaluation::Divergence(Divergence {
            kld: partial.kld_at_least,
            at_least: true,
            top1_matches: partial.top1_matches,
            baseline_nll: reference.log_probabilities.iter().take(lists.len()).map(|ln_p| -ln_p).sum(),
            candidate_nll: targets.map(|(position, target)| surprise(position, *target)).sum(),
        }),
        Err(error) => impossible(DIVERGENCE, &error.to_string()),
    }
}

/// The likeliest tokens by their numbers; `None` where one has none.
fn numbered(position: &PositionTop) -> Option<Vec<(u32, f64)>> {
    position.top.iter().map(|(name, ln_p)| Some((name.id?, *ln_p))).collect()
}

/// −ln p of a token: where the server's own token differs, the baseline's may still be among those that it lists.
fn surprise(position: &PositionTop, target: u32) -> Option<f64> {
    let own = position.target_ln_p.filter(|_| position.target.id == Some(target));
    let listed = position.top.iter().find(|(name, _)| name.id == Some(target)).map(|(_, ln_p)| *ln_p);
    own.or(listed).map(|ln_p| -ln_p)
}

#[cfg(test)]
mod tests {
    use infercost_core::{Distribution, TokenName};

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
        let Evaluation::Divergence(found) = compare_likeliest(Ok(&baseline()), &positions) else {
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
    fn own_answers_are_compared_up_to_the_first_difference() {
        // the baseline goes on with 3; of what comes behind, nothing is the same text
        let own = |second, listed: &[(u32, f64)]| {
            let positions = [
                position(Some(0), &[(0, 0.5)]),
                position(Some(second), listed),
                position(Some(0), &[(0, 1.0)]),
            ];
            match compare_answers(Ok(&baseline()), &positions) {
                Evaluation::Divergence(found) => found,
                other => panic!("{other:?}"),
            }
        };
        let differs = own(2, &[(2, 0.4), (3, 0.3)]);
        assert_eq!((differs.kld.len(), differs.top1_matches), (2, 1));
        let nll = differs.candidate_nll.unwrap_or(f64::NAN);
        assert!((nll + 0.4_f64.ln() + 0.3_f64.ln()).abs() < 1e-9, "{nll}");
        assert_eq!(own(2, &[(2, 0.4)]).candidate_nll, None, "the baseline's token is not listed");
        assert_eq!(own(3, &[(3, 0.4)]).kld.len(), 2, "a longer answer");

        for positions in [vec![], vec![position(None, &[(0, 0.5)])]] {
            let found = compare_answers(Ok(&baseline()), &positions);
            assert!(matches!(found, Evaluation::Impossible { .. }), "{found:?}");
        }
        assert!(matches!(compare_answers(Err(&"none".to_owned()), &[]), Evaluation::Impossible { .. }));
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
            match compare_likeliest(Ok(&baseline()), &positions) {
                Evaluation::Impossible { reason, .. } => assert!(reason.contains(wanted), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
        let longer = TokenScores { targets: vec![0, 1, 3], ..baseline() };
        let positions = vec![position(Some(0), &top)];
        assert!(matches!(compare_likeliest(Ok(&longer), &positions), Evaluation::Impossible { .. }));
    }
}
