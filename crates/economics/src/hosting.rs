//! Own, rent, spot, serverless or a hosted API: what an inference costs each way, at one load.
//!
//! All ways answer the same requests, so what was measured once moves all of them together. Two ways are a tie
//! where the interval of the *difference* of their costs holds zero: the uncertainty that they share cancels.

mod break_even;
mod change;
mod cost;
mod hosting_scenario;
mod map;

use infercost_core::economics::HostGrounds;
use infercost_core::hosting::{Charge, HostingOffer};
use infercost_core::{CostPart, Currency, EconomicsReason, Estimate, Findings, RunId, Why, Workload};
use serde::Serialize;

use crate::bill::{Assumption, Bill};
use crate::lever::Lever;
use infercost_stats::propagation::propagate;

pub use break_even::{LoadBreakEven, Payback};
pub use cost::HostingOption;
pub use hosting_scenario::{Demand, HostingScenario};
pub use map::WinnerMap;

/// Version of the object.
pub const HOST_SCHEMA: &str = "infercost.host/1";

/// One way and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionCost {
    /// Its name.
    pub name: String,
    /// `own`, `rent`, `spot`, `serverless` or `api`.
    pub kind: &'static str,
    /// Parts of the cost of one inference.
    pub bill: Bill,
    /// Cost of one inference.
    pub per_inference: Option<Estimate>,
    /// Cost of an hour in which there are requests.
    pub per_hour: Option<Estimate>,
    /// Machines; `None` where nobody counts them.
    pub machines: Option<u32>,
    /// Share of their capacity that is used in hours with requests; `None` likewise.
    pub utilization: Option<f64>,
    /// Cost less that of the cheapest, per inference.
    pub more_than_best: Option<Estimate>,
    /// True where the interval of that difference holds zero.
    pub tie: bool,
    /// Cost of one inference at 10, 30, 60 and 100 % of one machine's capacity.
    pub by_utilization: Vec<Option<f64>>,
    /// Load from which owning is cheaper than this way.
    pub own_cheaper_from: Option<LoadBreakEven>,
    /// Months after which owning has paid for its purchase against this way.
    pub own_pays_back: Option<Payback>,
}

impl OptionCost {
    /// By what the ways are sorted: their cost, unknown ones last.
    fn order(&self) -> f64 {
        self.per_inference.map_or(f64::INFINITY, |cost| cost.point)
    }
}

/// Who is cheapest after a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AfterLever {
    /// The change.
    pub words: &'static str,
    /// Cost of one inference each way, in the order of `ways`; `None` where unknown.
    pub per_inference: Vec<Option<f64>>,
    /// Names of the cheapest: more than one is a tie.
    pub cheapest: Vec<String>,
}

/// What one way saves.
#[derive(Debug, Clone, PartialEq)]
pub struct WaySaving {
    /// Its name.
    pub way: String,
    /// `rent`, `spot`, `serverless` or `api`.
    pub kind: &'static str,
    /// Share of the cost of the machine in use, or why it is unknown.
    pub saving: Result<Estimate, EconomicsReason>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hosting {
    /// [`HOST_SCHEMA`].
    pub schema: &'static str,
    /// What is hosted.
    pub name: String,
    /// Currency of all money.
    pub currency: Currency,
    /// Requests an hour, in hours with requests.
    pub requests_per_hour: f64,
    /// Requests an hour that one measured machine can answer.
    pub capacity_per_hour: Estimate,
    /// The ways, the cheapest first; unknown ones last.
    pub ways: Vec<OptionCost>,
    /// Names of the cheapest: more than one is a tie; none where no cost is known.
    pub cheapest: Vec<String>,
    /// True where the cheapest leaves something out that could change the order.
    pub open: bool,
    /// What the answer rests on.
    #[serde(flatten)]
    pub why: Why<HostGrounds>,
    /// Who wins after each change.
    pub sensitivity: Vec<AfterLever>,
    /// Who wins where, over load and tariff.
    pub map: WinnerMap,
    /// What the numbers rest on.
    pub assumptions: Vec<Assumption>,
    /// What must be known with them.
    #[serde(flatten)]
    pub findings: Findings,
}

impl Hosting {
    /// What each other way saves against the machine in use.
    pub fn savings_against_own(&self, setting: &HostingScenario, offers: &[HostingOffer]) -> Vec<WaySaving> {
        let ways = HostingOption::all(setting, offers);
        let requests = setting.requests_per_hour();

        let (own, others): (Vec<&HostingOption>, Vec<&HostingOption>) =
            ways.iter().partition(|way| way.is_of_book());
        let own = own.first().copied();

        let mut savings = Vec::with_capacity(others.len());
        for way in others {
            let saving = saving_of(setting, requests, own, way);
            savings.push(WaySaving { way: way.name.clone(), kind: way.kind(), saving });
        }
        savings
    }
}

/// What one way saves against the machine in use, as a share of its cost.
fn saving_of(
    setting: &HostingScenario,
    requests: f64,
    own: Option<&HostingOption>,
    way: &HostingOption,
) -> Result<Estimate, EconomicsReason> {
    let own = own.ok_or(EconomicsReason::OwnPriceUnknown)?;
    let (_, left_out) = own.parts(setting, requests, &setting.points());
    if left_out.holds(CostPart::Energy) {
        return Err(EconomicsReason::OwnEnergyUnknown);
    }

    let share = propagate(&setting.inputs(), |at| {
        1.0 - way.total_or_nan(setting, requests, at) / own.total_or_nan(setting, requests, at)
    });
    share.ok_or(EconomicsReason::OneCostUnknown)
}

/// Why a run says nothing of an offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMeasuredThere {
    /// The runs are of other inferences.
    #[error("runs {here} and {there} are not of the same variant and prompts")]
    OtherInferences {
        /// The run on the machine in use.
        here: RunId,
        /// The run on the offer's.
        there: RunId,
    },
    /// The offer is paid by the token.
    #[error("{offer} is paid by the token; no machine is measured")]
    PaidByToken {
        /// Its name.
        offer: String,
    },
}

/// The offer with the speed and load time that a run on it measured, in place of what is assumed.
///
/// # Errors
/// [`NotMeasuredThere`], where the two runs are not of the same inferences, or the offer has no machine.
pub fn measured_on(
    offer: &HostingOffer,
    here: &Workload,
    there: &Workload,
) -> Result<HostingOffer, NotMeasuredThere> {
    let same = here.prompts_sha256 == there.prompts_sha256 && here.variant == there.variant;
    if !same {
        return Err(NotMeasuredThere::OtherInferences { here: here.run.clone(), there: there.run.clone() });
    }
    let measured = Some(here.busy_s.point / there.busy_s.point);
    let loaded = there.load_s.map(|load| load.point);
    let mut offer = offer.clone();
    match &mut offer.charge {
        Charge::Rent { speed, .. } => *speed = measured,
        Charge::Spot { speed, load_seconds, .. } | Charge::Serverless { speed, load_seconds, .. } => {
            *speed = measured;
            *load_seconds = loaded.or(*load_seconds);
        }
        Charge::Api { .. } => return Err(NotMeasuredThere::PaidByToken { offer: offer.name }),
    }

    Ok(offer)
}

/// Compares the ways.
pub fn host(name: String, setting: &HostingScenario, offers: &[HostingOffer]) -> Hosting {
    let ways = HostingOption::all(setting, offers);
    let requests = setting.requests_per_hour();
    let cheapest = ranked(setting, &ways, requests);
    let best = cheapest.first().and_then(|index| ways.get(*index));
    let mut costs: Vec<OptionCost> =
        ways.iter().map(|way| option_cost(setting, way, best, requests)).collect();
    let sensitivity = sensitivity(setting, &ways);
    let map = map::winners(setting, &ways);

    let cheapest = names(&ways, &cheapest);
    costs.sort_by(|one, other| one.order().total_cmp(&other.order()));
    let (open, why) = answer(setting, &costs, &cheapest);

    let mut assumptions = change::assumptions(setting, &ways);
    assumptions.extend(offers.iter().map(|offer| Assumption::of_price(&offer.price)));

    Hosting {
        schema: HOST_SCHEMA,
        name,
        currency: setting.scenario.currency,
        requests_per_hour: requests,
        capacity_per_hour: setting.capacity(),
        ways: costs,
        cheapest,
        open,
        why: Why(why),
        sensitivity,
        map,
        assumptions,
        findings: Findings::default(),
    }
}

/// Indices of the cheapest way and of those that tie with it, cheapest first.
pub(crate) fn ranked(setting: &HostingScenario, ways: &[HostingOption], requests: f64) -> Vec<usize> {
    let at = setting.points();
    let costs: Vec<Option<f64>> = ways.iter().map(|way| way.total(setting, requests, &at)).collect();
    let known = costs.iter().enumerate().filter_map(|(index, cost)| Some((index, (*cost)?)));
    let Some((best, _)) = known.clone().min_by(|one, other| one.1.total_cmp(&other.1)) else {
        return Vec::new();
    };
    let mut cheapest = vec![best];
    for (index, _) in known.filter(|(index, _)| *index != best) {
        let (Some(way), Some(winner)) = (ways.get(index), ways.get(best)) else { continue };
        if difference(setting, way, winner, requests).is_some_and(|gap| gap.lower <= 0.0) {
            cheapest.push(index);
        }
    }

    cheapest
}

/// Cost of one way less that of another, over the inputs that they share.
fn difference(
    setting: &HostingScenario,
    one: &HostingOption,
    other: &HostingOption,
    requests: f64,
) -> Option<Estimate> {
    propagate(&setting.inputs(), |at| {
        one.total_or_nan(setting, requests, at) - other.total_or_nan(setting, requests, at)
    })
}

fn option_cost(
    setting: &HostingScenario,
    way: &HostingOption,
    best: Option<&HostingOption>,
    requests: f64,
) -> OptionCost {
    let at = setting.points();
    let (parts, left_out) = way.parts(setting, requests, &at);
    let bill = Bill::of(setting.scenario.currency, &parts, left_out);
    let per_inference = way.cost(setting, requests).zip(bill.total_f64()).map(|(cost, point)| Estimate {
        point,
        lower: cost.lower.min(point),
        upper: cost.upper.max(point),
        ..cost
    });

    let gap =
        best.filter(|best| best.name != way.name).and_then(|best| difference(setting, way, best, requests));
    let fleet = way.fleet(setting, requests, &at);
    let capacity = setting.capacity().point;
    let own = HostingOption::own(setting);
    let against_own = own.as_ref().filter(|own| own.name != way.name);
    OptionCost {
        name: way.name.clone(),
        kind: way.kind(),
        per_hour: per_inference.map(|cost| cost.map(|cost| cost * requests)),
        bill,
        per_inference,
        machines: fleet.map(|(machines, _)| machines as u32),
        utilization: fleet.map(|(_, utilization)| utilization),
        more_than_best: gap,
        tie: gap.is_some_and(|gap| gap.lower <= 0.0),
        by_utilization: [0.1, 0.3, 0.6, 1.0]
            .into_iter()
            .map(|share| way.total(&setting.full(), share * capacity, &at))
            .collect(),
        own_cheaper_from: against_own.map(|own| break_even::load(setting, own, way)),
        own_pays_back: against_own.map(|own| break_even::payback(setting, own, way, requests)),
    }
}

/// Who is cheapest after each change.
fn sensitivity(setting: &HostingScenario, ways: &[HostingOption]) -> Vec<AfterLever> {
    let mut all = Vec::new();
    for lever in Lever::ALL {
        let (changed, changed_ways, requests) = change::with(lever, setting, ways);
        let at = changed.points();

        all.push(AfterLever {
            words: lever.words(),
            per_inference: changed_ways.iter().map(|way| way.total(&changed, requests, &at)).collect(),
            cheapest: names(ways, &ranked(&changed, &changed_ways, requests)),
        });
    }
    all
}

/// Names of the ways with these indices.
fn names(ways: &[HostingOption], indices: &[usize]) -> Vec<String> {
    indices.iter().filter_map(|index| ways.get(*index)).map(|way| way.name.clone()).collect()
}

/// What the answer rests on, and whether what is left out could change it.
fn answer(setting: &HostingScenario, costs: &[OptionCost], cheapest: &[String]) -> (bool, HostGrounds) {
    let Some(first) = costs.iter().find(|cost| cheapest.first() == Some(&cost.name)) else {
        return (true, HostGrounds::NoKnownCost);
    };
    let rivals = costs.iter().filter(|cost| cost.per_inference.is_some()).count();
    if rivals < 2 {
        return (false, HostGrounds::OnlyOne { way: first.name.clone() });
    }

    let decisive =
        [CostPart::Energy, CostPart::Idle, CostPart::Hardware, CostPart::Restarts, CostPart::ColdStarts];
    let left_out: Vec<CostPart> =
        decisive.into_iter().filter(|part| first.bill.left_out.holds(*part)).collect();

    // Where its energy is unknown, the next way tells how much a machine may draw until the order changes.
    let next = costs.iter().filter(|cost| cost.name != first.name).find_map(|cost| cost.per_inference);
    let watts = next.zip(first.per_inference).and_then(|(next, best)| {
        cost::watts_for(setting, setting.requests_per_hour(), next.point - best.point)
    });
    let until_watts = watts.filter(|watts| first.kind == "own" && *watts > 0.0);

    let is_open = !left_out.is_empty();
    (is_open, HostGrounds::Cheapest { ways: cheapest.to_vec(), left_out, until_watts })
}
