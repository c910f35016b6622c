//! What each change does to the cost.

use infercost_core::{EconomicsReason, ReasonGiven};

use crate::audit::{Subject, Swing};
use crate::lever::Lever;

/// The changes, the biggest first; what does not apply comes last.
pub(super) fn tornado(subject: &Subject, revenue: Option<f64>) -> Vec<Swing> {
    let cost = subject.cost().map(|cost| cost.point);
    let mut swings: Vec<Swing> =
        Lever::ALL.into_iter().map(|lever| swing(subject, lever, cost, revenue)).collect();

    swings.sort_by(|one, other| size(other).total_cmp(&size(one)));
    swings
}

/// What one change does.
fn swing(subject: &Subject, lever: Lever, cost: Option<f64>, revenue: Option<f64>) -> Swing {
    let changed = match subject.with(lever) {
        Ok(changed) => changed.zip(cost).ok_or(EconomicsReason::CostUnknown),
        Err(reason) => Err(reason),
    };

    let words = lever.words();
    match changed {
        Ok((changed, cost)) => Swing {
            lever,
            words,
            change: Some(changed.point - cost),
            share: subject.ratio_with(lever).map(|ratio| ratio.map(|ratio| ratio - 1.0)),
            of_revenue: revenue.filter(|revenue| *revenue > 0.0).map(|revenue| changed.point / revenue),
            reason: ReasonGiven(None),
        },
        Err(reason) => Swing {
            lever,
            words,
            change: None,
            share: None,
            of_revenue: None,
            reason: ReasonGiven(Some(reason)),
        },
    }
}

/// How far a change moves the cost; less than nothing where it does not apply.
fn size(swing: &Swing) -> f64 {
    swing.change.map_or(-1.0, f64::abs)
}
