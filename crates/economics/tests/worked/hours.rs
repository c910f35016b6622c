//! Prices by the hour: what waiting saves, over a day of 25 hours too.

use infercost_core::economics::Assumed;
use infercost_core::market::{Curve, CurveUnit, Slot};
use infercost_core::{Currency, Estimate};
use infercost_economics::Scenario;
use infercost_economics::optimization::saving_of_hours;
use infercost_economics::schedule::{Action, Job, Machine, Schedule, Window, schedule};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::sheet::{Sheet, rows};
use super::{certain, decimal, near, scenario};

#[test]
fn the_hour_of_day() {
    let (own, sheet) = (scenario(&Sheet::read("own")), Sheet::read("hours"));
    let (mut curve, _) = day();
    curve.slots.truncate(24);
    for (hour, slot) in curve.slots.iter_mut().enumerate() {
        let price = if hour % 12 < 5 { sheet.get("cheap") } else { sheet.get("costly") };
        slot.amount = Some(decimal(price));
    }
    for (utilization, cost, share) in
        [(sheet.get("used"), "own", "share"), (0.75, "own_at_75", "share_at_75")]
    {
        let now = Scenario { utilization, ..own.clone() };
        near(now.cost().unwrap().point, sheet.get(cost), cost);
        let found = saving_of_hours(&now, &curve, None).unwrap();
        near(found.saving.point, sheet.get(share), share);
        near(found.mean, sheet.get("mean"), "mean");
    }
}

/// The curve of the table, and the hours that it marks in a column.
fn day() -> (Curve, Vec<Vec<String>>) {
    let rows = rows("schedule");
    let mut slots = Vec::new();
    for row in &rows {
        let start: jiff::Timestamp = row[1].parse().unwrap();
        let end = start + jiff::SignedDuration::from_hours(1);
        slots.push(Slot { start, end, amount: Some(decimal(row[2].parse::<f64>().unwrap() / 1000.0)) });
    }
    let curve = Curve {
        unit: CurveUnit::PerKilowattHour(Currency::EUR),
        slots,
        zone: "DE-LU".into(),
        wholesale: false,
        source: "the example".into(),
        fetched_at: "2026-10-24T12:00:00Z".parse().unwrap(),
    };
    (curve.ordered().unwrap(), rows)
}

fn planned(restartable: bool, pue: f64) -> Schedule {
    let (curve, _) = day();
    let job = Job {
        inferences: 22_500.0,
        busy_s: certain(0.8),
        joules: Some(certain(48.0)),
        startup_s: 12.0,
        startup_joules: None,
        idle_w: Some(20.0),
        machine: Machine::OnForJob,
        interruptible: restartable,
        restartable,
        pue,
        energy_note: None,
    };
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let window = Window {
        now: curve.slots.first().unwrap().start,
        deadline: curve.slots.last().unwrap().end,
        step_s: Some(900),
        zone,
    };
    schedule(&job, &curve, None, &window).unwrap()
}

#[test]
fn schedule_over_a_day_of_25_hours() {
    let sheet = Sheet::read("schedule-totals");
    let (curve, rows) = day();
    assert_eq!(rows.len(), 25);

    // the table's local times are those of its moments, on both sides of the clock change
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    for (row, slot) in rows.iter().zip(&curve.slots) {
        assert_eq!(slot.start.to_zoned(zone.clone()).strftime("%H:%M %:z").to_string(), row[0]);
    }

    for (column, restartable, total, saved) in
        [(3, false, "contiguous", "saved_contiguous"), (4, true, "restartable", "saved_restartable")]
    {
        let plan = planned(restartable, 1.0);
        // all of the energy is the facility's, once
        near(planned(restartable, 1.5).total.unwrap().point, 1.5 * sheet.get(total), "PUE");
        let at_work = |slot: &Slot| {
            plan.blocks.iter().any(|block| {
                block.action == Action::Work && block.start <= slot.start && slot.end <= block.stop
            })
        };
        for (row, slot) in rows.iter().zip(&curve.slots) {
            assert_eq!(at_work(slot), row[column] == "x", "{total}, {}: {:?}", row[0], plan.blocks);
        }
        near(plan.total_now.unwrap().point, sheet.get("now"), "now");
        near(plan.total.unwrap().point, sheet.get(total), total);
        near(plan.saving.unwrap().point, sheet.get(saved), saved);
        assert_eq!(plan.more_than_noise, Some(true));
        let hours = plan.blocks.iter().filter(|block| block.action == Action::Work);
        let worked: i64 = hours.map(|block| block.stop.duration_since(block.start).as_hours()).sum();
        assert_eq!(worked, 5);
    }
}

/// Two hours of work at 60 W on a machine that idles at 20 W, to be done within four hours at these prices of an hour each,
/// in thousandths.
fn two_hours(prices: &[i64], change: impl FnOnce(&mut Job)) -> Schedule {
    let (mut curve, _) = day();
    curve.slots.truncate(prices.len());
    for (slot, price) in curve.slots.iter_mut().zip(prices) {
        slot.amount = Some(Decimal::new(*price, 3));
    }

    let mut job = Job {
        inferences: 7200.0,
        busy_s: certain(1.0),
        joules: Some(certain(60.0)),
        startup_s: 0.0,
        startup_joules: None,
        idle_w: Some(20.0),
        machine: Machine::OnForJob,
        interruptible: false,
        restartable: false,
        pue: 1.0,
        energy_note: None,
    };
    change(&mut job);

    let now = curve.slots[0].start;
    let deadline = now + jiff::SignedDuration::from_hours(4);
    schedule(&job, &curve, None, &Window { now, deadline, step_s: Some(900), zone: TimeZone::UTC }).unwrap()
}

/// Two hours of work in the cheapest two of six; the measured speed leaves open whether they are one or four. 60 W × 2 h
/// of energy at any speed, spread over as long as it takes.
#[test]
fn a_saving_that_the_speed_could_turn_is_not_settled() {
    let prices = [100, 100, 10, 10, 500, 500];

    let energy = 0.12;
    for (priced, upper, lower, settled, said) in [
        (6, 1.0, 0.09, Some(true), "more than measurement error"),
        // an hour and a half more would cost 500 each, of 3.5 hours, against 100, 100, 10 and half an hour at 10
        (6, 1.75, (215.0 - 770.0) / 3500.0, Some(false), "within measurement error"),
        (6, 2.0, (220.0 - 1020.0) / 4000.0, Some(false), "within measurement error"),
        (4, 2.0, 0.09, None, "without a known price"),
        (4, 1.0, 0.09, Some(true), "more than measurement error"),
    ] {
        let plan = two_hours(&prices[..priced], |job| {
            job.busy_s = Estimate { lower: 0.5, upper, ..certain(1.0) };
        });
        let saving = plan.saving.unwrap();
        near(saving.point, energy * 0.09, "saving");
        near(saving.lower, energy * lower, &format!("the slow end of {upper} with {priced} prices"));
        let why = plan.why.to_string();
        assert_eq!(plan.more_than_noise, settled, "{why}");
        assert!(why.contains(said) && why.contains("not settled") == (settled != Some(true)), "{why}");
        near(plan.kilowatt_hours.unwrap().point, energy, "energy");
    }
}

/// Two hours at 60 W, at 0.1 now and at 0.01 two hours later, on a machine that idles at 20 W: what waiting saves hangs on
/// when the machine is on.
#[test]
fn three_machines_wait_at_three_costs() {
    for (machine, total_now, saving) in [
        (Machine::OnForJob, 0.12 * 0.1, 0.12 * 0.09),
        // two hours of waiting at 20 W and 0.1
        (Machine::OnUntilJob, 0.12 * 0.1, 0.12 * 0.09 - 0.04 * 0.1),
        // it idles then anyway: 40 W more while it works
        (Machine::AlwaysOn, 0.08 * 0.1, 0.08 * 0.09),
    ] {
        let plan = two_hours(&[100, 100, 10, 10], |job| job.machine = machine);
        near(plan.total_now.unwrap().point, total_now, &format!("{machine:?} now"));
        near(plan.saving.unwrap().point, saving, &format!("{machine:?}"));
        let wanted = match machine {
            Machine::OnForJob => Assumed::OnForJob,
            Machine::OnUntilJob => Assumed::OnUntilJob,
            Machine::AlwaysOn => Assumed::AlwaysOn,
        };
        assert!(plan.assumptions.iter().any(|one| one.what.0 == wanted), "{:?}", plan.assumptions);
    }
}
