//! Two processes on one folder of runs, on one cache and on one run.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::{COMPARE, alone, assert_answered, bench, inputs, rounds, runs, strays, tell};
use crate::program::{infercost, run};

#[test]
fn two_processes_share_a_folder_of_runs_and_a_cache() {
    let _alone = alone();
    for round in 0..rounds().min(20) {
        let folder = bench();
        let start = || {
            infercost(folder.path(), &COMPARE).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let (one, other) = (start(), start());
        for child in [one, other] {
            assert_answered(&child.wait_with_output().unwrap(), &format!("round {round}"));
        }

        let runs = runs(folder.path());
        assert_eq!(runs.len(), 2, "round {round}: {runs:?}");
        assert_eq!(inputs(&runs[0]), inputs(&runs[1]), "round {round}");
        assert_eq!(strays(folder.path()), [] as [&Path; 0], "round {round}");
    }

    let tried = format!("{} pairs started in the same moment", rounds().min(20));
    tell("two `compare` in one folder", &tried, "two whole runs of different names");
}

#[test]
fn one_run_is_written_by_one_process() {
    let _alone = alone();
    let folder = bench();
    run(folder.path(), &COMPARE);
    let whole = runs(folder.path()).pop().unwrap();
    let wanted = inputs(&whole);
    let text = fs::read_to_string(whole.join("spans.jsonl")).unwrap();
    let begun: String = text.split_inclusive('\n').take(4).collect();

    for round in 0..rounds().min(20) {
        fs::write(whole.join("spans.jsonl"), &begun).unwrap();
        let resume = || {
            let mut command = infercost(folder.path(), &["compare", "--resume"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let (one, other) = (resume(), resume());
        let outputs = [one, other].map(|child| child.wait_with_output().unwrap());

        let answered =
            outputs.iter().filter(|output| matches!(output.status.code(), Some(0 | 3 | 4))).count();
        assert!(answered >= 1, "round {round}: {outputs:?}");
        for output in outputs.iter().filter(|output| output.status.code() == Some(1)) {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains("another process is writing this run"), "round {round}: {told}");
        }
        assert_eq!(inputs(&whole), wanted, "round {round}");
    }

    let tried = format!("{} pairs started in the same moment", rounds().min(20));
    tell("two `compare --resume` of one run", &tried, "one goes on, the other is told so; every record once");
}
