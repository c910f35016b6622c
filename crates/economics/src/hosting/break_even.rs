//! From which load owning is cheaper, and when it has paid for itself.

use infercost_core::{CostPart, EconomicsReason, Estimate, ReasonGiven};
use serde::Serialize;

use crate::hosting::cost::HostingOption;
use crate::hosting::hosting_scenario::HostingScenario;
use crate::scenario::Acquisition;
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

/// The load from which owning is cheaper than another way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadBreakEven {
    /// Requests an hour; `None` where there is no such load as far as was searched.
    pub requests_per_hour: Option<Estimate>,
    /// The same as a share of one machine's capacity; above the planned share it takes several.
    pub utilization: Option<Estimate>,
    /// Share of its capacity up to which each machine is used in the search; beyond it there is a further one.
    pub planned_utilization: f64,
    /// Why there is none, or where owning costs more again.
    #[serde(flatten)]
    pub reason: ReasonGiven<EconomicsReason>,
}

/// Months until owning has saved its purchase price.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payback {
    /// Months; `None` where it never does.
    pub months: Option<Estimate>,
    /// Why never, or what must be said.
    #[serde(flatten)]
    pub reason: ReasonGiven<EconomicsReason>,
}

/// Looks for the load at which the costs cross, as far as the map of winners reaches: from next to nothing to the capacity
/// of one machine, or to twice the load in question where that is more. Machines are used up to the share that the
/// setting plans with, as they are in its own answer.
pub(crate) fn load(setting: &HostingScenario, own: &HostingOption, other: &HostingOption) -> LoadBreakEven {
    let searched = setting.searched();
    let farthest = (2.0 * searched.requests_per_hour() / searched.capacity().point).max(1.0);
    let search = Search { setting: &searched, own, other, farthest };

    let at = searched.points();
    let (idle, busy) = (search.gap(LOWEST, &at), search.gap(farthest, &at));
    if !idle.is_finite() || !busy.is_finite() {
        return search.none(EconomicsReason::OneCostUnknown);
    }

    // Whole machines make the costs cross more than once: what holds from next to nothing on is said first.
    let Some(from) = search.crossing(&at, FROM, 0).filter(|_| idle > 0.0) else {
        return search.none(search.why_never(&at, busy));
    };

    let inputs = searched.inputs();
    let utilization = propagate(&inputs, |at| search.root(at, FROM));
    let requests = propagate(&inputs, |at| search.root(at, FROM) * search.capacity_per_hour(at));
    if utilization.is_none() {
        return search.none(EconomicsReason::MayNotCross);
    }

    LoadBreakEven {
        requests_per_hour: requests,
        utilization,
        planned_utilization: search.planned(),
        reason: ReasonGiven(search.costlier_again(&at, &from)),
    }
}

/// A search over loads, as shares of one machine's capacity.
struct Search<'a> {
    setting: &'a HostingScenario,
    own: &'a HostingOption,
    other: &'a HostingOption,
    farthest: f64,
}

/// A load at which the costs cross.
struct Crossing {
    /// The step of the search after which they do.
    step: u32,
    /// The load, as a share of one machine's capacity.
    share: f64,
}

impl Search<'_> {
    /// Share of its capacity up to which a machine is used.
    fn planned(&self) -> f64 {
        self.setting.demand.max_utilization
    }

    /// No load from which owning is cheaper, and why.
    fn none(&self, reason: EconomicsReason) -> LoadBreakEven {
        LoadBreakEven {
            requests_per_hour: None,
            utilization: None,
            planned_utilization: self.planned(),
            reason: ReasonGiven(Some(reason)),
        }
    }

    /// Requests an hour of one machine that never waits, at measured values.
    fn capacity_per_hour(&self, at: &[f64]) -> f64 {
        let busy = at.first().copied().unwrap_or(f64::NAN);
        self.setting.demand.capacity_per_hour.unwrap_or(3600.0 / busy)
    }

    /// Cost of owning less that of the other way.
    fn gap(&self, share: f64, at: &[f64]) -> f64 {
        let requests = share * self.capacity_per_hour(at);
        self.own.total_or_nan(self.setting, requests, at)
            - self.other.total_or_nan(self.setting, requests, at)
    }

    /// The load at a step, even on a logarithmic scale.
    fn share(&self, step: u32) -> f64 {
        LOWEST * (self.farthest / LOWEST).powf(f64::from(step) / f64::from(STEPS))
    }

    /// The first load at or after a step from which, or up to which, owning is cheaper: bisection after a search for a
    /// change of sign.
    fn crossing(&self, at: &[f64], direction: f64, first: u32) -> Option<Crossing> {
        let step = (first..STEPS).find(|step| {
            self.is_costlier(self.share(*step), at, direction)
                && !self.is_costlier(self.share(step + 1), at, direction)
        })?;

        let (mut low, mut high) = (self.share(step), self.share(step + 1));
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.is_costlier(middle, at, direction) { low = middle } else { high = middle }
        }
        Some(Crossing { step, share: f64::midpoint(low, high) })
    }

    /// The share at which the costs first cross; not a number where they do not.
    fn root(&self, at: &[f64], direction: f64) -> f64 {
        self.crossing(at, direction, 0).map_or(f64::NAN, |crossing| crossing.share)
    }

    /// Where the costs cross once more after a crossing, the other way.
    fn next(&self, at: &[f64], before: &Crossing, direction: f64) -> Option<Crossing> {
        self.crossing(at, direction, before.step + 1)
    }

    /// True where owning costs more at a load, or less where the search goes the other way.
    fn is_costlier(&self, share: f64, at: &[f64], direction: f64) -> bool {
        direction * self.gap(share, at) > 0.0
    }

    /// Where owning costs more again after the load from which it is cheaper: it takes whole machines.
    fn costlier_again(&self, at: &[f64], from: &Crossing) -> Option<EconomicsReason> {
        let capacity = self.capacity_per_hour(at);
        let again = self.next(at, from, UP_TO)?;
        let until = self.next(at, &again, FROM);
        Some(EconomicsReason::CostlierAgain {
            from: again.share * capacity,
            until: until.map(|until| until.share * capacity),
        })
    }

    /// Why there is no load from which owning is cheaper; `busy` is the gap at the farthest load.
    fn why_never(&self, at: &[f64], busy: f64) -> EconomicsReason {
        let capacity = self.capacity_per_hour(at);
        let up_to = (self.farthest > self.planned()).then_some(self.farthest * capacity);

        let Some(until) = self.crossing(at, UP_TO, 0) else {
            return if busy > 0.0 {
                EconomicsReason::CostlierAtAnyLoad { up_to }
            } else {
                EconomicsReason::CheaperAtAnyLoad { up_to }
            };
        };
        let again_from = self.next(at, &until, FROM).map(|again| again.share * capacity);

        // A machine by the hour costs the same however little it does; an owned one draws more when it works.
        if until.share < self.planned() {
            EconomicsReason::OnlyUpToUse { share: until.share, again_from }
        } else {
            EconomicsReason::OnlyUpToLoad { requests_per_hour: until.share * capacity, again_from }
        }
    }
}

/// Purchase price ÷ monthly saving of running costs, at the load.
pub(crate) fn payback(
    setting: &HostingScenario,
    own: &HostingOption,
    other: &HostingOption,
    requests: f64,
) -> Payback {
    let Acquisition::Owned(owned) = setting.scenario.acquisition else {
        return Payback { months: None, reason: ReasonGiven(Some(EconomicsReason::NoPurchasePrice)) };
    };

    let setting = &HostingScenario {
        demand: crate::hosting::Demand { requests_per_hour: Some(requests), ..setting.demand },
        ..setting.clone()
    };
    let monthly = requests * setting.demand.hours_per_day * DAYS_PER_MONTH;
    let months = propagate(&setting.inputs(), |at| {
        let machines = own.fleet(setting, requests, at).map_or(f64::NAN, |(machines, _)| machines);
        let (parts, _) = own.parts(setting, requests, at);
        let running: f64 =
            parts.iter().filter(|(name, _)| *name != CostPart::Hardware).map(|(_, amount)| amount).sum();
        let saved = other.total_or_nan(setting, requests, at) - running;
        if saved > 0.0 { machines * owned.purchase / (saved * monthly) } else { f64::NAN }
    });

    let (_, left_out) = own.parts(setting, requests, &setting.points());
    let electricity = [CostPart::Energy, CostPart::Idle];
    let left_out: Vec<CostPart> = electricity.into_iter().filter(|part| left_out.holds(*part)).collect();
    let reason = match months {
        None => Some(EconomicsReason::NeverPaysBack),
        Some(_) if left_out.is_empty() => None,
        Some(_) => Some(EconomicsReason::AtTheLeast { left_out }),
    };
    Payback { months, reason: ReasonGiven(reason) }
}
