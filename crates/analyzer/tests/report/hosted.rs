//! What is paid by its tokens, beside machines: whole costs, and nothing said where one is not whole.

use infercost_analyzer::AnalysisError;
use infercost_analyzer::ledger::Ledger;
use infercost_core::finding::FindingCode;
use infercost_core::price_per_million::PricePerMillion;
use infercost_core::report::Report;
use infercost_core::*;

use crate::load::{FULL, SMALL, add_load, ms, steady};
use crate::scenario::{Behavior, prices, run};
use crate::{analyze, faster, full, near};

/// Prices of a million tokens read and written, in euros.
fn price(input: &str, output: &str) -> PricePerMillion {
    PricePerMillion {
        model: "api".into(),
        input_per_million: input.parse().unwrap(),
        output_per_million: output.parse().unwrap(),
        cached_input_per_million: None,
        cache_write_per_million: None,
        currency: Currency::EUR,
        source: "a list".into(),
        date: "2026-01-01".parse().unwrap(),
    }
}

/// A run on a machine, and a hosted model at this price.
fn beside(baseline: Behavior, price: PricePerMillion) -> RunRecord {
    let mut record = run("r1", 100, &[baseline, faster("api", 0.5)]);
    record.header.variants[1].token_price = Some(price);
    record
}

fn on(record: &RunRecord) -> Report {
    analyze(std::slice::from_ref(record), &prices()).unwrap()
}

/// Output tokens of the run's answers by a variant.
fn written(record: &RunRecord, variant: usize) -> f64 {
    let id = &record.header.variants[variant].id;
    let windows = record.windows.iter().filter(|window| window.id.variant == *id);
    windows.flat_map(|window| &window.inferences).map(|one| f64::from(one.outcome.output_tokens())).sum()
}

/// By hand: 30 prompt tokens an answer at 2 EUR a million, and what was written at 10.
#[test]
fn tokens_are_paid_and_no_machine() {
    let record = beside(full(), price("2", "10"));
    let report = on(&record);
    let [machine, api] = report.candidates.as_slice() else { panic!("{report:?}") };

    let wanted = (30.0 * 100.0 * 2e-6 + written(&record, 1) * 10e-6) / 100.0;
    near(api.cost.per_inference.unwrap().point, wanted);
    near(api.cost.components.tokens.unwrap(), wanted);
    assert_eq!((api.cost.components.hardware, api.cost.components.energy), (None, None));
    assert!(api.cost.left_out.is_empty() && machine.cost.components.tokens.is_none());
    assert_eq!(api.unknown.get("energy"), Some(&Reason::PaidByTokens));

    // Both costs are whole: what is saved is the one against the other.
    let saving = api.saving.unwrap();
    near(saving.point, 1.0 - wanted / machine.cost.per_inference.unwrap().point);
    assert!(saving.lower <= saving.point && saving.point <= saving.upper);

    // Each call pays for its own tokens, and all of them for the bill.
    let ledger = Ledger::of(&record, &report);
    let bill = ledger.bills.iter().find(|bill| bill.variant == api.variant).unwrap();
    near(bill.total.unwrap(), wanted * 100.0);
    for entry in ledger.of_variant(&api.variant) {
        let own = 30.0 * 2e-6 + f64::from(entry.output_tokens) * 10e-6;
        near(entry.cost.tokens.unwrap(), own);
    }
}

/// A price that holds everything is set against a machine's cost only as far as that is known.
#[test]
fn a_cost_in_part_is_not_called_whole() {
    let unmetered = Behavior { watts: None, ..full() };

    // Far cheaper than what is known of the machine already: so much is saved at least.
    let report = on(&beside(unmetered.clone(), price("0.001", "0.001")));
    let saving = report.candidates[1].saving.unwrap();
    assert!(saving.lower > 0.0, "{saving:?}");
    let said = report.notes.iter().any(|note| note.contains("saves at least what is shown"));
    assert!(said, "{:#?}", report.notes);

    // Dearer than the known part: the unknown part may turn that round.
    let report = on(&beside(unmetered, price("1000", "1000")));
    assert_eq!(report.candidates[1].unknown.get("saving"), Some(&Reason::MachineCostInPart));
    assert!(
        matches!(report.recommendation, Recommendation::MeasureMore { .. }),
        "{:?}",
        report.recommendation
    );

    // The other way round nothing can be said of what the machine saves, and with a meter it can.
    let mut reversed = beside(Behavior { watts: None, ..full() }, price("1000", "1000"));
    reversed.header.baseline = reversed.header.variants[1].id.clone();
    let report = on(&reversed);
    assert_eq!(report.candidates[1].unknown.get("saving"), Some(&Reason::MachineCostInPart));
    let mut reversed = beside(full(), price("1000", "1000"));
    reversed.header.baseline = reversed.header.variants[1].id.clone();
    assert!(on(&reversed).candidates[1].saving.unwrap().lower > 0.9);
}

/// Without the tokens of prompts there is no bill.
#[test]
fn tokens_that_nobody_counts_are_not_billed() {
    let mut record = run(
        "r1",
        100,
        &[full(), Behavior { input_tokens: |i| (i != 3).then_some(30), ..faster("api", 0.5) }],
    );
    record.header.variants[1].token_price = Some(price("2", "10"));
    let report = on(&record);
    let api = &report.candidates[1];
    assert!(api.cost.per_inference.is_none() && api.saving.is_none());
    assert!(matches!(
        api.cost.left_out.get(CostPart::Tokens),
        Some(Reason::TokensNotReported { without: 1, answers: 100 })
    ));
}

/// A model that was not asked stands by its price for the baseline's tokens, judges nothing and is never recommended.
#[test]
fn a_price_alone_is_never_recommended() {
    let mut record = run("r1", 100, &[full(), faster("q8_0", 0.8)]);
    record.header.hosted = vec![price("0.0001", "0.0001")];
    let report = on(&record);
    let [api] = report.hosted.as_slice() else { panic!("{:?}", report.hosted) };

    near(api.input_tokens.unwrap(), 30.0);
    near(api.output_tokens.unwrap(), written(&record, 0) / 100.0);
    near(api.cost_per_inference.unwrap().point, (30.0 + written(&record, 0) / 100.0) * 1e-10);
    assert!(api.saving.unwrap().lower > 0.99);
    assert_eq!(report.candidates.len(), 2);
    let Recommendation::Switch { variant, .. } = &report.recommendation else { panic!("{report:?}") };
    assert_eq!(variant.as_str(), "tiny/q8_0");

    let weight = |report: &Report| {
        let found = report.findings.iter().find(|finding| finding.code() == FindingCode::Hosted);
        found.unwrap().severity
    };
    assert_eq!(weight(&report), Severity::Warning, "it might be the better answer");
    record.header.hosted = vec![price("1000", "1000")];
    let dear = on(&record);
    assert!(dear.hosted[0].saving.unwrap().upper < 0.0);
    assert_eq!(weight(&dear), Severity::Limitation);
}

#[test]
fn money_of_two_currencies_is_not_compared() {
    let foreign = PricePerMillion { currency: Currency::USD, ..price("2", "10") };
    let record = beside(full(), foreign.clone());
    let error = analyze(&[record], &prices()).unwrap_err();
    assert!(matches!(error, AnalysisError::TokenCurrency { .. }), "{error}");

    let mut record = run("r1", 20, &[full()]);
    record.header.hosted = vec![foreign];
    assert!(analyze(&[record], &prices()).is_err());
}

/// Under load an answer of a hosted model costs what its tokens cost, at whatever rate.
#[test]
fn tokens_cost_the_same_under_load() {
    let mut record = run("r1", 100, &[full(), faster("q4", 0.8)]);
    record.header.variants[1].token_price = Some(price("2", "10"));
    add_load(&mut record, FULL, 1, ms(200), steady());
    add_load(&mut record, SMALL, 4, ms(200), steady());
    let report = on(&record);
    let point = &report.candidates[1].operating_points[0];
    near(point.cost_per_inference.unwrap().point, 30.0 * 2e-6 + 12.0 * 10e-6);
    assert!(point.cost_components.hardware.is_none() && point.cost_components.tokens.is_some());
}
