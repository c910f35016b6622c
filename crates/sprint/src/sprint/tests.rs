#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use std::collections::BTreeSet;

use super::*;
use crate::space::Parameter;

/// Flags `a` to `d` with three values each: too many combinations to try all.
fn flags() -> Space {
    let flag = |name: &str| {
        let values = ["1", "2", "3"].map(str::to_owned).to_vec();
        Parameter { flag: Some(format!("--{name}")), ..Parameter::placeholder(name, values) }
    };
    Space::new(["a", "b", "c", "d"].map(flag).to_vec()).unwrap()
}

fn sprint(budget_s: f64) -> Sprint {
    let space = flags();
    let candidates = space.candidates(&BTreeSet::new()).unwrap();
    let rules = Rules { race: RaceRules::default(), pairs: 12, alpha: 0.05, budget_s };
    Sprint::new(space, candidates, rules)
}

/// Runs a sprint in which a setting's cost is the product of what its values cost.
fn run(sprint: &mut Sprint, cost: &dyn Fn(&Setting) -> f64, quality: &dyn Fn(&Setting) -> Quality) -> Answer {
    for turn in 0_u32..5000 {
        match sprint.next(f64::from(turn)) {
            Step::Done => return sprint.answer(),
            Step::Judge(candidate) => {
                let setting = sprint.settings().get(candidate).unwrap().clone();
                sprint.judge(quality(&setting));
            }
            Step::Visit(visit) => {
                let cost = match visit.turn {
                    Turn::Present => 1.0,
                    Turn::Candidate(candidate) => cost(sprint.settings().get(candidate).unwrap()),
                };
                let jitter = 2e-3 * f64::from(turn % 5);
                sprint.observe(Ok(cost.ln() + jitter));
            }
        }
    }
    panic!("the sprint never ends");
}

fn kept(_: &Setting) -> Quality {
    Quality::Kept { reason: String::new() }
}

fn product(setting: &Setting) -> f64 {
    let mut cost = 1.0;
    for (name, factor) in [("a", 0.85), ("b", 0.8), ("c", 1.3)] {
        if setting.get(name) == Some("2") {
            cost *= factor;
        }
    }
    cost
}

#[test]
fn single_changes_that_pay_are_combined() {
    let mut sprint = sprint(1e9);
    let answer = run(&mut sprint, &product, &kept);
    let Answer::Found { candidate, saving, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(sprint.settings()[candidate].to_string(), "a=2 b=2");
    assert!((saving.point - 0.32).abs() < 0.01, "{saving:?}");
}

#[test]
fn a_winner_that_is_not_good_enough_makes_way_for_the_next() {
    let mut sprint = sprint(1e9);
    let without_b = |setting: &Setting| match setting.get("b") {
        Some("2") => Quality::Lost { reason: "worse".to_owned() },
        _ => Quality::Kept { reason: String::new() },
    };
    let answer = run(&mut sprint, &product, &without_b);
    let Answer::Found { candidate, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(sprint.settings()[candidate].to_string(), "a=2");
    assert!(sprint.attempts().len() > 1);
}

#[test]
fn nothing_is_an_answer_and_an_early_end_is_none() {
    let answer = run(&mut sprint(1e9), &|_| 0.97, &kept);
    assert_eq!(answer, Answer::Nothing);
    let answer = run(&mut sprint(20.0), &product, &kept);
    assert!(matches!(answer, Answer::Unsettled { best: None, .. }), "{answer:?}");
}
