#![expect(clippy::unwrap_used, reason = "a test may panic")]
use std::collections::BTreeMap;

use super::*;
use crate::estimate::Estimate;

fn json(fact: Fact) -> serde_json::Value {
    serde_json::to_value(Finding { severity: Severity::Warning, fact, fix: None }).unwrap()
}

#[test]
fn json_has_code_subject_sentence_and_numbers() {
    let kinds = BTreeMap::from([("timeout".to_owned(), 3)]);
    let failures = Fact::Failures { variant: "q4_0".into(), failures: 3, inferences: 40, kinds };
    let found = json(failures.clone());

    assert_eq!(found["code"], "failures");
    assert_eq!(found["subject"], "q4_0");
    let sentence = "q4_0 failed in 3 of 40 inferences (timeout 3); failures score 0, and what they took is billed to the answers.";
    assert_eq!(found["message"], sentence);
    assert_eq!(found["facts"]["failures"], 3);

    let read: Finding = serde_json::from_value(found).unwrap();
    assert_eq!(read.fact, failures);
}

/// A window that was cut off lacks its energy; a run without an end can be resumed, wherever it was cut off.
#[test]
fn a_window_or_a_run_is_cut_off() {
    let said = |windows, runs: &[&str]| {
        let runs = runs.iter().map(|run| (*run).to_owned()).collect();
        Fact::CutOff { windows, runs }.to_string()
    };
    assert_eq!(said(1, &[]), "1 window was cut off: the inferences count, the energy is left out.");
    assert_eq!(said(0, &["r1"]), "Run r1 has no end: it was cut off, or still goes on.");
    assert_eq!(said(0, &["r1", "r2"]), "Runs r1, r2 have no end: they were cut off, or still go on.");
    assert!(said(2, &["r1"]).starts_with("2 windows were cut off: ") && said(2, &["r1"]).contains("Run r1"));
}

/// A report of a version that wrote sentences alone is read all the same.
#[test]
fn an_older_finding_keeps_its_sentence() {
    let text = r#"{"code":"idle_drift","severity":"limitation","message":"Idle power drifted."}"#;
    let read: Finding = serde_json::from_str(text).unwrap();
    assert_eq!((read.code(), read.sentence().as_str()), (FindingCode::IdleDrift, "Idle power drifted."));
    assert_eq!(serde_json::from_value::<Finding>(serde_json::to_value(&read).unwrap()).unwrap(), read);
}

/// Facts with structs, tuples and enums inside come back as they were.
#[test]
fn every_shape_comes_back() {
    let estimate = Estimate { point: 0.1, lower: -0.05, upper: 0.25, confidence: 0.95, n: 40 };
    let first = crate::served::UsageFault::OutputBeyondLimit { claimed: 9 };
    for fact in [
        Fact::SeveralMachines { machines: vec!["4090".into()], pooled: Vec::new() },
        Fact::MachinesUnpriced { machines: vec!["4090".into()] },
        Fact::NoiseFloor { saving: estimate },
        Fact::CommonParts { variant: "q8_0".into(), parts: vec![crate::cost_part::CostPart::ColdStarts] },
        Fact::BoardWarmed {
            name: "H200".into(),
            uuid: "GPU-1".into(),
            first: (crate::record::IdlePhase::Resident, 40),
            last: (crate::record::IdlePhase::After, 71),
        },
        Fact::Server {
            variant: "m".into(),
            server: ServerFact::ClaimsDisbelieved { answers: 1, of: 2, first },
        },
        EconomicsFact::CurveGaps { hours: 2.5 }.into(),
        Fact::TestedNoHarder {
            variant: "m".into(),
            at: crate::record::OperatingPoint::Open { rate: 2.5 },
            over_saturated: true,
        },
    ] {
        let found = json(fact.clone());
        assert!(!found["message"].as_str().unwrap().is_empty(), "{found}");
        assert_eq!(serde_json::from_value::<Finding>(found).unwrap().fact, fact);
    }
}

#[test]
fn findings_are_two_arrays() {
    let mut findings = Findings::default();
    findings.add(Severity::Limitation, EconomicsFact::WaitingFree);
    let mut first = Findings::default();
    first.add(Severity::Warning, EconomicsFact::ExamplePrices);
    findings.precede(first);

    let json = serde_json::to_value(&findings).unwrap();
    assert_eq!(
        json["notes"][1],
        "The idle power is unknown, and waiting counts as free; give it with --assume-watts."
    );
    assert_eq!(json["findings"][0]["code"], "prices_assumed");
    assert_eq!(serde_json::from_value::<Findings>(json).unwrap(), findings);
}

/// Sentences whose arm stands in the first function of `words.rs` itself.
const DIRECT: [&str; 11] = [
    "Stated",
    "MachineBusy",
    "DisturbedWindows",
    "SavingAtLengths",
    "SeveralMachines",
    "MachinesUnpriced",
    "CutOff",
    "Failures",
    "Server",
    "Comparison",
    "Economics",
];

/// A fact that no function puts into words would be an empty sentence.
#[test]
fn every_fact_has_words() {
    let (_, words) = include_str!("words.rs").split_once("fn of_cost").unwrap();
    let all = [words, include_str!("board_words.rs"), include_str!("energy_words.rs")].concat();
    let (_, facts) = include_str!("fact.rs").split_once("pub enum Fact {").unwrap();
    let (facts, _) = facts.split_once("\n}\n").unwrap();

    let mut seen = 0;
    for line in facts.lines().filter_map(|line| line.strip_prefix("    ")) {
        let name: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
            continue;
        }
        seen += 1;
        let arm = all.match_indices(&format!("Fact::{name}")).any(|(at, word)| {
            let after = all[at + word.len()..].chars().next();
            !after.is_some_and(|next| next.is_alphanumeric())
        });
        assert!(arm || DIRECT.contains(&name.as_str()), "{name} has no words");
    }
    assert!(seen > 40, "the facts are elsewhere: {seen}");
}
