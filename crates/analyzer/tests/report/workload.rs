//! What one variant takes, and why that is unknown where it is.

use infercost_analyzer::workload;
use infercost_core::{Outcome, RunRecord, VariantId, WindowRecord};

use crate::full;
use crate::scenario::{run, run_in_blocks};

/// Why the baseline of that run has no workload.
fn refusal(record: RunRecord) -> String {
    workload(&[record], &VariantId::from("tiny/full"), 0.95).unwrap_err().to_string()
}

/// A window in which everything takes so many times as long.
fn stretch(window: &mut WindowRecord, factor: f64) {
    window.wall_time = window.wall_time.mul_f64(factor);
    for inference in &mut window.inferences {
        let since = inference.issued_at.duration_since(window.started_at).unwrap();
        inference.issued_at = window.started_at + since.mul_f64(factor);
        let Outcome::Completed { latency, .. } = &mut inference.outcome else { panic!("a failure") };
        *latency = latency.mul_f64(factor);
    }
}

/// Each refusal names what is so: windows that differ a hundredfold are no lack of answers.
#[test]
fn why_nothing_can_be_said_of_a_mean() {
    let mut differing = run_in_blocks("r1", 20, 10, &[full()]);
    stretch(&mut differing.windows[1], 100.0);
    let found = refusal(differing);
    assert!(found.starts_with("what an answer of variant tiny/full takes in run r1 is unknown: "), "{found}");
    assert!(found.contains("more than a factor of ten to either side"), "{found}");

    let mut timeless = run("r1", 20, &[full()]);
    timeless.windows.iter_mut().for_each(|window| stretch(window, 0.0));
    let found = refusal(timeless);
    assert!(found.contains("took no time"), "{found}");

    let found = refusal(run("r1", 1, &[full()]));
    assert!(found.contains("answered fewer than two prompts"), "{found}");

    let found = refusal(run("r1", 10, &[full()]));
    assert!(found.contains("in one window"), "{found}");
}
