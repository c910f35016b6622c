//! What a report says of servers that keep things to themselves.

use infercost_schema::manifest::Provenance;
use infercost_schema::report::Report;
use infercost_schema::*;

use crate::analyse;
use crate::scenario::{Behaviour, prices, run};

/// `full` in process and `m` behind a server.
fn served(m: Behaviour, change: impl Fn(&mut RunRecord)) -> Report {
    let mut record = run("r1", 20, &[Behaviour::named("full"), m]);
    record.header.variants[1].provenance = Provenance::Served { url: "http://127.0.0.1:8080/v1".into() };
    change(&mut record);
    analyse(&[record], &prices()).unwrap()
}

/// The notes that name the server.
fn said(report: &Report) -> Vec<&str> {
    report
        .notes
        .iter()
        .map(String::as_str)
        .filter(|note| note.contains("m ") || note.contains(" m"))
        .collect()
}

#[track_caller]
fn check_says(report: &Report, wanted: &str) {
    assert!(
        report.notes.iter().any(|note| note.contains(wanted)),
        "{wanted:?} is not in {:#?}",
        said(report)
    );
}

#[test]
fn prompt_tokens_that_nobody_counts_are_unknown() {
    let report = served(Behaviour { input_tokens: |_| None, ..Behaviour::named("m") }, |_| {});
    check_says(&report, "m did not tell the prompt tokens of 20 of 20 answers");
    let candidate = &report.candidates[1];
    assert_eq!(candidate.input_tokens, None);
    assert_eq!(candidate.unknown["input_tokens"], "nobody counted the prompt tokens of 20 of 20 answers");
    assert!(candidate.prefill_tokens_per_s.is_none());
    assert_eq!(report.candidates[0].input_tokens, Some(600));

    let some = |i: usize| (i > 0).then_some(30);
    let report = served(Behaviour { input_tokens: some, ..Behaviour::named("m") }, |_| {});
    check_says(&report, "m did not tell the prompt tokens of 1 of 20 answers");
    assert_eq!(report.candidates[1].input_tokens, None);

    // what failed has no prompt tokens that count, and needs no word
    let some = |i: usize| (i > 4).then_some(30);
    let report = served(Behaviour { input_tokens: some, fails: |i| i <= 4, ..Behaviour::named("m") }, |_| {});
    assert!(!report.notes.iter().any(|note| note.contains("prompt tokens")), "{:#?}", report.notes);
    assert_eq!(report.candidates[1].input_tokens, Some(450));
}
