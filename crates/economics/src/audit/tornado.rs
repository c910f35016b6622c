//! What each change does to the cost.

use crate::audit::{Subject, Swing};
use crate::lever::Lever;

/// The changes, the biggest first; what does not apply comes last.
pub(super) fn tornado(subject: &Subject, revenue: Option<f64>) -> Vec<Swing> {
    let cost = subject.cost().map(|cost| cost.point);
    let mut swings: Vec<Swing> = Lever::ALL
        .into_iter()
        .map(|lever| {
            let words = lever.words();
            let nothing =
                |reason: String| Swing { lever, words, change: None, share: None, of_revenue: None, reason };
            match subject.with(lever) {
                Err(reason) => nothing(reason),
                Ok(changed) => match changed.map(|changed| changed.point).zip(cost) {
                    Some((changed, cost)) => Swing {
                        lever,
                        words,
                        change: Some(changed - cost),
                        share: subject.ratio_with(lever).map(|ratio| ratio.map(|ratio| ratio - 1.0)),
                        of_revenue: revenue.filter(|revenue| *revenue > 0.0).map(|revenue| changed / revenue),
                        reason: String::new(),
                    },
                    None => nothing("the cost is unknown".to_owned()),
                },
            }
        })
        .collect();

    let size = |swing: &Swing| swing.change.map_or(-1.0, f64::abs);
    swings.sort_by(|one, other| size(other).total_cmp(&size(one)));
    swings
}
