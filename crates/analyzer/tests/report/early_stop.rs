//! Runs that drop candidates on the way, played block by block, beside the same runs to their end.

use std::collections::HashMap;

use infercost_analyzer::early_stop::{StopReason, early_stopped};
use infercost_analyzer::sequential::planned_looks;
use infercost_core::report::{CandidateReport, Report};
use infercost_core::*;

use crate::scenario::{Behavior, prices, run};
use crate::{analyze, faster, full};

const BLOCK: usize = 10;

/// A made-up run with looks.
fn with_looks(prompts: usize, behaviors: &[Behavior]) -> RunRecord {
    let mut record = run("r1", prompts, behaviors);
    record.header.looks = Some(planned_looks(prompts, BLOCK, prompts));
    record
}

/// The part of a run in which each variant has answered so many prompts.
fn cut(record: &RunRecord, answered: &HashMap<VariantId, usize>, rest: usize) -> RunRecord {
    let has = |variant: &VariantId, prompt: &PromptId| {
        let place = record.header.prompts.chosen.iter().position(|chosen| chosen == prompt).unwrap();
        place < answered.get(variant).copied().unwrap_or(rest)
    };
    let mut part = record.clone();
    for window in &mut part.windows {
        window.inferences.retain(|inference| has(&window.id.variant, &inference.prompt));
    }
    part.windows.retain(|window| !window.inferences.is_empty());
    part.evaluations.retain(|evaluation| has(&evaluation.variant, &evaluation.prompt));
    part
}

/// Plays a run as it is measured. Gives what is on disk in the end, and who stopped when and why.
fn play(record: &RunRecord) -> (RunRecord, HashMap<VariantId, (usize, StopReason)>) {
    let prompts = record.header.prompts.chosen.len();
    let mut stopped: HashMap<VariantId, (usize, StopReason)> = HashMap::new();
    let mut seen = 0;
    while seen < prompts && stopped.len() + 1 < record.header.variants.len() {
        seen = (seen + BLOCK).min(prompts);
        let answered = stopped.iter().map(|(variant, (at, _))| (variant.clone(), *at)).collect();
        for (variant, why) in early_stopped(&cut(record, &answered, seen)).unwrap() {
            stopped.entry(variant).or_insert((seen, why));
        }
    }
    let answered = stopped.iter().map(|(variant, (at, _))| (variant.clone(), *at)).collect();
    let mut end = cut(record, &answered, seen);
    end.finished_at = Some(std::time::SystemTime::UNIX_EPOCH);
    (end, stopped)
}

fn both(prompts: usize, behaviors: &[Behavior]) -> (Report, Report, HashMap<VariantId, (usize, StopReason)>) {
    let (record, stopped) = play(&with_looks(prompts, behaviors));
    let exhaustive = analyze(&[run("r1", prompts, behaviors)], &prices()).unwrap();
    (analyze(&[record], &prices()).unwrap(), exhaustive, stopped)
}

fn q8_0() -> Behavior {
    Behavior { kld: Some(|i| 0.004 + 0.003 * (i % 7) as f64), ..faster("q8_0", 0.6) }
}

/// As far off as Q4_0 made from Q4_1 is, and cheaper still.
fn q4_0() -> Behavior {
    Behavior {
        kld: Some(|i| 0.08 + 0.06 * (i % 6) as f64),
        score: |i| if i.is_multiple_of(3) { 0.0 } else { 1.0 },
        ..faster("q4_0", 0.5)
    }
}

fn verdicts(report: &Report) -> Vec<Verdict> {
    report.candidates.iter().map(|candidate| candidate.verdict).collect()
}

fn task_margin(candidate: &CandidateReport) -> f64 {
    candidate.gates.iter().find(|gate| gate.gate == Gate::TaskScore).unwrap().threshold
}

#[test]
fn the_answer_is_that_of_the_whole_run() {
    let (early, exhaustive, stopped) = both(60, &[full(), q8_0(), q4_0()]);
    assert_eq!(stopped[&VariantId::from("tiny/q4_0")], (20, StopReason::Failed));
    assert_eq!(early.candidates[2].inferences, 20);
    assert_eq!(verdicts(&early), verdicts(&exhaustive));
    assert_eq!(verdicts(&early), [Verdict::Pass, Verdict::Pass, Verdict::Fail]);
    let winner = |report: &Report| match &report.recommendation {
        Recommendation::Switch { variant, .. } => variant.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(winner(&early), winner(&exhaustive));
    assert!(
        early.notes.iter().any(|note| note.starts_with("Stopped early, of 60 prompts: q4_0 after 20.")
            || note.contains("q4_0 after 20")),
        "{:#?}",
        early.notes
    );
    assert!(!exhaustive.notes.iter().any(|note| note.starts_with("Stopped early")));
}

#[test]
fn the_margin_is_that_of_the_plan() {
    let (early, exhaustive, stopped) = both(400, &[full(), q8_0(), q4_0()]);
    assert!(stopped[&VariantId::from("tiny/q8_0")].0 < 400, "{stopped:?}");
    for (one, other) in early.candidates.iter().zip(&exhaustive.candidates).skip(1) {
        assert!((task_margin(one) - task_margin(other)).abs() < 1e-12);
    }
    assert_eq!(verdicts(&early), verdicts(&exhaustive));
}

#[test]
fn a_dearer_candidate_goes_and_its_verdict_stays_open() {
    let open = |i: usize| if i.is_multiple_of(5) || i % 12 == 1 { 0.0 } else { 1.0 };
    let dearer = Behavior { score: open, ..faster("q6_k", 1.4) };
    let (early, exhaustive, stopped) = both(60, &[full(), q8_0(), dearer]);
    assert_eq!(stopped[&VariantId::from("tiny/q6_k")], (40, StopReason::Costlier));
    assert_eq!(early.candidates[2].verdict, Verdict::Inconclusive);
    assert!(matches!((&early.recommendation, &exhaustive.recommendation),
        (Recommendation::Switch { variant: one, .. }, Recommendation::Switch { variant: other, .. }) if one == other));
}

#[test]
fn the_second_copy_goes_when_nothing_is_left_to_compare() {
    let copy = Behavior { noise_floor: true, ..faster("full-again", 1.0) };
    let (early, _, stopped) = both(60, &[full(), copy, q4_0()]);
    assert_eq!(stopped[&VariantId::from("tiny/full-again")], (20, StopReason::NothingToCompare));
    assert_eq!(early.candidates[0].inferences, 20);
    assert!(matches!(early.recommendation, Recommendation::KeepBaseline { .. }));
}

/// Cut off anywhere, a run says again who had stopped, and nothing of a block that is not whole.
#[test]
fn asked_again_it_answers_the_same() {
    let record = with_looks(60, &[full(), q8_0(), q4_0()]);
    let q4_0 = VariantId::from("tiny/q4_0");
    for seen in (20..60).step_by(7) {
        let answered = HashMap::from([(q4_0.clone(), 20)]);
        let names: Vec<VariantId> = early_stopped(&cut(&record, &answered, seen))
            .unwrap()
            .into_iter()
            .map(|(variant, _)| variant)
            .collect();
        assert!(names.contains(&q4_0), "{seen}: {names:?}");
    }
    for seen in [0, 1, 10, 19] {
        assert_eq!(early_stopped(&cut(&record, &HashMap::new(), seen)).unwrap(), [], "{seen}");
    }
}

#[test]
fn without_looks_nobody_stops() {
    let record = run("r1", 60, &[full(), q8_0(), q4_0()]);
    assert_eq!(early_stopped(&cut(&record, &HashMap::new(), 40)).unwrap(), []);
    let whole = with_looks(60, &[full(), q8_0(), q4_0()]);
    assert_eq!(early_stopped(&whole).unwrap(), [], "all is measured");
}

/// Another policy may be applied to what was stopped under the first, at the error that is left.
#[test]
fn a_later_policy_reads_what_there_is() {
    let (record, _) = play(&with_looks(60, &[full(), q8_0(), q4_0()]));
    let policy = Policy { max_kld: Some(1.0), min_top1: None, margin: Some(0.9), ..Policy::default() };
    let analysis = infercost_analyzer::Analysis {
        runs: &[record],
        policy: &policy,
        prices: &prices(),
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: None,
    };
    let report = infercost_analyzer::report(&analysis).unwrap();
    // 20 prompts are too few to pass on, whatever they say.
    assert_eq!(report.candidates[2].verdict, Verdict::Inconclusive);
}
