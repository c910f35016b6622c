//! From which load owning is cheaper, and when it has paid for itself.

use infercost_core::{CostPart, Estimate};
use serde::Serialize;

use crate::hosting::cost::Way;
use crate::hosting::setting::Setting;
use crate::scenario::Tenure;
use infercost_core::text::percent;
use infercost_stats::propagation::propagate;

/// Points of the search for a change of sign, even on a logarithmic scale.
const STEPS: u32 = 120;
/// Share of one machine's capacity at which the search begins.
const LOWEST: f64 = 1e-4;
/// Owning is cheaper from a load on.
const FROM: f64 = 1.0;
/// Owning is cheaper up to a load.
const UP_TO: f64 = -1.0;
/// Mean days of a month.
const DAYS_PER_MONTH: f64 = 365.0 / 12.0;

/// The load from which owning one machine is cheaper than another way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadBreakEven {
    /// Requests an hour; `None` where there is no such load on one machine.
    pub requests_per_hour: Option<Estimate>,
    /// The same as a share of one machine's capacity.
    pub utilization: Option<Estimate>,
    /// Why there is none; empty where there is.
    pub reason: String,
}

/// Months until owning has saved its purchase price.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payback {
    /// Months; `None` where it never does.
    pub months: Option<Estimate>,
    /// Why never, or what must be said; empty where there is nothing to say.
    pub reason: String,
}

/// Looks for the load at which the costs cross, on one machine that may be used to the full.
pub(crate) fn load(setting: &Setting, own: &Way, other: &Way) -> LoadBreakEven {
    let full = setting.full();
    let at = full.points();

    let nothing = |reason: &str| LoadBreakEven {
        requests_per_hour: None,
        utilization: None,
        reason: reason.to_owned(),
    };

    let gap = |share: f64, at: &[f64]| gap(&full, own, other, share, at);
    let (idle, busy) = (gap(LOWEST, &at), gap(1.0, &at));
    if !idle.is_finite() || !busy.is_finite() {
        return nothing("one of the costs is unknown");
    }

    if root(&full, own, other, &at, FROM).is_none() {
        // A machine by the hour costs the same however little it does; an owned one draws more when it works.
        let below = root(&full, own, other, &at, UP_TO);

        return match below {
            Some(share) => nothing(&format!("only up to {} used: working costs it energy", percent(share))),
            None if busy > 0.0 => nothing("even a machine that never waits costs more"),
            None => nothing("owning is cheaper at any load"),
        };
    }

    let inputs = full.inputs();
    let utilization = propagate(&inputs, |at| root(&full, own, other, at, FROM).unwrap_or(f64::NAN));

    let requests = propagate(&inputs, |at| {
        let busy = at.first().copied().unwrap_or(f64::NAN);
        let capacity = full.demand.capacity_per_hour.unwrap_or(3600.0 / busy);
        root(&full, own, other, at, FROM).unwrap_or(f64::NAN) * capacity
    });

    if utilization.is_none() {
        return nothing("within what was measured there may be no such load");
    }
    LoadBreakEven { requests_per_hour: requests, utilization, reason: String::new() }
}

/// Cost of owning less that of the other way, at a share of one machine's capacity.
fn gap(setting: &Setting, own: &Way, other: &Way, share: f64, at: &[f64]) -> f64 {
    let busy = at.first().copied().unwrap_or(f64::NAN);
    let requests = share * setting.demand.capacity_per_hour.unwrap_or(3600.0 / busy);
    let total = |way: &Way| way.total(setting, requests, at).unwrap_or(f64::NAN);
    total(own) - total(other)
}

/// The share of capacity from which, or up to which, owning is cheaper: bisection after a search for a change of sign.
fn root(setting: &Setting, own: &Way, other: &Way, at: &[f64], direction: f64) -> Option<f64> {
    let gap = |share: f64| direction * gap(setting, own, other, share, at);
    let point = |step: u32| LOWEST.powf(1.0 - f64::from(step) / f64::from(STEPS));
    let crossing = (0..STEPS).find(|step| gap(point(*step)) > 0.0 && gap(point(step + 1)) <= 0.0)?;
    let (mut low, mut high) = (point(crossing), point(crossing + 1));
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if gap(middle) > 0.0 { low = middle } else { high = middle }
    }
    Some(f64::midpoint(low, high))
}

/// Purchase price ÷ monthly saving of running costs, at the load.
pub(crate) fn payback(setting: &Setting, own: &Way, other: &Way, requests: f64) -> Payback {
    let Tenure::Owned(owned) = setting.scenario.tenure else {
        return Payback { months: None, reason: "no purchase price is known".to_owned() };
    };

    let setting = &Setting {
        demand: crate::hosting::Demand { requests_per_hour: Some(requests), ..setting.demand },
        ..setting.clone()
    };
    let monthly = requests * setting.demand.hours_per_day * DAYS_PER_MONTH;
    let months = |at: &[f64]| {
        let machines = own.fleet(setting, requests, at).map_or(f64::NAN, |(machines, _)| machines);
        let (parts, _) = own.parts(setting, requests, at);
        let running: f64 =
            parts.iter().filter(|(name, _)| *name != CostPart::Hardware).map(|(_, amount)| amount).sum();
        let saved = other.total(setting, requests, at).unwrap_or(f64::NAN) - running;
        if saved > 0.0 { machines * owned.purchase / (saved * monthly) } else { f64::NAN }
    };

    let (_, left_out) = own.parts(setting, requests, &setting.points());
    let electricity = [CostPart::Energy, CostPart::Idle];
    let missing: Vec<&str> =
        electricity.into_iter().filter(|part| left_out.holds(*part)).map(CostPart::name).collect();
    match propagate(&setting.inputs(), months) {
        Some(months) => Payback {
            months: Some(months),
            reason: if missing.is_empty() {
                String::new()
            } else {
                format!("at the least: {} left out", missing.join(" and "))
            },
        },
        None => Payback { months: None, reason: "running it costs as much as the other way".to_owned() },
    }
}
