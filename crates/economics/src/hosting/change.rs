//! The setting after a change, and what is taken as given in it.

use infercost_core::economics::Assumed;
use infercost_core::hosting::Charge;

use crate::bill::Assumption;
use crate::hosting::cost::HostingOption;
use crate::hosting::hosting_scenario::HostingScenario;
use crate::lever::Lever;

/// The setting, the ways and the load after a change; what it does not touch stays.
pub(crate) fn with(
    lever: Lever,
    setting: &HostingScenario,
    ways: &[HostingOption],
) -> (HostingScenario, Vec<HostingOption>, f64) {
    let mut changed = setting.clone();
    let mut ways = ways.to_vec();
    let mut requests = setting.requests_per_hour();
    match lever {
        Lever::UtilizationDown => requests *= 0.8,
        Lever::RentUp => {
            for (charge, rate) in ways.iter_mut().filter_map(|way| way.offer.as_mut()) {
                if !matches!(charge, Charge::Api { .. }) {
                    *rate *= 1.1;
                }

                if let Charge::Spot { on_demand_per_hour: Some(on_demand), .. } = charge {
                    let raised = rust_decimal::Decimal::new(11, 1).checked_mul(*on_demand);
                    *on_demand = raised.unwrap_or(*on_demand);
                }
            }
        }
        Lever::EnergyUp | Lever::LifeDown | Lever::OutputUp => {
            if let Ok(scenario) = lever.apply(&setting.scenario) {
                changed.scenario = scenario;
            }
            if lever == Lever::OutputUp {
                changed.output_tokens = setting.output_tokens.map(|tokens| tokens.map(|tokens| tokens * 1.2));
            }
        }
    }

    (changed, ways, requests)
}

/// What is taken as given beside the prices.
pub(crate) fn assumptions(setting: &HostingScenario, ways: &[HostingOption]) -> Vec<Assumption> {
    let load = Assumed::Load {
        requests_per_hour: setting.requests_per_hour(),
        hours_per_day: setting.demand.hours_per_day,
        planned_for: Some(setting.demand.max_utilization),
    };
    let is_given = setting.demand.requests_per_hour.is_some();
    let source = if is_given { "as given" } else { "what fills one machine" };
    let mut all = vec![Assumption::new(load, source)];

    for way in ways {
        let Some((charge, _)) = &way.offer else { continue };
        let (speed, cold) = match charge {
            Charge::Rent { speed, .. } | Charge::Spot { speed, .. } => (*speed, None),
            Charge::Serverless { speed, cold_share, .. } => (*speed, Some(cold_share.is_none())),
            Charge::Api { .. } => {
                let what = Assumed::SameTokens { way: way.name.clone() };
                all.push(Assumption::new(what, "not measured there"));
                continue;
            }
        };

        if speed.is_none() {
            let what = Assumed::SameSpeed { way: way.name.clone() };
            all.push(Assumption::new(what, "not measured there; set `speed`, or `--measured-on`"));
        }

        if cold == Some(true) {
            let what = Assumed::RandomArrivals { way: way.name.clone() };
            all.push(Assumption::new(what, "not measured; set `cold_share`"));
        }
    }

    let loads = ways.iter().any(|way| matches!(way.kind(), "spot" | "serverless"));
    if loads && setting.load_s.is_some_and(|load| load.n == 1) {
        all.push(Assumption::new(Assumed::SameLoadTime, "the run"));
    }
    all
}
