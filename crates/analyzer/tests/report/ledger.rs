//! Shares of single inferences add up to what the report bills.

use infercost_analyzer::ledger::{Bill, Ledger, same_total};
use infercost_core::{ChunkArrivals, FailureKind, LoadFacts, OperatingPoint, Outcome, RunRecord, VariantId};

use crate::load::{FULL, SMALL, add_load, driven, ms, steady};
use crate::scenario::{Behavior, prices, run};
use crate::{analyze, faster, full};

fn check(behaviors: &[Behavior], prices: &infercost_core::price::PriceBook) {
    let record = run("r1", 60, behaviors);
    check_run(&record, prices, &[]);
}

/// The ledger's shares, bills and prices per token against the report; `unbilled` are the bills without a cost.
#[track_caller]
fn check_run(record: &RunRecord, prices: &infercost_core::price::PriceBook, unbilled: &[&str]) {
    let report = analyze(std::slice::from_ref(record), prices).unwrap();
    let ledger = Ledger::of(record, &report);

    for candidate in &report.candidates {
        let variant: &VariantId = &candidate.variant;
        let single = candidate.cost.per_inference.map(|cost| cost.point * candidate.answers as f64);
        let at_points: f64 = candidate
            .operating_points
            .iter()
            .filter_map(|point| Some(point.cost_per_inference?.point * point.answered as f64))
            .sum();
        let shares: Vec<f64> = ledger.of_variant(variant).filter_map(|entry| entry.total).collect();
        match single {
            Some(single) => {
                let (shares, bill) = (shares.iter().sum::<f64>(), single + at_points);
                assert!((shares - bill).abs() <= 1e-10 * bill, "{variant}: {shares} is not {bill}");
            }
            None => assert!(shares.is_empty()),
        }
        let of_single = || {
            let windows = record.windows.iter().filter(|window| window.id.variant == *variant);
            let windows = windows.filter(|window| window.load.is_none());
            windows.flat_map(|window| &window.inferences)
        };
        let joules: Vec<f64> = of_single()
            .filter_map(|one| {
                let key = (variant.clone(), one.prompt.clone(), one.repetition);
                ledger.entries[&key].gross_j
            })
            .collect();
        if let Some(gross) = candidate.energy.gross_j {
            let unattributed = candidate.energy.unattributed_j.unwrap();
            let sum: f64 = joules.iter().sum();
            assert!(
                (sum + unattributed - gross).abs() <= 1e-9 * gross,
                "{sum} + {unattributed} is not {gross}"
            );
        } else {
            assert!(joules.is_empty());
        }
        assert_eq!(of_single().count() as u64, candidate.inferences);
    }

    let mut by_token = None;
    for (index, bill) in ledger.bills.iter().enumerate() {
        let name = bill.name();
        assert_eq!(ledger.of_bill(index).count() as u64, bill.inferences, "{name}");
        let Some(total) = bill.total else {
            assert!(bill.unknown.is_some() && ledger.token_prices(index).is_err(), "{name}");
            assert!(ledger.of_bill(index).all(|entry| entry.total.is_none()), "{name}");
            continue;
        };
        let prices = ledger.token_prices(index).unwrap();
        let told = ledger.of_bill(index).filter(|entry| entry.completed);
        let billed: f64 = told
            .map(|entry| {
                let input = entry.input_tokens.map_or(0.0, f64::from);
                prices.input.unwrap_or(0.0) * input + prices.output * f64::from(entry.output_tokens)
            })
            .sum();
        assert!(same_total(billed, total), "{name}: {billed} is not {total}");
        *by_token.get_or_insert(0.0) += billed;
    }

    match (by_token, ledger.total()) {
        (Some(by_token), Some(total)) => assert!(same_total(by_token, total), "{by_token} is not {total}"),
        (by_token, total) => assert_eq!(by_token, total),
    }
    let said = ledger.unbilled();
    assert_eq!(said.len(), unbilled.len(), "{said:#?}");

    for (said, wanted) in said.iter().zip(unbilled) {
        assert!(said.to_string().contains(wanted), "{said} does not say {wanted}");
    }
}

#[test]
fn shares_and_token_prices_add_up_to_the_bill() {
    check(&[full(), faster("q8_0", 0.6)], &prices());
    check(&[full(), Behavior { fails: |i| i % 7 == 0, ..faster("q8_0", 0.6) }], &prices());
    // nothing answered: no share, no price by token, and nothing for Phoenix to multiply
    check(&[full(), Behavior { fails: |_| true, ..faster("q8_0", 0.01) }], &prices());
    check(&[full(), Behavior { interrupted: Some(2), ..faster("q8_0", 0.6) }], &prices());
    check(&[full(), Behavior { watts: None, ..faster("q8_0", 0.6) }], &prices());
    check(&[full(), Behavior { input_tokens: |_| None, ..faster("q8_0", 0.6) }], &prices());
    let some = |i: usize| i.is_multiple_of(3).then_some(30);
    check(&[full(), Behavior { input_tokens: some, ..faster("q8_0", 0.6) }], &prices());
    let nothing =
        infercost_core::price::PriceBook { electricity: None, hardware: None, operation: None, ..prices() };
    check(&[full(), faster("q8_0", 0.6)], &nothing);
}

/// A request costs what its operating point does: 8 and 4 in flight are cheaper by the request than one at a time.
#[test]
fn requests_under_load_are_billed_at_their_own_operating_point() {
    check_run(&driven(), &prices(), &[]);
    let report = analyze(&[driven()], &prices()).unwrap();
    let ledger = Ledger::of(&driven(), &report);
    let mean = |at: Option<OperatingPoint>| {
        let is = |bill: &&Bill| bill.variant.as_str() == SMALL && bill.operating_point == at;
        let bill = ledger.bills.iter().find(is).unwrap();
        bill.total.unwrap() / bill.inferences as f64
    };
    let closed = |concurrency| Some(OperatingPoint::Closed { concurrency });
    assert!(mean(closed(4)) < 0.6 * mean(closed(1)), "{} {}", mean(closed(4)), mean(closed(1)));
    assert!((mean(closed(1)) / mean(None) - 1.0).abs() > 0.05, "the load costs what single requests do");
}

#[test]
fn what_is_not_known_under_load_costs_nothing_and_is_said() {
    // never steady
    let mut record = driven();
    add_load(&mut record, SMALL, 16, ms(1600), LoadFacts::default());
    check_run(
        &record,
        &prices(),
        &["q4 at concurrency 16: 285 requests without a cost: the throughput is unknown"],
    );

    // cut off, and driven again
    let mut record = driven();
    add_load(&mut record, FULL, 4, ms(200), steady());
    record.windows.last_mut().unwrap().interrupted = true;
    add_load(&mut record, FULL, 4, ms(200), steady());
    check_run(&record, &prices(), &["full at concurrency 4, cut off: 597 requests without a cost"]);

    // half of the answers fail, and some are empty: the others pay
    let mut record = driven();
    for window in record.windows.iter_mut().filter(|window| window.load.is_some()) {
        for (index, inference) in window.inferences.iter_mut().enumerate() {
            let latency = inference.outcome.latency();
            if let (1, Outcome::Completed { output_tokens, arrivals, .. }) =
                (index % 4, &mut inference.outcome)
            {
                *output_tokens = 0;
                *arrivals = ChunkArrivals::default();
            } else if index % 2 == 0 {
                let message = "503".to_owned();
                inference.outcome = Outcome::Failed { kind: FailureKind::Status, message, latency };
            }
        }
    }

    check_run(&record, &prices(), &[]);
    let nothing =
        infercost_core::price::PriceBook { electricity: None, hardware: None, operation: None, ..prices() };
    check_run(&driven(), &nothing, &["no part of the cost is known"; 5]);
}
