//! Runs of several machines: each variant is judged on each, with that machine's own prices.

use infercost_analyzer::{Analysis, AnalysisError, MachinePrices, report, separate_machines};
use infercost_core::price::{HardwareCost, Price, PriceBook};
use infercost_core::report::{CandidateReport, Report};
use infercost_core::*;

use crate::scenario::{Behavior, prices, run};
use crate::{analyze, faster, full, near};

/// The same behaviors on a machine with that board.
fn on_board(board: &str, id: &str, prompts: usize, behaviors: &[Behavior]) -> RunRecord {
    let mut record = run(id, prompts, behaviors);
    record.header.machine = MachineFacts {
        id: Some(format!("id of {board}")),
        gpus: vec![format!("NVIDIA {board}")],
        ..MachineFacts::default()
    };
    record
}

/// Says that a variant's weights and words are known, and run on a CPU by one executor.
fn with_weights(mut record: RunRecord) -> RunRecord {
    for variant in &mut record.header.variants {
        let name = variant.id.variant_name().to_owned();
        variant.engine.weights_sha256 = Some(format!("weights of {name}"));
        variant.engine.tokenizer_sha256 = Some("words".to_owned());
        variant.engine.device = "cpu".to_owned();
    }
    record
}

fn rented(per_hour: &str, includes_electricity: bool) -> PriceBook {
    let rate = Price {
        name: "hardware".into(),
        value: per_hour.parse().unwrap(),
        currency: Currency::EUR,
        unit: "hour".into(),
        source: "a bill".into(),
        date: "2026-01-01".parse().unwrap(),
    };
    PriceBook { hardware: Some(HardwareCost::Rented { rate, includes_electricity }), ..prices() }
}

fn priced(books: &[(&str, PriceBook)]) -> Vec<MachinePrices> {
    let entry = |(machine, prices): &(&str, PriceBook)| MachinePrices {
        machine: (*machine).to_owned(),
        prices: prices.clone(),
    };
    books.iter().map(entry).collect()
}

fn over(runs: &[RunRecord], machine_prices: &[MachinePrices]) -> Result<Report, AnalysisError> {
    let mut runs = runs.to_vec();
    separate_machines(&mut runs);
    let policy = Policy::default();
    let prices = prices();
    report(&Analysis {
        runs: &runs,
        policy: &policy,
        prices: &prices,
        machine_prices,
        baseline: None,
        memory_bandwidth: None,
    })
}

fn candidate<'r>(report: &'r Report, name: &str) -> &'r CandidateReport {
    let found = report.candidates.iter().find(|one| one.variant.variant_name() == name);
    found.unwrap_or_else(|| panic!("no {name} among {:?}", report.candidates))
}

fn per_inference(candidate: &CandidateReport) -> f64 {
    candidate.cost.per_inference.unwrap().point
}

/// The A100 is a third faster, and an hour of it, operation included, costs three times as much.
fn fast_and_slow() -> [RunRecord; 2] {
    [
        with_weights(on_board("A100", "r1", 100, &[full(), faster("q8_0", 0.6)])),
        with_weights(on_board("RTX 4090", "r2", 100, &[faster("full", 1.5), faster("q8_0", 0.9)])),
    ]
}

fn books() -> Vec<MachinePrices> {
    priced(&[("A100", rented("0.40", true)), ("RTX 4090", rented("0.10", true))])
}

#[test]
fn each_machine_has_its_own_times_and_prices() {
    let runs = fast_and_slow();
    let both = over(&runs, &books()).unwrap();

    let names: Vec<&str> = both.candidates.iter().map(|one| one.variant.variant_name()).collect();
    assert_eq!(names, ["full on A100", "q8_0 on A100", "full on RTX 4090", "q8_0 on RTX 4090"]);

    for (record, own) in runs.iter().zip(books()) {
        let alone = analyze(std::slice::from_ref(record), &own.prices).unwrap();
        for variant in ["full", "q8_0"] {
            let (one, other) =
                (candidate(&alone, variant), candidate(&both, &format!("{variant} on {}", own.machine)));
            near(per_inference(other), per_inference(one));
            assert_eq!((other.inferences, other.ttft_s), (one.inferences, one.ttft_s), "{variant}");
            assert_eq!(other.energy.gross_j, one.energy.gross_j);
            assert_eq!(other.machine.as_ref(), Some(&own.machine));
        }
    }

    // (0.10 + 0.05) ÷ (0.40 + 0.05) for 1.5 times the time
    let full_elsewhere = candidate(&both, "full on RTX 4090").saving.unwrap();
    near(full_elsewhere.point, 0.5);
    assert_eq!(both.machines.len(), 2);
    assert_eq!(both.machines[1].price_book.hardware, books()[1].prices.hardware);
}

#[test]
fn the_recommendation_names_variant_and_machine() {
    let both = over(&fast_and_slow(), &books()).unwrap();
    let Recommendation::Switch { variant, saving, why, .. } = &both.recommendation else {
        panic!("{:?}", both.recommendation)
    };
    assert_eq!(variant.as_str(), "tiny/q8_0 on RTX 4090");
    near(saving.point, 1.0 - 0.9 / 3.0);
    assert!(why.starts_with("q8_0 on RTX 4090 costs 70 % less"), "{why}");

    // the other way round the fast machine wins, though its hour costs more
    let dear = priced(&[("A100", rented("0.40", true)), ("RTX 4090", rented("0.39", true))]);
    let both = over(&fast_and_slow(), &dear).unwrap();
    let Recommendation::Switch { variant, .. } = &both.recommendation else {
        panic!("{:?}", both.recommendation)
    };
    assert_eq!(variant.as_str(), "tiny/q8_0 on A100");
}

/// Two machines' runs as one variant would have the mean of both times: a report refuses them.
#[test]
fn machines_cannot_be_joined() {
    let error = analyze(&fast_and_slow(), &prices()).unwrap_err();
    assert!(matches!(error, AnalysisError::MachinesJoined { .. }), "{error}");

    // machines of which nothing was recorded may be any two
    let mut runs =
        [run("r1", 50, &[full(), faster("q8_0", 0.6)]), run("r2", 50, &[full(), faster("q8_0", 0.6)])];
    for record in &mut runs {
        record.header.machine = MachineFacts::default();
    }
    assert!(matches!(analyze(&runs, &prices()), Err(AnalysisError::MachinesJoined { .. })));
    let both = over(&runs, &[]).unwrap();
    assert_eq!(candidate(&both, "q8_0 on unknown machine #2").inferences, 50);
}

/// Hardware that nobody priced is not priced by another machine's bill.
#[test]
fn an_unpriced_machine_is_compared_with_none() {
    let only_one = priced(&[("A100", rented("0.40", true))]);
    let both = over(&fast_and_slow(), &only_one).unwrap();

    let elsewhere = candidate(&both, "q8_0 on RTX 4090");
    assert_eq!(elsewhere.saving, None);
    let reason = elsewhere.unknown.get("saving").unwrap();
    assert_eq!(reason, &Reason::MachinePriceUnknown { machine: "RTX 4090".into() });
    assert_eq!(elsewhere.cost.components.hardware, None);
    let warned = both
        .findings
        .iter()
        .any(|one| matches!(&one.fact, Fact::MachinesUnpriced { machines } if machines == &["RTX 4090"]));
    assert!(warned, "{:#?}", both.findings);

    // on one machine a saving stands as ever
    near(candidate(&both, "q8_0 on A100").saving.unwrap().point, 0.4);
}

/// Electricity in one machine's rent stands against the other's bill for it.
#[test]
fn rent_with_electricity_stands_against_a_bill_for_it() {
    let mixed = priced(&[("A100", prices()), ("RTX 4090", rented("0.10", true))]);
    let both = over(&fast_and_slow(), &mixed).unwrap();
    let (here, elsewhere) = (candidate(&both, "full on A100"), candidate(&both, "full on RTX 4090"));
    assert!(here.cost.components.energy.is_some() && elsewhere.cost.components.energy.is_none());
    near(elsewhere.saving.unwrap().point, 1.0 - per_inference(elsewhere) / per_inference(here));

    // where that bill is not known, nothing is said
    let unmetered = Behavior { watts: None, ..full() };
    let mut runs = fast_and_slow();
    let behaviors = [unmetered.clone(), Behavior { name: "q8_0", ..unmetered }];
    runs[0] = with_weights(on_board("A100", "r1", 100, &behaviors));
    let both = over(&runs, &mixed).unwrap();
    assert_eq!(candidate(&both, "full on RTX 4090").unknown.get("saving"), Some(&Reason::NoEnergy));
}

#[test]
fn currencies_are_not_mixed() {
    let dollars = PriceBook { currency: Currency::USD, ..rented("0.10", true) };
    let mixed = priced(&[("A100", rented("0.40", true)), ("RTX 4090", dollars)]);
    let error = over(&fast_and_slow(), &mixed).unwrap_err().to_string();
    assert!(error.contains("A100 are in EUR") && error.contains("RTX 4090 in USD"), "{error}");
}

/// A comparison between machines knows only how each machine's own blocks differ.
#[test]
fn few_blocks_on_one_machine_make_a_wide_interval() {
    let [fast, slow] = fast_and_slow();
    let short = on_board("RTX 4090", "r2", 30, &[faster("full", 1.5), faster("q8_0", 0.9)]);
    let saving = |runs: &[RunRecord]| candidate(&over(runs, &books()).unwrap(), "q8_0 on RTX 4090").saving;
    let (wide, narrow) = (saving(&[fast.clone(), short]), saving(&[fast.clone(), slow]).unwrap());
    let wide = wide.unwrap();
    assert!(wide.upper - wide.lower >= narrow.upper - narrow.lower, "{wide:?} {narrow:?}");

    let shortest = on_board("RTX 4090", "r2", 20, &[faster("full", 1.5), faster("q8_0", 0.9)]);
    let both = over(&[fast, shortest], &books()).unwrap();
    let elsewhere = candidate(&both, "q8_0 on RTX 4090");
    assert_eq!((elsewhere.saving, elsewhere.unknown.get("saving")), (None, Some(&Reason::TooFewBlocks)));
}

/// What a variant answered on another machine counts for its quality where the same code ran the same weights.
#[test]
fn quality_is_pooled_where_executors_are_the_same() {
    let long = with_weights(on_board("A100", "r1", 100, &[full(), faster("q8_0", 0.6)]));
    let short = with_weights(on_board("RTX 4090", "r2", 40, &[faster("full", 1.5), faster("q8_0", 0.9)]));
    let graded = |other: &RunRecord| {
        let both = over(&[long.clone(), other.clone()], &books()).unwrap();
        let elsewhere = candidate(&both, "q8_0 on RTX 4090");
        assert_eq!(elsewhere.inferences, 40);
        elsewhere.quality.task_score_difference.unwrap().n
    };
    assert_eq!(graded(&short), 100);

    let mut other_kernels = short.clone();
    other_kernels.header.variants[1].engine.build_flags = "kernels portable".into();
    assert_eq!(graded(&other_kernels), 40);

    let mut drawn = short.clone();
    drawn.header.sampling.temperature = 0.7;
    assert_eq!(graded(&drawn), 40);

    // one machine that answers a prompt differently tells that they do not answer alike
    let wrong = Behavior {
        score: |i| if i == 3 { 0.0 } else { crate::scenario::right_on_most(i) },
        ..faster("q8_0", 0.9)
    };
    let faulty = with_weights(on_board("RTX 4090", "r2", 40, &[faster("full", 1.5), wrong]));
    assert_eq!(graded(&faulty), 40);
}

/// A machine that fails on a prompt has failed, whatever another answered.
#[test]
fn failures_are_each_machines_own() {
    let failing = Behavior { fails: |i| i % 2 == 1, ..faster("q8_0", 0.9) };
    let runs = [
        with_weights(on_board("A100", "r1", 100, &[full(), faster("q8_0", 0.6)])),
        with_weights(on_board("RTX 4090", "r2", 100, &[faster("full", 1.5), failing])),
    ];
    let both = over(&runs, &books()).unwrap();
    assert_eq!(candidate(&both, "q8_0 on RTX 4090").failures, 50);
    assert_eq!(candidate(&both, "q8_0 on RTX 4090").verdict, Verdict::Fail);
    assert_eq!(candidate(&both, "q8_0 on A100").failures, 0);
    assert_eq!(candidate(&both, "q8_0 on A100").verdict, Verdict::Pass);
}

/// The baseline's weights on another machine are the reference there, so that no divergence of theirs is measured.
#[test]
fn the_baseline_elsewhere_is_judged_by_what_was_measured() {
    let mut runs = fast_and_slow();
    let both = over(&runs, &books()).unwrap();
    let elsewhere = candidate(&both, "full on RTX 4090");
    let gates: Vec<Gate> = elsewhere.gates.iter().map(|gate| gate.gate).collect();
    assert_eq!(gates, [Gate::FailureRate, Gate::TaskScore]);
    assert_eq!(elsewhere.unknown.get("kld_mean"), Some(&Reason::OtherMachinesReference));

    // a divergence from the same weights tells of the baseline, one from others does not
    assert!(candidate(&both, "q8_0 on RTX 4090").quality.kld_mean.is_some());
    for variant in runs.iter_mut().flat_map(|run| &mut run.header.variants) {
        variant.engine.weights_sha256 = None;
    }
    let unknown = over(&runs, &books()).unwrap();
    assert_eq!(candidate(&unknown, "q8_0 on RTX 4090").quality.kld_mean, None);
    assert_ne!(candidate(&unknown, "q8_0 on RTX 4090").verdict, Verdict::Pass);
}
