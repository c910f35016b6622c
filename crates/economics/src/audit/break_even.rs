//! Where a limit would just be met: revenue, electricity price, utilization.

use infercost_core::Estimate;

use crate::audit::{AuditInput, BreakEven, Subject};
use crate::scenario::Scenario;
use infercost_core::text::percent;
use infercost_stats::propagation::propagate;

/// Revenue, electricity price and utilization at which cost is just in the loss zone, and all of the revenue.
pub(super) fn break_evens(
    input: &AuditInput,
    cost: Option<Estimate>,
    revenue: Option<f64>,
) -> Vec<BreakEven> {
    let (Some(cost), Some(limit)) = (cost, input.limits.loss_zone) else { return Vec::new() };

    let mut all = vec![BreakEven {
        what: format!("revenue per inference at which cost is {} of it", percent(limit)),
        value: (limit > 0.0).then(|| cost.map(|cost| cost / limit)),
        unit: input.subject.bill().currency.to_string(),
        reason: if limit > 0.0 { String::new() } else { "the limit is zero".to_owned() },
    }];

    let (Subject::Machine(scenario), Some(revenue)) = (&input.subject, revenue) else { return all };
    for (name, allowed) in
        [(format!("{} of revenue", percent(limit)), limit * revenue), ("revenue".into(), revenue)]
    {
        all.push(tariff_for(scenario, allowed, &name));
        all.push(utilization_for(scenario, allowed, &name));
    }
    all
}

/// The electricity price at which an inference costs `allowed`: the cost is linear in it.
fn tariff_for(scenario: &Scenario, allowed: f64, name: &str) -> BreakEven {
    let (value, reason) = match tariff_value(scenario, allowed) {
        Ok(value) => (Some(value), String::new()),
        Err(reason) => (None, reason.to_owned()),
    };

    BreakEven {
        what: format!("electricity price at which cost is {name}"),
        value,
        unit: format!("{}/kWh", scenario.currency),
        reason,
    }
}

/// That price, or why there is none.
fn tariff_value(scenario: &Scenario, allowed: f64) -> Result<Estimate, &'static str> {
    if scenario.is_electricity_in_rent() {
        return Err("electricity is in the rent");
    }
    if scenario.joules.is_none() {
        return Err("the energy is unknown");
    }

    let free = Scenario { tariff: Some(0.0), ..scenario.clone() };
    let one = Scenario { tariff: Some(1.0), ..scenario.clone() };
    let inputs = scenario.inputs();
    let value = propagate(&inputs, |values| {
        let base = free.total(&inputs, values);
        (allowed - base) / (one.total(&inputs, values) - base)
    });

    value.filter(|value| value.point > 0.0).ok_or("even free electricity does not bring it there")
}

/// The utilization at which an inference costs `allowed`: the cost is a + b ÷ u.
fn utilization_for(scenario: &Scenario, allowed: f64, name: &str) -> BreakEven {
    let what = format!("utilization at which cost is {name}");
    let unit = "share of hours".to_owned();

    let full = Scenario { utilization: 1.0, ..scenario.clone() };
    let half = Scenario { utilization: 0.5, ..scenario.clone() };
    let inputs = scenario.inputs();
    let value = propagate(&inputs, |values| {
        let whole = full.total(&inputs, values);
        let slope = half.total(&inputs, values) - whole;
        slope / (allowed - (whole - slope))
    });

    match value {
        Some(value) if value.point > 0.0 && value.point <= 1.0 => {
            BreakEven { what, value: Some(value), unit, reason: String::new() }
        }
        _ => {
            BreakEven { what, value: None, unit, reason: "even full use does not bring it there".to_owned() }
        }
    }
}
