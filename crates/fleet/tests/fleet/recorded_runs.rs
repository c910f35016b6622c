//! A recorded run in the tables has the totals of its report, to the last digit.

use infercost_core::report::{CandidateReport, CostComponents};
use infercost_fleet::recorded::{self, RecordedRun};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::made_up::{Reported, ask, engine, files, one, reported};

fn write(reported: &Reported, folder: &std::path::Path, content: bool) -> infercost_fleet::Written {
    let Reported { run, report, ledger } = reported;
    recorded::write(&RecordedRun { run, report, ledger, content }, folder).unwrap()
}

/// What a report bills for all answers of a candidate: each part of the mean × answers, rounded once.
fn billed(candidate: &CandidateReport) -> Decimal {
    let CostComponents { energy, hardware, idle, operation, tokens } = candidate.cost.components;
    let mut sum = Decimal::ZERO;
    for part in [energy, hardware, idle, operation, tokens].into_iter().flatten() {
        let total = Decimal::from_f64_retain(part * candidate.answers as f64).unwrap();
        sum += total.round_dp_with_strategy(12, RoundingStrategy::MidpointAwayFromZero);
    }
    sum
}

#[test]
fn totals_are_those_of_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let reported = reported("20261103-235930");
    let written = write(&reported, folder.path(), false);
    assert_eq!(written.runs, 2);
    assert_eq!(written.replaced, 0);

    let engine = engine(&[folder.path()]);
    for candidate in &reported.report.candidates {
        let found = one(
            &engine,
            &format!(
                "SELECT COUNT(*), SUM(CASE WHEN failed THEN 1 ELSE 0 END), SUM(output_tokens), SUM(cost), \
                 SUM(cost_energy) + SUM(cost_hardware) + SUM(cost_idle) + COALESCE(SUM(cost_operation), 0) \
                 FROM inferences WHERE model = '{}' AND counted",
                candidate.variant
            ),
        );
        assert_eq!(found[0], candidate.inferences.to_string());
        assert_eq!(found[1], candidate.failures.to_string());
        assert_eq!(found[2], candidate.output_tokens.to_string());
        let cost: Decimal = found[3].parse().unwrap();
        assert_eq!(cost, billed(candidate), "{}", candidate.variant);
        assert!(cost > Decimal::ZERO);
        assert_eq!(found[4].parse::<Decimal>().unwrap(), cost);

        let run = one(
            &engine,
            &format!("SELECT inferences, answers, cost FROM runs WHERE model = '{}'", candidate.variant),
        );
        assert_eq!(run[0], candidate.inferences.to_string());
        assert_eq!(run[1], candidate.answers.to_string());
        assert_eq!(run[2].parse::<Decimal>().unwrap(), cost);
    }

    // the disturbed window is there, and marked
    let left_out = one(&engine, "SELECT COUNT(*), COUNT(cost) FROM inferences WHERE NOT counted");
    assert_eq!(left_out, ["5", "0"]);
    let windows = one(&engine, "SELECT COUNT(*), SUM(CASE WHEN counted THEN 0 ELSE 1 END) FROM windows");
    assert_eq!(windows, ["11", "1"]);
    assert_eq!(one(&engine, "SELECT COUNT(*) FROM evaluations WHERE kind = 'task'"), ["23"]);

    // the run passes midnight
    let days = ask(&engine, "SELECT DISTINCT CAST(day AS VARCHAR) FROM inferences ORDER BY 1");
    assert_eq!(days, [[Some("2026-11-03".to_owned())], [Some("2026-11-04".to_owned())]]);
}

#[test]
fn a_run_that_is_written_twice_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let reported = reported("20261103-235930");
    let first = write(&reported, folder.path(), false);
    let count = "SELECT COUNT(*), SUM(cost) FROM inferences";
    let before = one(&engine(&[folder.path()]), count);
    let bytes: Vec<Vec<u8>> = files(folder.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();

    let second = write(&reported, folder.path(), false);
    assert_eq!((second.files, second.replaced), (first.files, first.files));
    assert_eq!(one(&engine(&[folder.path()]), count), before);
    let again: Vec<Vec<u8>> = files(folder.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(bytes == again, "the same run gives other bytes");
}

#[test]
fn content_is_written_only_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let reported = reported("20261103-235930");
    write(&reported, folder.path(), false);
    let count = "SELECT COUNT(prompt), COUNT(answer) FROM inferences";
    assert_eq!(one(&engine(&[folder.path()]), count), ["0", "0"]);

    write(&reported, folder.path(), true);
    let found = one(&engine(&[folder.path()]), count);
    assert!(found[0] != "0" && found[1] != "0", "{found:?}");
    let prompt = one(&engine(&[folder.path()]), "SELECT MIN(prompt) FROM inferences");
    assert_eq!(prompt, ["secret question 0"]);
}

/// Two machines may begin a run in one second.
#[test]
fn runs_of_one_name_are_two() {
    let folder = tempfile::tempdir().unwrap();
    let one_run = reported("20261103-235930");
    let mut other = reported("20261103-235930");
    other.run.header.salt = Some("another machine".to_owned());
    write(&one_run, folder.path(), false);
    let written = write(&other, folder.path(), false);

    assert_eq!(written.replaced, 0);
    assert_eq!(one(&engine(&[folder.path()]), "SELECT COUNT(*) FROM runs"), ["4"]);
}
