#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use std::time::{Duration, SystemTime};

use infercost_core::StatedCost;

use super::*;

fn call(model: &str, started: f64, latency: f64, input: u32, output: u32) -> ForeignCall {
    ForeignCall {
        model: Some(model.into()),
        started_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(1.7e9 + started)),
        latency: Some(Duration::from_secs_f64(latency)),
        time_to_first_token: Some(Duration::from_millis(500)),
        input_tokens: Some(input),
        output_tokens: Some(output),
        cost: Some(StatedCost { amount: 0.0, currency: None }),
        ..ForeignCall::default()
    }
}

fn report(calls: Vec<ForeignCall>, prices: &[PricePerMillion]) -> ForeignReport {
    summarize(&ForeignTrace { calls, ..ForeignTrace::default() }, prices, None).unwrap()
}

fn price(model: &str) -> PricePerMillion {
    PricePerMillion {
        model: model.to_owned(),
        input_per_million: "2".parse().unwrap(),
        output_per_million: "10".parse().unwrap(),
        cached_input_per_million: Some("1".parse().unwrap()),
        cache_write_per_million: None,
        currency: "USD".parse().unwrap(),
        source: "list".to_owned(),
        date: "2026-11-01".parse().unwrap(),
    }
}

#[test]
fn sums_say_what_they_rest_on() {
    let calls = vec![
        call("a-1", 0.0, 2.5, 1000, 5),
        ForeignCall { cached_input_tokens: Some(400), ..call("a-1", 1.0, 2.5, 1000, 1) },
        ForeignCall { input_tokens: None, ..call("a-1", 9.0, 1.0, 0, 7) },
        ForeignCall { failed: true, output_tokens: None, cost: None, ..call("b", 20.0, 1.0, 10, 0) },
    ];
    let report = report(calls, &[price("a-*")]);
    let [a, b] = report.models.as_slice() else { panic!("{report:?}") };

    let unsaid = a.unsaid.get("how many tokens the prompt had");
    assert_eq!((a.calls, a.input_tokens, unsaid), (3, Sum { sum: 2000.0, calls: 2 }, Some(&1)));
    let by_token = a.costs.iter().find(|cost| cost.basis == "by_token").unwrap();
    let wanted = (1000.0 * 2.0 + 5.0 * 10.0 + 600.0 * 2.0 + 400.0 * 1.0 + 10.0) / 1e6;
    assert!((by_token.total - wanted).abs() < 1e-12 && by_token.calls == 2, "{:?}", a.costs);
    assert_eq!(a.tpot_s.unwrap().n, 2);
    assert_eq!((b.failures, b.latency_s, b.costs.len()), (1, None, 0));
    // 0 to 3.5, 9 to 10, 20 to 21
    assert!((report.busy_s - 5.5).abs() < 1e-6, "{}", report.busy_s);
}

#[test]
fn stated_costs_of_two_currencies_are_not_added() {
    let stating = |amount, currency: &str| ForeignCall {
        cost: Some(StatedCost { amount, currency: currency.parse().ok() }),
        ..call("a", 0.0, 1.0, 1, 1)
    };
    let report = report(vec![stating(1.0, "USD"), stating(2.0, "EUR"), stating(4.0, "USD")], &[]);
    let totals: Vec<(f64, &str)> =
        report.models[0].costs.iter().map(|cost| (cost.total, cost.currency.as_str())).collect();
    assert_eq!(totals, [(2.0, "EUR"), (5.0, "USD")]);
}

#[test]
fn each_token_is_paid_once() {
    let cached = ForeignCall {
        cached_input_tokens: Some(400),
        cache_write_tokens: Some(100),
        ..call("a", 0.0, 1.0, 505, 20)
    };

    #[track_caller]
    fn check(call: &ForeignCall, write: Option<&str>, wanted: f64, is_noted: bool) {
        let price = PricePerMillion {
            cache_write_per_million: write.map(|price| price.parse().unwrap()),
            ..price("a")
        };
        let report = report(vec![call.clone()], &[price]);
        let by_token = report.models[0].costs.iter().find(|cost| cost.basis == "by_token").unwrap();
        assert!((by_token.total * 1e6 - wanted).abs() < 1e-9, "{by_token:?}");
        assert_eq!(report.notes.iter().any(|note| note.contains("cache_write_per_million")), is_noted);
    }

    check(&cached, None, 5.0 * 2.0 + 400.0 + 100.0 * 2.0 + 200.0, true);
    check(&cached, Some("2.5"), 5.0 * 2.0 + 400.0 + 100.0 * 2.5 + 200.0, false);

    // more from the cache than there was: as much as there was
    let impossible = ForeignCall { cached_input_tokens: Some(900), ..cached };
    check(&impossible, Some("2.5"), 505.0 + 200.0, false);
}

/// A price that cannot be used, since nobody counted tokens, is not called missing.
#[test]
fn why_a_model_has_no_cost() {
    let uncounted =
        || ForeignCall { input_tokens: None, output_tokens: None, cost: None, ..call("a", 0.0, 1.0, 0, 0) };
    for (prices, wanted, unwanted) in [
        (vec![price("a")], "none of 2 calls says how many it read and wrote", "neither [[token_prices]]"),
        (vec![price("b")], "neither [[token_prices]] of these models", "read and wrote"),
    ] {
        let notes = report(vec![uncounted(), uncounted()], &prices).notes.join("\n");
        assert!(notes.contains(wanted) && !notes.contains(unwanted), "{notes}");
    }

    // a cost that the trace states is one
    let notes =
        report(vec![ForeignCall { input_tokens: None, ..call("a", 0.0, 1.0, 0, 5) }], &[price("a")]).notes;
    assert!(!notes.join("\n").contains("No cost"), "{notes:?}");
}
