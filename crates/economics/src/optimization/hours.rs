//! What working in the cheap hours saves.

use infercost_core::market::Curve;
use infercost_core::{EconomicsReason, Estimate};

use crate::scenario::{Acquisition, Scenario};
use crate::schedule::{Retail, paid};
use infercost_cost::JOULES_PER_KILOWATT_HOUR;
use infercost_stats::propagation::propagate;

/// Quarters of an hour looked at: those of 40 days.
const MOST: usize = 96 * 40;
/// The least share of the hours that work is spread over: a machine used less still cannot wait for the one
/// cheapest hour, since requests come when they come.
const LEAST_SHARE: f64 = 1.0 / 3.0;

/// The saving, and the hours that it supposes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HourSaving {
    /// Share of the present cost.
    pub saving: Estimate,
    /// Share of the hours that the work is put into, the cheapest of all: the utilization, at least a third.
    pub share: f64,
    /// Hours with a known price.
    pub hours: f64,
    /// Mean of what is paid per kWh over all of them.
    pub mean: f64,
    /// Mean over the cheapest share of them.
    pub cheapest: f64,
}

/// What the cost of an inference falls by where work is put into the cheapest hours of the curve, of which it needs
/// as many as the machine is busy. `retail` turns exchange prices into what is paid.
///
/// Over hours h with prices p, a machine that stays on takes Σ p_h × (P_idle + (P_work − P_idle) × share of h at work).
/// So idle power costs the same whenever the work is done, and only the joules above it get cheaper:
/// (joules − P_idle × busy s) × PUE × (mean price − mean of the cheapest hours). An adder is paid in every hour and
/// drops out of the difference; a tax does not.
///
/// # Errors
/// Why it cannot be known: electricity in the rent or without a price, energy or idle power unknown, no prices.
pub fn saving_of_hours(
    now: &Scenario,
    curve: &Curve,
    retail: Option<Retail>,
) -> Result<HourSaving, EconomicsReason> {
    if matches!(now.acquisition, Acquisition::Rented { includes_electricity: true, .. }) {
        return Err(EconomicsReason::OneRentForAllHours);
    }

    if now.tariff.is_none() {
        return Err(EconomicsReason::NoTariffShare);
    }

    if now.joules.is_none() {
        return Err(EconomicsReason::NoEnergyShare);
    }

    let Some(idle_w) = now.idle_w else {
        return Err(EconomicsReason::NoIdlePower);
    };
    let mut prices = quarter_hours(curve, retail);
    prices.sort_unstable_by(f64::total_cmp);
    if prices.len() < 4 {
        return Err(EconomicsReason::ShortCurve);
    }

    let share = now.utilization.clamp(LEAST_SHARE, 1.0);
    let mean = prices.iter().sum::<f64>() / prices.len() as f64;
    let cheapest = mean_of_first(&prices, share);

    let per_joule = (mean - cheapest) * now.pue / JOULES_PER_KILOWATT_HOUR;
    let inputs = now.inputs();
    let saving = propagate(&inputs, |at| match at {
        [busy_s, joules, ..] => (joules - idle_w * busy_s) * per_joule / now.total(&inputs, at),
        _ => f64::NAN,
    });
    let saving = saving.ok_or(EconomicsReason::NoCost)?;
    Ok(HourSaving { saving, share, hours: prices.len() as f64 / 4.0, mean, cheapest })
}

/// What is paid, one price for each quarter of an hour, so that each counts by its length. A slot without a price
/// has none.
fn quarter_hours(curve: &Curve, retail: Option<Retail>) -> Vec<f64> {
    let mut prices = Vec::new();

    for slot in &curve.slots {
        let amount = slot.amount.map(|amount| paid(amount, retail)).filter(|amount| amount.is_finite());
        let Some(amount) = amount else { continue };

        let length = slot.end.as_second().saturating_sub(slot.start.as_second());
        let quarters = usize::try_from(length / 900).unwrap_or(0).clamp(1, MOST);
        prices.extend(std::iter::repeat_n(amount, quarters.min(MOST - prices.len())));
    }

    prices
}

/// Mean of the first `share` of the prices; the last of them counts by the part of it that is needed.
fn mean_of_first(sorted: &[f64], share: f64) -> f64 {
    let needed = sorted.len() as f64 * share;
    let mut left = needed;
    let mut sum = 0.0;
    for price in sorted {
        let part = left.clamp(0.0, 1.0);
        sum += price * part;
        left -= part;
    }

    sum / needed
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use infercost_core::Currency;
    use infercost_core::market::{CurveUnit, Slot};
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::ownership::Owned;
    use infercost_stats::propagation::exact;

    /// 100 J and 1 s an inference, 20 W idle, hardware 1 EUR an hour.
    fn scenario(utilization: f64) -> Scenario {
        Scenario {
            currency: Currency::EUR,
            acquisition: Acquisition::Owned(Owned {
                purchase: 8760.0,
                salvage_share: 0.0,
                life_years: 1.0,
                interest: 0.0,
            }),
            tariff: Some(0.36),
            pue: 1.0,
            operation_per_hour: None,
            utilization,
            busy_s: exact(1.0),
            joules: Some(exact(100.0)),
            energy_note: None,
            idle_w: Some(20.0),
            prefill_share: None,
        }
    }

    /// An hour for each price in EUR/MWh.
    fn curve(prices: &[Option<i64>]) -> Curve {
        let hour = |index: usize| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(index as i64);
        let slot = |(index, price): (usize, &Option<i64>)| Slot {
            start: hour(index),
            end: hour(index + 1),
            amount: price.map(|price| rust_decimal::Decimal::new(price, 3)),
        };
        Curve {
            unit: CurveUnit::PerKilowattHour(Currency::EUR),
            slots: prices.iter().enumerate().map(slot).collect(),
            zone: String::new(),
            wholesale: true,
            source: "a table".into(),
            fetched_at: Timestamp::UNIX_EPOCH,
        }
    }

    const DAY: [Option<i64>; 6] = [Some(100), Some(200), Some(300), Some(100), Some(300), Some(200)];

    /// Mean 200; at each utilization the mean of the hours that the work needs, by hand.
    #[test]
    fn only_the_hours_that_the_work_needs_and_only_what_it_takes_above_idling() {
        for (utilization, share, cheapest) in [
            (0.1, 1.0 / 3.0, 100.0),
            (1.0 / 3.0, 1.0 / 3.0, 100.0),
            (0.5, 0.5, (100.0 + 100.0 + 200.0) / 3.0),
            // 5.4 of six hours
            (0.9, 0.9, (2.0 * 100.0 + 2.0 * 200.0 + 1.4 * 300.0) / 5.4),
            (1.0, 1.0, 200.0),
        ] {
            let now = scenario(utilization);
            let found = saving_of_hours(&now, &curve(&DAY), None).unwrap();
            let cost = (100.0 + 20.0 * (1.0 / utilization - 1.0)) * 1e-7 + 1.0 / 3600.0 / utilization;
            let wanted = 80.0 * (200.0 - cheapest) / 1000.0 / 3.6e6 / cost;
            assert!((found.saving.point - wanted).abs() < 1e-12, "{utilization}: {found:?}, not {wanted}");
            assert!((found.share - share).abs() < 1e-12, "{found:?}");
        }
    }

    /// What is saved is what the two days cost apart, hour by hour, for a machine that stays on.
    #[test]
    fn the_day_hour_by_hour() {
        let prices = DAY.map(|price| price.unwrap() as f64 / 1000.0 / 3.6e6);
        // half of the six hours are work: 3 h × 3600 inferences
        let (work_w, idle_w) = (100.0, 20.0);
        let spread: f64 = prices.iter().map(|price| price * 3600.0 * f64::midpoint(work_w, idle_w)).sum();
        let cheap = |hour: usize| matches!(hour, 0 | 1 | 3);
        let packed = prices
            .iter()
            .enumerate()
            .map(|(hour, price)| price * 3600.0 * if cheap(hour) { work_w } else { idle_w });
        let of_one = (spread - packed.sum::<f64>()) / (3.0 * 3600.0);
        let now = scenario(0.5);
        let found = saving_of_hours(&now, &curve(&DAY), None).unwrap().saving.point;
        assert!((found * now.cost().unwrap().point - of_one).abs() < 1e-15, "{found}");
    }

    #[test]
    fn an_adder_drops_out_and_a_tax_does_not() {
        let saving = |retail| saving_of_hours(&scenario(0.5), &curve(&DAY), retail).unwrap().saving.point;
        let plain = saving(None);
        let found = saving(Some(Retail { adder: 0.15, tax: 0.19 }));
        assert!((found / plain - 1.19).abs() < 1e-9, "{found} of {plain}");
    }

    #[test]
    fn what_is_unknown_promises_nothing() {
        let now = scenario(0.5);
        let rented = Acquisition::Rented { per_hour: 1.0, includes_electricity: true };
        for (now, prices, wanted) in [
            (Scenario { acquisition: rented, ..now.clone() }, &DAY[..], EconomicsReason::OneRentForAllHours),
            (Scenario { tariff: None, ..now.clone() }, &DAY[..], EconomicsReason::NoTariffShare),
            (Scenario { joules: None, ..now.clone() }, &DAY[..], EconomicsReason::NoEnergyShare),
            (Scenario { idle_w: None, ..now.clone() }, &DAY[..], EconomicsReason::NoIdlePower),
            (now, &[None, None][..], EconomicsReason::ShortCurve),
        ] {
            let reason = saving_of_hours(&now, &curve(prices), None).unwrap_err();
            assert_eq!(reason, wanted);
        }
    }
}
