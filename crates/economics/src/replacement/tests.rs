//! What the load and unknown power do to the decision.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
use super::*;

fn between(lower: f64, point: f64, upper: f64) -> Estimate {
    Estimate { point, lower, upper, confidence: 0.95, n: 40 }
}

fn workload(run: &str, busy_s: Estimate, joules: f64, idle_w: Option<f64>) -> Workload {
    Workload {
        variant: "model/full".into(),
        run: run.into(),
        date: "2026-11-23".parse().unwrap(),
        machine: run.into(),
        prompts_sha256: "00".into(),
        inferences: 40,
        failures: 0,
        threads: None,
        concurrency: Some(1),
        busy_s,
        prefill_share: None,
        joules: Some(between(joules, joules, joules)),
        energy_source: infercost_core::EnergySource::Counter,
        energy_note: None,
        idle_w,
        load_s: None,
        input_tokens: None,
        output_tokens: None,
        correct: None,
        per_output_token: None,
        per_right_answer: None,
    }
}

/// Electricity at 0.36 EUR/kWh is 1e-7 EUR a joule.
fn terms(requests_per_hour: Option<f64>, new_price: f64) -> Terms {
    Terms {
        currency: Currency::EUR,
        requests_per_hour,
        hours_per_day: 24.0,
        max_utilization: 0.5,
        tariff: Some(0.36),
        pue: 1.0,
        operation_per_hour: Some(0.1),
        resale: 400.0,
        yearly_decline: 0.3,
        new: Owned { purchase: new_price, salvage_share: 0.0, life_years: 4.0, interest: 0.0 },
        assumptions: Vec::new(),
    }
}

/// One machine answers what one machine answers, at both ends of its interval.
#[test]
fn the_load_of_one_machine_needs_one() {
    let old = workload("old", between(0.9, 1.0, 1.1), 100.0, Some(20.0));
    let new = workload("new", between(0.45, 0.5, 0.55), 30.0, Some(10.0));
    let found = replacement(&old, &new, &terms(None, 1000.0));
    assert_eq!((found.old.machines, found.new.machines), (1, 1));
    let outlay = found.outlay.unwrap();
    assert!(outlay.upper - outlay.lower < 1e-9, "{outlay:?}");
    // half of the time at 100 J a second, half at 20 W, however fast it is
    let (energy, wanted) = (found.old.energy.unwrap(), 60.0 * 8760.0 * 3600.0 * 1e-7);
    assert!((energy.point / wanted - 1.0).abs() < 1e-9, "{energy:?}");
    let (saving, outlay) = (found.yearly_saving.unwrap(), 600.0);
    assert!(saving.lower > 0.5 * saving.point && saving.upper < 1.5 * saving.point, "{saving:?}");
    let months = found.payback_months.unwrap();
    assert!((months.point - outlay / saving.point * 12.0).abs() < 1e-9, "{months:?}");
    // a load that is given stays as it is given
    let given = replacement(&old, &new, &terms(Some(1800.0), 1000.0));
    assert!(given.outlay.unwrap().lower < outlay - 1.0, "{:?}", given.outlay);
}

/// At 1800 requests an hour both machines are busy half of the time or less: an unknown idle power counts on neither
/// side, and where it could turn the answer there is none.
#[test]
fn idle_power_of_one_machine_decides_nothing() {
    let certain = |value: f64| between(value, value, value);
    let old = |idle_w| workload("old", certain(1.0), 100.0, idle_w);
    let new = |idle_w| workload("new", certain(0.5), 30.0, idle_w);
    let energy = |joules: f64| 1800.0 * 8760.0 * joules * 1e-7;

    for (old_idle, new_idle, new_price, wanted) in [
        // 110 EUR less energy a year; idle power of 20 W is 31.5 and of 10 W 23.7 EUR of it
        (Some(20.0), Some(10.0), 800.0, Decision::Replace),
        (Some(20.0), Some(10.0), 3000.0, Decision::Keep),
        // unknown, up to 100 W (158 EUR) or 60 W (142 EUR)
        (None, Some(10.0), 800.0, Decision::Replace),
        (Some(20.0), None, 800.0, Decision::Open),
        (None, Some(10.0), 1200.0, Decision::Open),
        (None, None, 800.0, Decision::Open),
        (None, None, 3000.0, Decision::Keep),
        (Some(20.0), None, 3000.0, Decision::Keep),
    ] {
        let found = replacement(&old(old_idle), &new(new_idle), &terms(Some(1800.0), new_price));
        let case = format!("{old_idle:?} {new_idle:?} {new_price}: {}", found.why);
        assert_eq!(found.decision, wanted, "{case}");
        let known = old_idle.is_some() && new_idle.is_some();
        assert_eq!(found.left_out.holds(CostPart::Idle), !known, "{case}");
        if !known {
            let saving = found.yearly_saving.unwrap().point;
            assert!((saving - energy(70.0)).abs() < 1e-9, "{case}: {saving}");
            assert!((found.new.energy.unwrap().point - energy(30.0)).abs() < 1e-9, "{case}");
            assert!(found.why.to_string().contains("idle power"), "{case}");
        }
    }
}
