//! Where a limit would just be met: revenue, electricity price, utilization.

use infercost_core::economics::{Allowed, BreakEvenOf};
use infercost_core::market::CurveUnit;
use infercost_core::{EconomicsReason, Estimate, ReasonGiven, What};

use crate::audit::{AuditInput, BreakEven, Subject};
use crate::scenario::Scenario;
use infercost_stats::propagation::propagate;

/// Revenue, electricity price and utilization at which cost is just in the loss zone, and all of the revenue.
pub(super) fn break_evens(
    input: &AuditInput,
    cost: Option<Estimate>,
    revenue: Option<f64>,
) -> Vec<BreakEven> {
    let (Some(cost), Some(limit)) = (cost, input.limits.loss_zone) else { return Vec::new() };

    let mut all = vec![BreakEven {
        what: What(BreakEvenOf::Revenue { share: limit }),
        value: (limit > 0.0).then(|| cost.map(|cost| cost / limit)),
        unit: input.subject.bill().currency.to_string(),
        reason: ReasonGiven((limit <= 0.0).then_some(EconomicsReason::LimitIsZero)),
    }];

    let (Subject::Machine(scenario), Some(revenue)) = (&input.subject, revenue) else { return all };
    for (allowed, cost) in [(Allowed::ShareOfRevenue(limit), limit * revenue), (Allowed::Revenue, revenue)] {
        all.push(tariff_for(scenario, allowed, cost));
        all.push(utilization_for(scenario, allowed, cost));
    }
    all
}

/// The value of an input, or why there is none.
fn break_even(what: BreakEvenOf, unit: String, value: Result<Estimate, EconomicsReason>) -> BreakEven {
    let (value, reason) = match value {
        Ok(value) => (Some(value), None),
        Err(reason) => (None, Some(reason)),
    };
    BreakEven { what: What(what), value, unit, reason: ReasonGiven(reason) }
}

/// The electricity price at which an inference costs `cost`: the cost is linear in it.
fn tariff_for(scenario: &Scenario, allowed: Allowed, cost: f64) -> BreakEven {
    let unit = CurveUnit::PerKilowattHour(scenario.currency).to_string();
    break_even(BreakEvenOf::Tariff(allowed), unit, tariff_value(scenario, cost))
}

/// That price, or why there is none.
fn tariff_value(scenario: &Scenario, allowed: f64) -> Result<Estimate, EconomicsReason> {
    if scenario.is_electricity_in_rent() {
        return Err(EconomicsReason::ElectricityInRent);
    }
    if scenario.joules.is_none() {
        return Err(EconomicsReason::EnergyUnknown);
    }

    let free = Scenario { tariff: Some(0.0), ..scenario.clone() };
    let one = Scenario { tariff: Some(1.0), ..scenario.clone() };
    let inputs = scenario.inputs();
    let value = propagate(&inputs, |values| {
        let base = free.total(&inputs, values);
        (allowed - base) / (one.total(&inputs, values) - base)
    });

    value.filter(|value| value.point > 0.0).ok_or(EconomicsReason::FreeElectricityTooLittle)
}

/// The utilization at which an inference costs `cost`: the cost is a + b ÷ u.
fn utilization_for(scenario: &Scenario, allowed: Allowed, cost: f64) -> BreakEven {
    let full = Scenario { utilization: 1.0, ..scenario.clone() };
    let half = Scenario { utilization: 0.5, ..scenario.clone() };
    let inputs = scenario.inputs();
    let value = propagate(&inputs, |values| {
        let whole = full.total(&inputs, values);
        let slope = half.total(&inputs, values) - whole;
        slope / (cost - (whole - slope))
    });

    let value = value.filter(|value| value.point > 0.0 && value.point <= 1.0);
    let value = value.ok_or(EconomicsReason::FullUseTooLittle);
    break_even(BreakEvenOf::Utilization(allowed), "share of hours".to_owned(), value)
}
