//! Two runs side by side: what became better or worse, and the gate that builds go by.

use serde_json::Value;
use tempfile::TempDir;

use super::{bench, check};
use crate::made_up::MadeUp;
use crate::program::{json, run};

const SLOW: &str = "20261101-000000";
const FAST: &str = "20261102-000000";
const UNMETERED: &str = "20261103-000000";

/// A run of 1 s an inference, one of half a second, and the first again without a meter.
fn three_runs() -> TempDir {
    let folder = bench();
    MadeUp { id: FAST, seconds: 0.5, watts: Some(60.0), idle: Some(10.0), threads: 2 }.write(folder.path());
    MadeUp { id: UNMETERED, seconds: 1.0, watts: None, idle: None, threads: 2 }.write(folder.path());
    folder
}

fn verdict<'d>(diff: &'d Value, metric: &str) -> &'d str {
    let metrics = diff["variants"][0]["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|one| one["metric"] == metric).unwrap();
    found["verdict"].as_str().unwrap()
}

#[test]
fn what_became_better_worse_or_neither() {
    let folder = three_runs();
    let compared = |old, new| json(&run(folder.path(), &["diff", old, new, "--json"]));
    for (old, new, times, cost) in [
        (SLOW, FAST, "better", "better"),
        (FAST, SLOW, "worse", "worse"),
        (SLOW, SLOW, "no_difference_shown", "no_difference_shown"),
        (SLOW, UNMETERED, "no_difference_shown", "not_comparable"),
    ] {
        let diff = compared(old, new);
        for metric in ["ttft", "prefill", "decode"] {
            assert_eq!(verdict(&diff, metric), times, "{old} {new} {metric}: {diff:#}");
        }
        for metric in ["cost", "energy"] {
            assert_eq!(verdict(&diff, metric), cost, "{old} {new} {metric}: {diff:#}");
        }
        assert_eq!(verdict(&diff, "task_score"), "no_difference_shown", "{old} {new}: {diff:#}");
    }
}

#[test]
fn limits_are_kept_passed_or_not_settled() {
    let folder = three_runs();
    let gate = |old, new, limit: &[&str], code, words: &str| {
        check(folder.path(), &[&["diff", old, new][..], limit].concat(), code, &[words]);
    };
    let limits = ["--max-cost-increase", "5%", "--max-latency-increase", "10%", "--max-quality-loss", "2%"];
    gate(SLOW, FAST, &limits, 0, "limit kept: increase of cost stays within 5 % for every variant");
    gate(SLOW, SLOW, &limits, 0, "limit kept: increase of TTFT stays within 10 % for every variant");
    gate(FAST, SLOW, &limits, 4, "passed: full: increase of time per output token");
    gate(FAST, SLOW, &["--max-cost-increase", "1.5"], 2, "is above 1; write 1.5%");
    gate(FAST, SLOW, &["--max-cost-increase", "150%"], 0, "limit kept: increase of cost");
    gate(FAST, SLOW, &["--max-quality-loss", "2%"], 0, "limit kept: loss of task score");

    // a cost that is not known in both runs lets no build through, and stops none
    gate(SLOW, UNMETERED, &limits, 3, "limit not settled: the costs hold different parts");

    // what became worse is no failure where nobody set a limit
    gate(FAST, SLOW, &[], 0, "worse: 5 of 7");
}

#[test]
fn runs_that_have_nothing_in_common_settle_no_limit() {
    let folder = three_runs();
    let sample = super::sample();
    check(folder.path(), &["diff", SLOW, &sample], 0, &["nothing to compare", "the prompt sets differ"]);
    let limit = ["diff", SLOW, &sample, "--max-cost-increase", "5%"];
    check(folder.path(), &limit, 3, &["limit not settled: the runs have no variant in common"]);
    check(folder.path(), &["diff", SLOW, "nowhere"], 2, &["`nowhere` is not a run"]);
}
