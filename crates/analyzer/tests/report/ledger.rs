//! Shares of single inferences add up to what the report bills.

use infercost_analyzer::ledger::{Ledger, same_total};
use infercost_schema::VariantId;

use crate::scenario::{Behaviour, prices, run};
use crate::{analyse, faster, full};

fn check(behaviours: &[Behaviour], prices: &infercost_schema::price::PriceBook) {
    let record = run("r1", 60, behaviours);
    let report = analyse(std::slice::from_ref(&record), prices).unwrap();
    let ledger = Ledger::of(&record, &report);
    for candidate in &report.candidates {
        let variant: &VariantId = &candidate.variant;
        let cost = candidate.cost.per_inference.map(|cost| cost.point * candidate.inferences as f64);
        match (ledger.total(variant), cost) {
            (Some(shares), Some(bill)) => {
                assert!((shares - bill).abs() <= 1e-10 * bill, "{variant}: {shares} is not {bill}");
                let prices = ledger.token_prices(variant).unwrap();
                let told = ledger.of_variant(variant).filter(|entry| entry.completed);
                let by_token: f64 = told
                    .map(|entry| {
                        prices.input * f64::from(entry.input_tokens)
                            + prices.output * f64::from(entry.output_tokens)
                    })
                    .sum();
                assert!(same_total(by_token, bill), "{variant}: {by_token} is not {bill}");
            }
            (None, None) => assert!(ledger.token_prices(variant).is_err()),
            (shares, bill) => panic!("{variant}: {shares:?} and {bill:?}"),
        }
        let joules: Vec<f64> = ledger.of_variant(variant).filter_map(|entry| entry.gross_j).collect();
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
        assert_eq!(ledger.of_variant(variant).count() as u64, candidate.inferences);
    }
}

#[test]
fn shares_and_token_prices_add_up_to_the_bill() {
    check(&[full(), faster("q8_0", 0.6)], &prices());
    check(&[full(), Behaviour { fails: |i| i % 7 == 0, ..faster("q8_0", 0.6) }], &prices());
    check(&[full(), Behaviour { interrupted: Some(2), ..faster("q8_0", 0.6) }], &prices());
    check(&[full(), Behaviour { watts: None, ..faster("q8_0", 0.6) }], &prices());
    let nothing =
        infercost_schema::price::PriceBook { electricity: None, hardware: None, operation: None, ..prices() };
    check(&[full(), faster("q8_0", 0.6)], &nothing);
}
