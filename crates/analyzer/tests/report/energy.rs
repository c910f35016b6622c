//! What a report says of energy that was estimated, or metered too coarsely.

use infercost_core::*;
use proptest::prelude::*;

use super::scenario::{Behavior, prices, run};
use super::{analyze, faster, full};

/// The runs of `behaviors` with every reading put through `change`.
fn changed(behaviors: &[Behavior], change: impl Fn(&mut EnergyReading)) -> RunRecord {
    let mut record = run("r1", 100, behaviors);
    record.windows.iter_mut().map(|window| &mut window.energy).for_each(&change);
    record.idles.iter_mut().map(|idle| &mut idle.energy).for_each(&change);
    record
}

fn estimated(reading: &mut EnergyReading) {
    let scope = reading.scope();
    let energy = reading.joules().unwrap();
    let method = EstimationMethod::GivenWatts { watts: Watts::new(50.0) };
    *reading = EnergyReading::Estimated { energy, scope, method };
}

#[test]
fn an_estimate_is_called_one_and_recommends_nothing() {
    // The same speed at half the power: only energy could make it cheaper.
    let frugal = Behavior { watts: Some(10.0), ..Behavior::named("q8_0") };
    let behaviors = [full(), frugal];
    let measured = analyze(&[changed(&behaviors, |_| {})], &prices()).unwrap();
    assert!(matches!(measured.recommendation, Recommendation::Switch { .. }), "{measured:#?}");

    let report = analyze(&[changed(&behaviors, estimated)], &prices()).unwrap();
    assert!(matches!(report.recommendation, Recommendation::MeasureMore { .. }), "{report:#?}");
    let candidate = &report.candidates[1];
    assert_eq!(candidate.energy.source, EnergySource::Estimated);
    assert_eq!(report.energy.as_ref().map(|totals| totals.source), Some(EnergySource::Estimated));
    assert!(candidate.energy.per_inference_j.is_some() && candidate.cost.components.energy.is_some());
    assert!(candidate.saving.unwrap().point.abs() < 1e-9, "{:?}", candidate.saving);
    let note = "Energy is estimated, not measured: 50 W as given, × time. Costs hold the estimate; savings \
                and the recommendation leave energy out.";
    assert!(report.notes.iter().any(|found| found == note), "{:#?}", report.notes);
}

#[test]
fn one_estimated_window_is_enough_to_leave_energy_out() {
    let frugal = Behavior { watts: Some(10.0), ..Behavior::named("q8_0") };
    let mut record = run("r1", 100, &[full(), frugal]);
    estimated(&mut record.windows[1].energy);
    let report = analyze(&[record], &prices()).unwrap();
    // a sum that holds an estimate is never a bare number
    assert_eq!(report.candidates[1].energy.source, EnergySource::Estimated);
    assert_eq!(report.candidates[0].energy.source, EnergySource::Counter);
    let said = "Energy is estimated, not measured in 1 of 20 windows: 50 W as given";
    assert!(report.notes.iter().any(|note| note.starts_with(said)), "{:#?}", report.notes);
    assert!(matches!(report.recommendation, Recommendation::MeasureMore { .. }), "{report:#?}");
}

/// By hand: 10 windows a variant at 50 W; idle 20 W with the models resident, 18 W before and 30 W after.
#[test]
fn totals_add_up_and_idle_drift_is_said() {
    let mut record = run("r1", 100, &[full(), faster("q8_0", 0.7)]);
    let resident = record.idles[0].clone();
    for (phase, watts) in [(IdlePhase::BeforeLoad, 18.0), (IdlePhase::After, 30.0)] {
        let mut idle = IdleRecord { phase, ..resident.clone() };
        if let EnergyReading::Measured { energy, .. } = &mut idle.energy {
            *energy = Watts::new(watts) * idle.wall_time;
        }
        record.idles.push(idle);
    }
    let report = analyze(std::slice::from_ref(&record), &prices()).unwrap();
    let totals = report.energy.unwrap();
    let seconds: f64 = record.windows.iter().map(|window| window.wall_time.as_secs_f64()).sum();
    let close = |one: f64, other: f64| (one - other).abs() <= 1e-9 * other.abs().max(1.0);
    assert!(close(totals.gross_j, 50.0 * seconds), "{totals:?}");
    assert!(close(totals.net_j.unwrap(), 30.0 * seconds), "{totals:?}");
    let shares: f64 =
        report.candidates.iter().map(|one| one.energy.per_inference_j.unwrap().point * 100.0).sum();
    assert!(close(shares + totals.unattributed_j, totals.gross_j), "{totals:?}");
    assert!(totals.unattributed_j > 0.0, "{totals:?}");
    assert_eq!((totals.source, totals.meters.as_slice()), (EnergySource::Counter, &["rapl".to_owned()][..]));
    assert_eq!(totals.covers, [EnergyScope::of([EnergyDomain::CpuPackage])]);
    let watts = [totals.idle.before_load_w, totals.idle.resident_w, totals.idle.after_w];
    assert_eq!(watts.map(|watts| watts.map(f64::round)), [Some(18.0), Some(20.0), Some(30.0)]);
    assert!(close(totals.idle.drift.unwrap(), 0.5));
    let note = "Idle power drifted from 20.0 W to 30.0 W over the run (+50 %)";
    assert!(report.notes.iter().any(|found| found.starts_with(note)), "{:#?}", report.notes);

    // idle power of another boundary is no drift
    if let EnergyReading::Measured { scope, .. } = &mut record.idles[2].energy {
        *scope = EnergyScope::of([EnergyDomain::Wall]);
    }
    let report = analyze(&[record], &prices()).unwrap();
    assert_eq!(report.energy.unwrap().idle.drift, None);
    assert!(!report.notes.iter().any(|note| note.contains("drifted")), "{:#?}", report.notes);
}

/// What a board shows at the end, and the note that follows.
type Doubt<'a> = (&'a dyn Fn(&mut BoardState), &'a str);

#[test]
fn what_boards_showed_at_both_ends_is_said() {
    let said = |change: &dyn Fn(&mut BoardState), check: Option<(f64, f64)>| {
        let mut record = run("r1", 100, &[full(), faster("q8_0", 0.7)]);
        let calm = BoardState {
            name: "Board".into(),
            uuid: "GPU-1".into(),
            temperature_c: Some(45),
            other_processes: Some(0),
            ..BoardState::default()
        };
        let mut hot = calm.clone();
        change(&mut hot);
        record.idles[0].boards = vec![calm];
        let after = IdleRecord { phase: IdlePhase::After, boards: vec![hot], ..record.idles[0].clone() };
        record.idles.push(after);
        record.idles[1].cross_checks = check
            .map(|(counted, integrated)| CrossCheck {
                name: "Board GPU-1".into(),
                counted: Joules::new(counted),
                integrated: Joules::new(integrated),
                windows: 12,
            })
            .into_iter()
            .collect();
        let notes = analyze(&[record], &prices()).unwrap().notes;
        notes.into_iter().filter(|note| note.contains("GPU-1")).collect::<Vec<_>>()
    };

    assert_eq!(said(&|_| {}, Some((100.0, 109.0))), Vec::<String>::new());
    let doubts: [Doubt<'_>; 3] = [
        (
            &|board| board.throttle_reasons = vec!["sw thermal slowdown".into()],
            "Board (GPU-1) was held back after the last window: sw thermal slowdown; speed and energy are those of a \
             slowed board.",
        ),
        (
            &|board| board.other_processes = Some(2),
            "Board (GPU-1) was shared with 2 other processes after the last window: its joules are theirs too.",
        ),
        (
            &|board| board.temperature_c = Some(80),
            "Board (GPU-1) was at 45 °C before the first window and at 80 °C after the last window; its power follows \
             its heat.",
        ),
    ];

    for (change, note) in doubts {
        assert_eq!(said(change, None), [note]);
    }
    assert_eq!(
        said(&|_| {}, Some((187.0, 327.0))),
        [
            "The integral of Board GPU-1's power is 75 % above its energy counter (327.0 J against 187.0 J over 12 \
          windows); joules are the counter's, and doubtful."
        ]
    );
}

#[test]
fn windows_of_few_updates_are_said() {
    let few = |reading: &mut EnergyReading| {
        if let EnergyReading::Measured { updates, .. } = reading {
            *updates = 7;
        }
    };
    let said = |record: RunRecord| {
        let report = analyze(&[record], &prices()).unwrap();
        report.notes.iter().find(|note| note.contains("updates of the meter")).cloned()
    };
    let behaviors = [full(), faster("q8_0", 0.7)];
    let note = said(changed(&behaviors, few)).unwrap();
    assert!(note.starts_with("20 of 20 metered windows") && note.contains("shortest 7"), "{note}");
    let mut one = run("r1", 100, &behaviors);
    few(&mut one.windows[3].energy);
    assert!(said(one).unwrap().starts_with("1 of 20"));
    assert_eq!(said(run("r1", 100, &behaviors)), None);
}

fn wall(factor: f64, offset: f64) -> WallFactor {
    WallFactor {
        factor,
        offset: Watts::new(offset),
        residual: 0.02,
        windows: 8,
        date: "2026-01-02".parse().unwrap(),
        host: "rapl".into(),
        wall: "a plug".into(),
    }
}

/// By hand: 50 W and idle 20 W become 1.2 × that + 8 W; 0.30 per kWh, PUE 1.2, half the hours used.
#[test]
fn energy_is_billed_at_the_wall_once() {
    let mut record = run("r1", 50, &[full(), faster("q8_0", 0.7)]);
    let bare = analyze(std::slice::from_ref(&record), &prices()).unwrap();
    record.header.machine.wall_factor = Some(wall(1.2, 8.0));
    let report = analyze(std::slice::from_ref(&record), &prices()).unwrap();
    let (before, after) = (&bare.candidates[0], &report.candidates[0]);
    assert_eq!(before.energy, after.energy, "joules stay the meter's own");
    let ratio = |of: fn(&report::CostComponents) -> Option<f64>| {
        of(&after.cost.components).unwrap() / of(&before.cost.components).unwrap()
    };
    assert!((ratio(|parts| parts.energy) - (1.2 * 50.0 + 8.0) / 50.0).abs() < 1e-6);
    assert!((ratio(|parts| parts.idle) - (1.2 * 20.0 + 8.0) / 20.0).abs() < 1e-6);
    assert!((ratio(|parts| parts.hardware) - 1.0).abs() < 1e-9);
    let note = "Costs take energy at the wall: 1.200 × the meter + 8.0 W, fitted on 2026-01-02 against a plug over 8 \
                windows (residual 2 %). Joules are the meter's own.";
    assert!(report.notes.iter().any(|found| found == note), "{:#?}", report.notes);

    // A factor from a damaged file, or one that runs do not share, bills nothing.
    for factor in [wall(f64::NAN, 0.0), wall(1e9, 0.0), wall(1.2, f64::INFINITY)] {
        record.header.machine.wall_factor = Some(factor);
        let report = analyze(std::slice::from_ref(&record), &prices()).unwrap();
        assert_eq!(report.candidates[0].cost, before.cost);
        assert!(report.notes.iter().any(|note| note.contains("wall factor")), "{:#?}", report.notes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Net is gross less idle × time, below zero too; shares and rest are the meter's difference.
    #[test]
    fn net_is_gross_less_idle(watts in 0.0_f64..500.0, slowness in 0.1_f64..5.0, prompts in 2_usize..40) {
        let behavior = Behavior { watts: Some(watts), ..faster("q8_0", slowness) };
        let record = run("r1", prompts, &[full(), behavior]);
        let seconds: f64 = record
            .windows
            .iter()
            .filter(|window| window.id.variant.variant_name() == "q8_0")
            .map(|window| window.wall_time.as_secs_f64())
            .sum();
        let report = analyze(&[record], &prices()).unwrap();
        let energy = &report.candidates[1].energy;
        let (gross, net) = (energy.gross_j.unwrap(), energy.net_j.unwrap());
        prop_assert!((gross - watts * seconds).abs() <= 1e-9 * gross);
        prop_assert!((net - (gross - 20.0 * seconds)).abs() <= 1e-9 * (gross + 20.0 * seconds));
        // The made-up windows hold ten prompts; a single one has no interval.
        prop_assert_eq!(energy.per_inference_j.is_some(), prompts > 10);
        if let Some(each) = energy.per_inference_j {
            let shared = each.point * prompts as f64 + energy.unattributed_j.unwrap();
            prop_assert!((shared - gross).abs() <= 1e-9 * gross);
        }
    }
}

/// A machine that idles at twice the power the second time: each run's energy is less its own.
#[test]
fn idle_power_is_that_of_the_run() {
    let mut other = run("r2", 20, &[full(), faster("q8_0", 0.7)]);
    for idle in &mut other.idles {
        idle.energy = match idle.energy.clone() {
            EnergyReading::Measured { energy, scope, source, updates } => {
                EnergyReading::Measured { energy: energy + energy, scope, source, updates }
            }
            other => other,
        };
    }
    let runs = [run("r1", 60, &[full(), faster("q8_0", 0.7)]), other];
    let seconds = |run: &RunRecord| -> f64 {
        let windows = run.windows.iter().filter(|window| window.id.variant.variant_name() == "q8_0");
        windows.map(|window| window.wall_time.as_secs_f64()).sum()
    };
    let (one, two) = (seconds(&runs[0]), seconds(&runs[1]));
    let energy = &analyze(&runs, &prices()).unwrap().candidates[1].energy;
    let net = energy.gross_j.unwrap() - 20.0 * one - 40.0 * two;
    assert!((energy.net_j.unwrap() - net).abs() < 1e-6, "{energy:?} {net}");
    assert!((energy.idle_w.unwrap() - (20.0 * one + 40.0 * two) / (one + two)).abs() < 1e-9);
}
