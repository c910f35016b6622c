//! Requests of tables, to be sent again: which of them, in which order, and with what.

use std::path::Path;

use infercost_fleet::reading::engine::{DEFAULT_MEMORY, Engine};
use infercost_fleet::reading::files::TableFiles;
use infercost_fleet::reading::requests::{TimedRequest, TimedRequests, requests};
use infercost_fleet::recorded::{self, RecordedRun};
use infercost_fleet::tables::rows::InferenceRow;
use infercost_fleet::tables::schema::Table;

use crate::made_up::{call, engine, files, november, reported, write};

fn of_folder(folder: &Path, most: usize) -> TimedRequests {
    requests(&engine(&[folder]), most).unwrap()
}

/// Seconds since the first of November, with the tokens of the prompt.
fn told(requests: &[TimedRequest]) -> Vec<(i64, u64)> {
    let start = 1_793_491_200_000_000;
    requests.iter().map(|one| ((one.issued_at_us - start) / 1_000_000, one.input_tokens)).collect()
}

#[test]
fn production_comes_in_the_order_of_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let at = |day, second| call("m", "s", november(day, second), "1");
    write(
        folder.path(),
        "one",
        &[
            InferenceRow { input_tokens: Some(7), session: Some("chat"), ..at(2, 5) },
            InferenceRow { input_tokens: Some(5), prompt: Some("What?"), ..at(1, 9) },
            InferenceRow { failed: true, output_tokens: None, ..at(1, 1) },
            InferenceRow { output_tokens: None, ..at(1, 2) },
            InferenceRow { input_tokens: Some(0), ..at(1, 3) },
            InferenceRow { issued_at: None, ..at(1, 4) },
            InferenceRow { left_out: true, ..at(1, 5) },
        ],
    );
    write(folder.path(), "two", &[InferenceRow { input_tokens: Some(6), ..at(1, 10) }]);

    let found = of_folder(folder.path(), 10);
    assert_eq!(told(&found.requests), [(9, 5), (10, 6), (86_405, 7)]);
    // the last row was measured again, and is no request of its own
    assert_eq!((found.held, found.left_out, found.has_arrivals), (3, 4, true));
    let [first, second, third] = &found.requests[..] else { panic!("{found:?}") };
    assert_eq!((first.prompt.as_deref(), first.output_tokens), (Some("What?"), 10));
    assert_eq!((first.source.as_str(), second.source.as_str()), ("one", "two"));
    assert_eq!(third.session.as_deref(), Some("chat"));

    let found = of_folder(folder.path(), 2);
    assert_eq!((told(&found.requests).len(), found.held), (2, 3));
}

#[test]
fn one_file_alone_is_read_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let at = |day| call("m", "s", november(day, 0), "1");
    write(folder.path(), "one", &[at(1), at(2), at(2)]);
    let files = files(folder.path());
    assert_eq!(files.len(), 2);
    let renamed = folder.path().join("of a day");
    std::fs::rename(&files[1], &renamed).unwrap();

    let files = TableFiles::of_file(&renamed, Table::Inferences).unwrap();
    let engine = Engine::over(files, DEFAULT_MEMORY).unwrap();
    let found = requests(&engine, 10).unwrap();
    assert_eq!(told(&found.requests), [(86_400, 100), (86_400, 100)]);
    let error = TableFiles::of_file(&renamed, Table::Runs).unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn of_a_recorded_run_the_baseline_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let reported = reported("2026-11-03T23-59-30Z");
    let recorded =
        RecordedRun { run: &reported.run, report: &reported.report, ledger: &reported.ledger, content: true };
    recorded::write(&recorded, folder.path()).unwrap();

    let found = of_folder(folder.path(), 100);
    // 23 prompts, of which every seventh from the third on fails: 3, 10, 17. The window measured again counts once.
    assert_eq!((found.held, found.has_arrivals), (20, false));
    assert_eq!(found.left_out, 3);
    let mut prompts: Vec<&str> = found.requests.iter().filter_map(|one| one.prompt_id.as_deref()).collect();
    prompts.sort_unstable();
    prompts.dedup();
    assert_eq!(prompts.len(), 20);
    let first = found.requests.iter().find(|one| one.prompt_id.as_deref() == Some("p6")).unwrap();
    assert_eq!((first.prompt.as_deref(), first.input_tokens), (Some("secret question 6"), 56));

    // production beside it has times, and the run's single requests have none of their own
    write(folder.path(), "traces", &[call("m", "s", november(9, 0), "1")]);
    let found = of_folder(folder.path(), 100);
    assert_eq!((found.held, found.left_out, found.has_arrivals), (1, 0, true));
}

#[test]
fn requests_under_load_at_a_rate_have_times() {
    let folder = tempfile::tempdir().unwrap();
    let at = |second, point| InferenceRow {
        is_recorded: true,
        operating_point: point,
        prompt_id: Some("a"),
        ..call("m", "s", november(1, second), "1")
    };
    write(
        folder.path(),
        "run",
        &[
            at(1, None),
            at(5, Some("2.5 requests/s")),
            at(3, Some("concurrency 4")),
            at(4, Some("2.5 requests/s")),
        ],
    );
    let found = of_folder(folder.path(), 100);
    assert_eq!(told(&found.requests), [(4, 100), (5, 100)]);
    assert_eq!((found.held, found.left_out, found.has_arrivals), (2, 0, true));
}

#[test]
fn empty_tables_hold_no_request() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "one", &[InferenceRow { failed: true, ..call("m", "s", november(1, 0), "1") }]);
    let found = of_folder(folder.path(), 10);
    assert_eq!((found.requests.len(), found.held, found.left_out), (0, 0, 1));
}
