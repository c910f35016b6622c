//! Windows that something disturbed, and the windows that are measured in their place.

use infercost_analyzer::ledger::Ledger;
use infercost_core::interference::Interference;
use infercost_core::*;

use crate::scenario::{later, prices, run};
use crate::{analyze, faster, full, near};

/// A window in which another program kept one of two processors busy and its own threads had to wait.
fn disturb(window: &mut WindowRecord) {
    for inference in &mut window.inferences {
        if let Outcome::Completed { latency, arrivals, .. } = &mut inference.outcome {
            *latency *= 3;
            *arrivals = later(arrivals, 3.0);
        }
    }
    window.wall_time *= 3;
    window.interference = Some(Box::new(Interference {
        processors: Some(2),
        own: Some(window.wall_time / 2),
        others: Some(window.wall_time),
        queued: Some(window.wall_time / 2),
        ..Interference::default()
    }));
}

/// The same prompts again, as they would have been undisturbed.
fn again(window: &WindowRecord) -> WindowRecord {
    let mut again = WindowRecord { remeasures: Some(window.id.index), ..window.clone() };
    again.id.index += 1000;
    again.inferences.iter_mut().for_each(|inference| inference.repetition += 1);
    again
}

#[test]
fn a_window_that_is_measured_again_stands_in_place_of_the_disturbed_one() {
    let quiet = run("r1", 40, &[full(), faster("q8_0", 0.7)]);
    let mut record = quiet.clone();
    let place = record.windows.iter().position(|window| window.id.variant.as_str() == "tiny/q8_0").unwrap();
    let second = again(&record.windows[place]);
    disturb(&mut record.windows[place]);

    let disturbed = analyze(std::slice::from_ref(&record), &prices()).unwrap();
    record.windows.push(second);
    let measured_again = analyze(&[record], &prices()).unwrap();
    let undisturbed = analyze(&[quiet], &prices()).unwrap();

    let saving = |report: &report::Report| report.candidates[1].saving.unwrap();
    assert!((saving(&disturbed).point - saving(&undisturbed).point).abs() > 0.02, "{:?}", saving(&disturbed));
    near(saving(&measured_again).point, saving(&undisturbed).point);
    near(saving(&measured_again).lower, saving(&undisturbed).lower);

    // Quality never depends on time, and a second try is no second chance.
    let [one, other] = [&measured_again, &undisturbed].map(|report| &report.candidates[1]);
    assert_eq!((one.quality.task_score, one.verdict), (other.quality.task_score, other.verdict));
    assert_eq!((one.inferences, one.failure_rate), (other.inferences, other.failure_rate));

    let found = measured_again.interference.unwrap();
    assert_eq!((found.windows, found.watched, found.disturbed, found.remeasured), (9, 1, 1, 1));
    assert_eq!((found.left, found.disturbed_windows[0].measured_again_in.is_some()), (0, true));
    near(found.foreign_cpu_share.unwrap(), 0.5);
    assert_eq!(undisturbed.interference, None);
}

/// An open question says what stood in its way.
#[test]
fn what_is_not_settled_names_the_disturbance() {
    let mut record = run("r1", 40, &[full(), faster("q8_0", 1.0)]);
    disturb(&mut record.windows[1]);
    let report = analyze(&[record], &prices()).unwrap();
    let Recommendation::MeasureMore { why, .. } = &report.recommendation else {
        panic!("{:?}", report.recommendation)
    };
    assert!(why.contains("the machine was busy meanwhile"), "{why}");
    assert!(report.candidates[1].verdict == Verdict::Pass, "{:#?}", report.candidates[1].reasons);
}

/// What was disturbed is billed to nobody: the bill is that of the window in its place.
#[test]
fn what_was_measured_again_is_billed_once() {
    let mut record = run("r1", 40, &[full(), faster("q8_0", 0.7)]);
    let place = record.windows.iter().position(|window| window.id.variant.as_str() == "tiny/q8_0").unwrap();
    let second = again(&record.windows[place]);
    disturb(&mut record.windows[place]);
    record.windows.push(second);

    let report = analyze(std::slice::from_ref(&record), &prices()).unwrap();
    let ledger = Ledger::of(&record, &report);
    let q8_0 = &report.candidates[1];
    let of_q8_0 = || ledger.bills.iter().filter(|bill| bill.variant == q8_0.variant);
    let billed: f64 = of_q8_0().filter_map(|bill| bill.total).sum();
    near(billed, q8_0.cost.per_inference.unwrap().point * q8_0.answers as f64);

    let left_out: Vec<_> = of_q8_0().filter(|bill| bill.superseded).collect();
    assert_eq!(left_out.len(), 1);
    assert_eq!((left_out[0].inferences, left_out[0].total), (10, None));
    assert_eq!(ledger.unbilled()[0].why, infercost_core::Reason::MeasuredAgain);
}

/// A try that was cut off changes nothing: the disturbed window stays in its place.
#[test]
fn a_try_that_was_cut_off_stands_for_nothing() {
    let mut record = run("r1", 40, &[full(), faster("q8_0", 0.7)]);
    let place = record.windows.iter().position(|window| window.id.variant.as_str() == "tiny/q8_0").unwrap();
    let mut second = again(&record.windows[place]);
    disturb(&mut record.windows[place]);
    let before = analyze(std::slice::from_ref(&record), &prices()).unwrap();

    second.interrupted = true;
    second.inferences.truncate(3);
    record.windows.push(second);
    let after = analyze(&[record], &prices()).unwrap();
    assert_eq!(before.candidates[1].saving, after.candidates[1].saving);
    assert_eq!(before.candidates[1].inferences, after.candidates[1].inferences);
    let found = after.interference.unwrap();
    assert_eq!((found.disturbed, found.remeasured, found.left), (1, 0, 1));
}
