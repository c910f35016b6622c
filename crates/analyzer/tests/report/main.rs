//! Whole reports from made-up runs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod early_stop;
mod energy;
mod hosted;
mod interference;
mod ledger;
mod load;
mod machines;
mod mixed_lengths;
mod possible;
mod remeasured;
mod savings;
mod scenario;
mod servers;
mod workload;

use infercost_analyzer::{Analysis, AnalysisError, report};
use infercost_core::price::PriceBook;
use infercost_core::report::Report;
use infercost_core::*;
use scenario::{Behavior, prices, run};

fn analyze(runs: &[RunRecord], prices: &PriceBook) -> Result<Report, AnalysisError> {
    let policy = Policy::default();
    report(&Analysis {
        runs,
        policy: &policy,
        prices,
        machine_prices: &[],
        baseline: None,
        memory_bandwidth: Some(1e9),
    })
}

fn report_on(prompts: usize, behaviors: &[Behavior]) -> Report {
    analyze(&[run("r1", prompts, behaviors)], &prices()).unwrap()
}

fn full() -> Behavior {
    Behavior::named("full")
}

fn faster(name: &'static str, slowness: f64) -> Behavior {
    Behavior { slowness, ..Behavior::named(name) }
}

fn near(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-9 * expected.abs(), "{got} is not {expected}");
}

#[test]
fn a_cheaper_candidate_that_passes_is_recommended() {
    let report = report_on(100, &[full(), faster("q8_0", 0.6)]);
    let Recommendation::Switch { variant, saving, why, .. } = &report.recommendation else {
        panic!("{:?}", report.recommendation)
    };
    assert_eq!(variant.as_str(), "tiny/q8_0");
    assert!((saving.point - 0.4).abs() < 1e-6 && saving.lower > 0.39 && saving.upper < 0.41, "{saving:?}");
    assert_eq!(why, "q8_0 costs 40 % less [40 %, 40 %] and stays within the thresholds");
    assert_eq!(report.candidates[1].verdict, Verdict::Pass, "{:?}", report.candidates[1].reasons);
}

/// Every amount by hand: 0.225 + 0.05 per hour, 0.30 per kWh, PUE 1.2, half the hours used, 50 W and 20 W.
#[test]
fn costs_follow_the_formulae_and_sum_exactly() {
    let record = run("r1", 50, &[full(), faster("q8_0", 0.7)]);
    let (mut seconds, mut before_first) = (0.0, 0.0);
    let windows = record.windows.iter().filter(|window| window.id.variant.as_str() == "tiny/full");
    for inference in windows.flat_map(|window| &window.inferences) {
        seconds += inference.outcome.latency().as_secs_f64();
        before_first += inference.outcome.time_to_first_token().unwrap().as_secs_f64();
    }
    let report = analyze(&[record], &prices()).unwrap();
    let cost = &report.candidates[0].cost;
    let busy = seconds / 50.0;
    near(cost.components.hardware.unwrap(), 8760.0 * 0.9 / (4.0 * 8760.0) / 3600.0 * busy / 0.5);
    near(cost.components.operation.unwrap(), 0.05 / 3600.0 * busy / 0.5);
    near(cost.components.energy.unwrap(), 50.0 * busy / 3.6e6 * 0.30 * 1.2);
    near(cost.components.idle.unwrap(), 20.0 * busy / 3.6e6 * 0.30 * 1.2);
    let decimal = |value: f64| value.to_string().parse::<rust_decimal::Decimal>().unwrap();
    let parts = &cost.components;
    let sum: rust_decimal::Decimal =
        [parts.energy, parts.hardware, parts.idle, parts.operation].into_iter().flatten().map(decimal).sum();
    let total = cost.per_inference.unwrap();
    assert_eq!(sum.normalize(), decimal(total.point).normalize());
    assert!(total.lower < total.point && total.point < total.upper, "{total:?}");
    near(cost.per_correct.unwrap().point, total.point / 0.8);

    // prompts of 30 tokens, whose part of the cost is that of the time before the first token
    let reading = total.point * before_first / seconds * 1e6 / 30.0;
    near(cost.per_million_input_tokens.unwrap().point, reading);
    assert!(cost.left_out.is_empty());
}

#[test]
fn energy_is_shared_out_without_loss() {
    let report = report_on(60, &[full(), faster("q8_0", 0.7)]);
    let energy = &report.candidates[1].energy;
    assert_eq!((energy.source, energy.scope.as_str()), (EnergySource::Counter, "cpu package"));
    let gross = energy.gross_j.unwrap();
    near(energy.per_inference_j.unwrap().point * 60.0 + energy.unattributed_j.unwrap(), gross);
    // Times are whole nanoseconds, so a tenth is one to within rounding.
    assert!((energy.unattributed_j.unwrap() / gross - 0.1).abs() < 1e-6);
    near(energy.net_j.unwrap(), gross * 30.0 / 50.0);
}

#[test]
fn none_passes() {
    let broken = Behavior { kld: Some(|i| 0.4 + 0.1 * (i % 3) as f64), ..faster("q4_0", 0.5) };
    let report = report_on(100, &[full(), broken]);
    assert_eq!(report.candidates[1].verdict, Verdict::Fail);
    let Recommendation::KeepBaseline { variant, why, .. } = &report.recommendation else {
        panic!("{:?}", report.recommendation)
    };
    assert_eq!(variant.as_str(), "tiny/full");
    assert_eq!(why, "no candidate stays within the quality thresholds");
}

#[test]
fn a_costlier_candidate_keeps_the_baseline_and_is_named() {
    let report = report_on(100, &[full(), faster("q8_0", 1.3)]);
    let Recommendation::KeepBaseline { why, .. } = &report.recommendation else { panic!() };
    assert!(why.contains("q8_0, costs 30 % more"), "{why}");
    let note = "q8_0 costs 30 % more than the baseline; decoding reaches 7.3 % of the memory bandwidth, so the \
                engine limits it, not the memory.";
    assert!(report.notes.iter().any(|found| found == note), "{:#?}", report.notes);
}

#[test]
fn a_tie_goes_to_the_better_quality() {
    // Slower on even prompts, faster on odd ones: as dear on average, and the interval of the difference
    // holds 0.
    let better = Behavior { score: |i| if i.is_multiple_of(10) { 0.0 } else { 1.0 }, ..faster("q6_k", 0.7) };
    let report = report_on(100, &[full(), faster("q8_0", 0.7), better]);
    let Recommendation::Switch { variant, why, .. } = &report.recommendation else {
        panic!("{:?}", report.recommendation)
    };
    assert_eq!(variant.as_str(), "tiny/q6_k", "{why}");
}

#[test]
fn an_open_verdict_asks_for_more_prompts() {
    let shaky =
        Behavior { score: |i| if i % 5 == 0 || i % 12 == 1 { 0.0 } else { 1.0 }, ..faster("q4_k", 0.5) };
    let report = report_on(100, &[full(), shaky]);
    let Recommendation::MeasureMore { variant, prompts_needed, why } = &report.recommendation else {
        panic!("{:?} {:#?}", report.recommendation, report.candidates[1].reasons)
    };
    assert_eq!(variant.as_str(), "tiny/q4_k");
    assert!(prompts_needed.is_some_and(|needed| needed > 100), "{why}");
}

#[test]
fn an_open_rival_of_a_winner_is_noted() {
    let shaky =
        Behavior { score: |i| if i % 5 == 0 || i % 12 == 1 { 0.0 } else { 1.0 }, ..faster("q4_k", 0.5) };
    let report = report_on(100, &[full(), faster("q8_0", 0.7), shaky]);
    assert!(
        matches!(&report.recommendation, Recommendation::Switch { variant, .. } if variant.as_str() == "tiny/q8_0")
    );
    assert!(report.notes.iter().any(|note| note.starts_with("q4_k may save more")), "{:#?}", report.notes);
}

#[test]
fn energy_unavailable_is_said_and_left_out() {
    let dark = |behavior: Behavior| Behavior { watts: None, ..behavior };
    let report = report_on(100, &[dark(full()), dark(faster("q8_0", 0.7))]);
    let candidate = &report.candidates[1];
    assert_eq!(candidate.energy.source, EnergySource::Unavailable);
    assert_eq!((candidate.energy.gross_j, candidate.energy.per_inference_j), (None, None));
    assert_eq!((candidate.cost.components.energy, candidate.cost.components.idle), (None, None));
    assert_eq!(candidate.cost.left_out.get(CostPart::Energy), Some(&Reason::NoEnergy));
    assert!(matches!(report.recommendation, Recommendation::Switch { .. }));
    assert!(report.notes[0].contains("this machine has no meter"), "{:#?}", report.notes);
}

#[test]
fn unequal_parts_are_compared_on_what_both_have() {
    let dark = Behavior { watts: None, ..faster("q8_0", 0.7) };
    let report = report_on(100, &[full(), dark]);
    let note = "The saving of q8_0 compares only what is known of both costs: hardware, idle, operation.";
    assert!(report.notes.iter().any(|found| found == note), "{:#?}", report.notes);
    assert!((report.candidates[1].saving.unwrap().point - 0.3).abs() < 1e-6);
}

#[test]
fn failures_count_as_wrong_and_are_billed() {
    let failing = Behavior { fails: |i| i % 4 == 1, ..faster("q8_0", 0.7) };
    let report = report_on(100, &[full(), failing]);
    let candidate = &report.candidates[1];
    assert_eq!((candidate.inferences, candidate.failures, candidate.failure_kinds["timeout"]), (100, 25, 25));
    near(candidate.quality.task_score.unwrap().point, 0.6);
    assert_eq!(candidate.verdict, Verdict::Fail);
    assert_eq!(candidate.latency_s.unwrap().n, 75);
}

#[test]
fn a_missing_grade_is_not_a_good_score() {
    let half = Behavior { graded: |i| i % 2 == 0, ..faster("q8_0", 0.7) };
    let candidate = &report_on(100, &[full(), half]).candidates[1];
    assert_eq!(candidate.verdict, Verdict::Inconclusive, "{:#?}", candidate.reasons);
    assert!(candidate.quality.task_score.unwrap().point < 0.5);
    let none = Behavior { graded: |_| false, ..faster("q8_0", 0.7) };
    let candidate = &report_on(100, &[full(), none]).candidates[1];
    assert_eq!((candidate.verdict, candidate.quality.task_score), (Verdict::Inconclusive, None));
}

#[test]
fn no_divergence_leaves_the_verdict_open() {
    let other = Behavior { kld: None, ..faster("q8_0", 0.7) };
    let candidate = &report_on(100, &[full(), other]).candidates[1];
    assert_eq!(candidate.verdict, Verdict::Inconclusive);
    assert!(candidate.unknown.get("kld_mean").is_some());
}

#[test]
fn the_noise_floor_is_never_recommended() {
    let noise = Behavior { noise_floor: true, ..faster("full-again", 0.5) };
    let report = report_on(100, &[full(), noise]);
    assert!(matches!(report.recommendation, Recommendation::KeepBaseline { .. }));
}

#[test]
fn an_interrupted_window_loses_its_energy_only() {
    let cut = Behavior { interrupted: Some(1), ..faster("q8_0", 0.7) };
    let report = report_on(100, &[full(), cut]);
    assert_eq!(report.candidates[1].inferences, 100);
    assert!(report.notes.iter().any(|note| note.starts_with("1 window was cut off")), "{:#?}", report.notes);
    near(report.candidates[1].energy.gross_j.unwrap() * 0.6, report.candidates[1].energy.net_j.unwrap());
}

/// A run that was cut off between two windows has whole windows alone, and can be resumed all the same; one that was
/// resumed to its end lacks nothing but the energy of a window.
#[test]
fn a_run_without_an_end_is_called_cut_off() {
    let findings = |cut: bool, window: Option<u32>| {
        let other = Behavior { interrupted: window, ..faster("q8_0", 0.7) };
        let mut run = run("r1", 40, &[full(), other]);
        run.finished_at = (!cut).then_some(std::time::SystemTime::UNIX_EPOCH);
        let report = analyze(&[run], &prices()).unwrap();
        report.findings.into_iter().filter(|one| one.code() == FindingCode::Interrupted).collect::<Vec<_>>()
    };

    assert!(findings(false, None).is_empty());
    let cut = &findings(true, None)[0];
    assert_eq!(cut.fix.as_deref(), Some("infercost compare --resume=r1"));
    assert_eq!((cut.severity, &cut.fact), (Severity::Warning, &cut_off(0, &["r1"])));
    let resumed = &findings(false, Some(1))[0];
    assert_eq!(
        (resumed.severity, &resumed.fact, &resumed.fix),
        (Severity::Limitation, &cut_off(1, &[]), &None)
    );
}

fn cut_off(windows: u64, runs: &[&str]) -> Fact {
    Fact::CutOff { windows, runs: runs.iter().map(|run| (*run).to_owned()).collect() }
}

#[test]
fn runs_are_joined_by_variant() {
    let behaviors = [full(), faster("q8_0", 0.7)];
    let (one, mut two) = (run("r1", 40, &behaviors), run("r2", 40, &behaviors));
    let joined = analyze(&[one.clone(), two.clone()], &prices()).unwrap();
    assert_eq!(joined.candidates[1].inferences, 80);
    assert_eq!((joined.prompts.chosen, joined.prompts.complete), (40, 40));
    assert_eq!(joined.candidates[1].quality.task_score.unwrap().n, 40);
    let twice = analyze(&[one.clone(), one.clone()], &prices()).unwrap_err();
    assert!(matches!(twice, AnalysisError::DuplicateRun { .. }));
    two.header.prompts.sha256 = "ff".into();
    let error = analyze(&[one, two], &prices()).unwrap_err().to_string();
    assert!(error.contains("r1") && error.contains("r2"), "{error}");
}

#[test]
fn the_same_records_give_the_same_report() {
    let behaviors = [full(), faster("q8_0", 0.7)];
    assert_eq!(report_on(30, &behaviors), report_on(30, &behaviors));
}

#[test]
fn a_run_without_inferences_is_an_error() {
    let mut record = run("r1", 10, &[full(), faster("q8_0", 0.7)]);
    record.windows.clear();
    record.evaluations.clear();
    let error = analyze(&[record], &prices()).unwrap_err();
    assert!(matches!(error, AnalysisError::NothingMeasured { .. }), "{error}");
}

/// The baseline is asked everything, and its rival answers nothing but errors, at once.
#[test]
fn a_candidate_that_answers_nothing_fails_and_has_no_cost() {
    for baseline in [full(), Behavior { score: |_| 0.0, ..full() }, Behavior { graded: |_| false, ..full() }]
    {
        let refusing = Behavior { fails: |_| true, ..faster("q8_0", 0.01) };
        let report = report_on(60, &[baseline, refusing]);
        let candidate = &report.candidates[1];
        assert_eq!((candidate.verdict, candidate.answers), (Verdict::Fail, 0), "{:#?}", candidate.reasons);
        assert_eq!((candidate.saving, candidate.cost.per_inference), (None, None));
        assert!(candidate.failure_rate.unwrap().lower > 0.9);
        assert_eq!(candidate.gates[0].gate, Gate::FailureRate);
        assert!(matches!(report.recommendation, Recommendation::KeepBaseline { .. }));
    }
}

/// As fast and as good, but some requests fail at once, where the baseline is wrong as well.
#[test]
fn fast_failures_do_not_make_a_candidate_cheaper() {
    let failing = Behavior { fails: |i| i % 15 == 0, ..full() };
    let mut record = run("r1", 60, &[full(), Behavior { name: "other", ..failing }]);
    for inference in record.windows.iter_mut().flat_map(|window| &mut window.inferences) {
        if let Outcome::Failed { latency, .. } = &mut inference.outcome {
            *latency = std::time::Duration::from_micros(10);
        }
    }
    let report = analyze(&[record], &prices()).unwrap();
    let saving = report.candidates[1].saving.unwrap();
    assert!(saving.point < 0.001 && saving.lower < 0.0, "{saving:?}");
    assert!(!matches!(report.recommendation, Recommendation::Switch { .. }), "{:?}", report.recommendation);
}

/// A set on which the baseline gets nothing, or everything, right cannot show damage.
#[test]
fn a_set_that_shows_nothing_decides_nothing() {
    for (score, why) in [
        ((|_| 0.0) as fn(usize) -> f64, "none of 60 graded prompts right"),
        (|_| 1.0, "all of 60 graded prompts right"),
    ] {
        let report =
            report_on(60, &[Behavior { score, ..full() }, Behavior { score, ..faster("q8_0", 0.6) }]);
        let candidate = &report.candidates[1];
        assert_eq!(candidate.verdict, Verdict::Inconclusive);
        assert!(candidate.reasons.iter().any(|reason| reason.contains(why)), "{:#?}", candidate.reasons);
        assert!(matches!(report.recommendation, Recommendation::MeasureMore { .. }));
    }
}

/// Two prompts, or four: whatever they say, nothing is settled.
#[test]
fn a_handful_of_prompts_settles_nothing() {
    let broken = || Behavior { kld: Some(|i| 0.4 + 0.1 * (i % 3) as f64), ..faster("q4_0", 0.5) };
    for prompts in [1, 2, 4, 9] {
        let report = report_on(prompts, &[full(), broken()]);
        assert_eq!(report.candidates[1].verdict, Verdict::Inconclusive, "{prompts}");
        let Recommendation::MeasureMore { why, .. } = &report.recommendation else { panic!("{prompts}") };
        assert!(why.starts_with("inconclusive: measure again, because"), "{why}");
    }
}

#[test]
fn unsound_settings_are_errors() {
    let record = run("r1", 10, &[full(), faster("q8_0", 0.7)]);
    assert_eq!(analyze(&[], &prices()), Err(AnalysisError::NoRuns));
    for (utilization, pue) in [(0.0, 1.2), (1.1, 1.2), (f64::NAN, 1.2), (0.5, 0.9), (0.5, f64::INFINITY)] {
        let prices = PriceBook { utilization, pue, ..prices() };
        let error = analyze(std::slice::from_ref(&record), &prices);
        assert!(matches!(error, Err(AnalysisError::Prices { .. })), "{utilization} {pue}");
    }
    let unknown = VariantId::from("tiny/none");
    let policy = Policy::default();
    let analysis = Analysis {
        runs: std::slice::from_ref(&record),
        policy: &policy,
        prices: &prices(),
        machine_prices: &[],
        baseline: Some(&unknown),
        memory_bandwidth: None,
    };
    let error = report(&analysis).unwrap_err().to_string();
    assert_eq!(error, "baseline tiny/none is not in the run; it has tiny/full, tiny/q8_0");
}

/// One variant on two executors, or at two levels of kernels, has two speeds.
#[test]
fn runs_of_different_executors_are_refused() {
    let first = run("r1", 50, &[full(), faster("q8_0", 0.6)]);
    let changes: [fn(&mut EngineIdentity); 3] = [
        |engine| engine.engine = "another".into(),
        |engine| engine.build_flags = "release, kernels portable, cache F32".into(),
        |engine| engine.device = "cuda:0".into(),
    ];
    for change in changes {
        let mut second = run("r2", 50, &[full(), faster("q8_0", 0.6)]);
        change(&mut second.header.variants[1].engine);
        let error = analyze(&[first.clone(), second], &prices()).unwrap_err();
        assert!(matches!(error, AnalysisError::DifferentExecutors { .. }), "{error}");
        assert!(error.to_string().contains("q8_0"), "{error}");
    }
    assert!(analyze(&[first, run("r2", 50, &[full(), faster("q8_0", 0.6)])], &prices()).is_ok());
}

/// Targets of latency apply to single requests too, where no load test answers for them.
#[test]
fn targets_of_latency_judge_single_requests() {
    let mut record = run("r1", 100, &[Behavior::named("full"), Behavior::named("q4")]);
    let with = |record: &mut RunRecord, ttft_s: f64| {
        record.header.policy.slo = Some(LatencyTargets { ttft_s: Some(ttft_s), tpot_s: None, share: 0.9 });
        let report = infercost_analyzer::report(&Analysis {
            runs: std::slice::from_ref(record),
            policy: &record.header.policy,
            prices: &record.header.prices,
            machine_prices: &[],
            baseline: None,
            memory_bandwidth: None,
        })
        .unwrap();
        let gates: Vec<GateResult> = report
            .candidates
            .iter()
            .map(|one| one.gates.iter().find(|gate| gate.gate == Gate::Latency).unwrap().clone())
            .collect();
        (report, gates)
    };

    // nobody answers in a nanosecond: the baseline is told so, and the candidate fails
    let (report, gates) = with(&mut record, 1e-9);
    assert!(gates.iter().all(|gate| gate.verdict == Verdict::Fail), "{gates:#?}");
    assert_eq!(report.candidates[1].verdict, Verdict::Fail);
    assert!(gates[1].why.contains("single requests within the latency targets"), "{}", gates[1].why);

    // everybody does in an hour
    let (report, gates) = with(&mut record, 3600.0);
    assert!(gates.iter().all(|gate| gate.verdict == Verdict::Pass), "{gates:#?}");
    assert_ne!(report.candidates[1].verdict, Verdict::Fail);
}
