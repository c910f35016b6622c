//! Runs that are cut off, resumed, refused.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infercost_core::{
    EnergyReading, Evaluation, EvaluationKind, FailureKind, InferenceRecord, LoadRecord, OperatingPoint,
    Outcome, RunId, RunRecord, VariantId, WindowId, WindowRecord,
};
use infercost_trace::{ReadNotes, RunStore, inspect_run, is_finished, list_runs, read_run};

use crate::hostile::write_run;
use crate::records::{CANDIDATE, evaluation, header, inference, moment, window, window_id};

/// A run killed inside its second window: one inference there, and no window span.
fn killed(traces: &std::path::Path) -> std::path::PathBuf {
    let mut store = RunStore::create(traces, &header()).unwrap();
    store.inference(&window_id(0), &inference("a", 1)).unwrap();
    store.window(&window(0, 1, vec![inference("a", 1)])).unwrap();
    store.inference(&window_id(1), &inference("b", 10)).unwrap();
    store.folder().to_owned()
}

fn interrupted(run: &RunRecord) -> &WindowRecord {
    let window = run.windows.last().unwrap();
    assert!(window.interrupted);
    assert!(matches!(window.energy, EnergyReading::Unavailable { .. }));
    window
}

#[test]
fn a_record_can_be_read_while_the_run_is_open() {
    let traces = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(traces.path(), &header()).unwrap();
    for (count, prompt) in (1..).zip(["a", "b", "c"]) {
        store.inference(&window_id(0), &inference(prompt, count)).unwrap();
        let run = read_run(store.folder()).unwrap();
        assert_eq!(run.windows[0].inferences.len() as u64, count);
        assert_eq!(run.finished_at, None);
    }
}

#[test]
fn what_ends_together_shares_lines() {
    let traces = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(traces.path(), &header()).unwrap();
    let mut given: Vec<_> = (0..500).map(|number| inference(&number.to_string(), 1 + number % 7)).collect();
    // longer than a line that others may join
    given[250].input_text = Some("x".repeat(1 << 20));
    store.inferences(&window_id(0), &given).unwrap();
    store.inferences(&window_id(0), &[]).unwrap();

    let lines = fs::read_to_string(store.folder().join("spans.jsonl")).unwrap().lines().count();
    assert!((3..60).contains(&lines), "{lines} lines");
    store.window(&window(0, 1, Vec::new())).unwrap();
    let (mut run, notes) = inspect_run(store.folder()).unwrap();
    assert_eq!(notes, ReadNotes::default());
    let mut read = std::mem::take(&mut run.windows[0].inferences);
    for all in [&mut given, &mut read] {
        all.sort_by(|one, other| one.prompt.as_str().cmp(other.prompt.as_str()));
    }
    assert_eq!(read, given);
}

#[test]
fn what_ended_before_a_record_that_cannot_be_is_kept() {
    let traces = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(traces.path(), &header()).unwrap();
    let mut given: Vec<_> = ["a", "b", "c"].map(|prompt| inference(prompt, 1)).into();
    Arc::make_mut(&mut given[1].sampling).temperature = f64::NAN;
    let error = store.inferences(&window_id(0), &given).unwrap_err().to_string();
    assert!(error.contains("\"b\""), "{error}");
    let run = read_run(store.folder()).unwrap();
    assert_eq!(run.windows[0].inferences, given[..1]);
    store.inferences(&window_id(0), &given[2..]).unwrap();
    assert_eq!(read_run(store.folder()).unwrap().windows[0].inferences.len(), 2);
}

#[test]
fn a_killed_run_reads_with_its_last_window_marked() {
    let traces = tempfile::tempdir().unwrap();
    let run = read_run(&killed(traces.path())).unwrap();
    let window = interrupted(&run);
    assert_eq!(window.started_at, moment(10));
    assert_eq!(window.wall_time, Duration::from_millis(120));
    assert_eq!(window.operating_point, OperatingPoint::SEQUENTIAL);
    assert_eq!(window.inferences, vec![inference("b", 10)]);
    assert!(!run.windows[0].interrupted);
    assert_eq!(run.finished_at, None);
}

#[test]
fn an_interrupted_window_had_as_many_in_flight_as_overlap() {
    // one inference of 120 ms is issued at each of these seconds
    let cases: [(&[u64], u32); 4] = [(&[1], 1), (&[1, 2, 3], 1), (&[1, 1, 3], 2), (&[3, 3, 1, 3], 3)];
    for (issued, expected) in cases {
        let traces = tempfile::tempdir().unwrap();
        let mut store = RunStore::create(traces.path(), &header()).unwrap();
        for (number, second) in issued.iter().enumerate() {
            store.inference(&window_id(0), &inference(&number.to_string(), *second)).unwrap();
        }
        let run = read_run(store.folder()).unwrap();
        assert_eq!(interrupted(&run).operating_point, OperatingPoint::Closed { concurrency: expected });
    }
}

#[test]
fn a_resumed_run_holds_every_record_once() {
    let traces = tempfile::tempdir().unwrap();
    let folder = killed(traces.path());
    let before = read_run(&folder).unwrap();
    for _ in 0..3 {
        let (_, resumed) = RunStore::resume(&folder).unwrap();
        assert_eq!(resumed, before);
        assert_eq!(read_run(&folder).unwrap(), before);
    }
    let (mut store, _) = RunStore::resume(&folder).unwrap();
    let again = store.inference(&window_id(2), &inference("a", 20)).unwrap_err().to_string();
    assert!(again.contains("prompt \"a\", repetition 0") && again.contains("already in the run"), "{again}");
    assert!(store.window(&window(0, 1, Vec::new())).is_err());
    store.inference(&window_id(2), &inference("c", 20)).unwrap();
    store.window(&window(2, 20, vec![inference("c", 20), inference("d", 22)])).unwrap();
    store.evaluation(&evaluation("b", 1.0)).unwrap();
    assert!(store.evaluation(&evaluation("b", 0.0)).is_err());
    store.finish(moment(30)).unwrap();

    let (run, notes) = inspect_run(&folder).unwrap();
    let prompts: Vec<&str> = run
        .windows
        .iter()
        .flat_map(|window| &window.inferences)
        .map(|inference| inference.prompt.as_str())
        .collect();
    assert_eq!(prompts, ["a", "b", "c", "d"]);
    assert!(run.windows[1].interrupted && !run.windows[2].interrupted);
    assert_eq!(run.evaluations.len(), 1);
    assert_eq!(run.finished_at, Some(moment(30)));
    assert_eq!(notes, ReadNotes::default());
}

#[test]
fn the_last_line_may_be_cut_anywhere() {
    let traces = tempfile::tempdir().unwrap();
    let folder = killed(traces.path());
    let path = folder.join("spans.jsonl");
    let whole = fs::read(&path).unwrap();
    let lines: Vec<usize> =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    let last = lines[1] + 1;
    for cut in (last..whole.len()).step_by(97).chain([whole.len() - 2, whole.len() - 1]) {
        fs::write(&path, &whole[..cut]).unwrap();
        // without its line end alone, the line is still whole
        let complete = cut == whole.len() - 1;
        let (run, notes) = inspect_run(&folder).unwrap();
        assert_eq!(run.windows.len(), 1 + usize::from(complete), "cut at {cut}");
        assert_eq!(notes.torn_bytes, if complete { 0 } else { (cut - last) as u64 });
        let (mut store, resumed) = RunStore::resume(&folder).unwrap();
        assert_eq!(resumed, run);
        store.inference(&window_id(7), &inference("next", 60)).unwrap();
        drop(store);
        let (run, notes) = inspect_run(&folder).unwrap();
        assert_eq!(notes, ReadNotes::default());
        assert_eq!(interrupted(&run).inferences, vec![inference("next", 60)]);
    }
}

#[test]
fn a_run_killed_before_its_first_span_is_resumed() {
    let traces = tempfile::tempdir().unwrap();
    let folder = RunStore::create(traces.path(), &header()).unwrap().folder().to_owned();
    fs::remove_file(folder.join("spans.jsonl")).unwrap();
    assert!(read_run(&folder).unwrap().windows.is_empty());
    let (store, _) = RunStore::resume(&folder).unwrap();
    store.finish(moment(1)).unwrap();
    assert_eq!(read_run(&folder).unwrap().finished_at, Some(moment(1)));
}

#[test]
fn a_finished_run_takes_nothing_more() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let bytes = fs::read(folder.join("spans.jsonl")).unwrap();
    let (mut store, run) = RunStore::resume(&folder).unwrap();
    assert_eq!(run.finished_at, Some(moment(200)));
    let error = store.inference(&window_id(9), &inference("z", 300)).unwrap_err().to_string();
    assert!(error.contains("the run is finished"), "{error}");
    store.finish(moment(400)).unwrap();
    assert_eq!(fs::read(folder.join("spans.jsonl")).unwrap(), bytes);
}

#[test]
fn one_process_writes_at_a_time() {
    let traces = tempfile::tempdir().unwrap();
    let store = RunStore::create(traces.path(), &header()).unwrap();
    let error = RunStore::resume(store.folder()).unwrap_err().to_string();
    assert!(error.contains("another process is writing this run"), "{error}");
    let folder = store.folder().to_owned();
    drop(store);
    RunStore::resume(&folder).unwrap();
}

#[test]
fn a_run_that_cannot_be_is_not_begun() {
    let traces = tempfile::tempdir().unwrap();
    let good = header();
    RunStore::create(traces.path(), &good).unwrap();
    let mut file = fs::File::create(traces.path().join("file")).unwrap();
    file.write_all(b"in the way").unwrap();
    let with = |change: &dyn Fn(&mut infercost_core::RunHeader)| {
        let mut header = header();
        header.id = RunId::from("another");
        change(&mut header);
        header
    };

    let here = traces.path().to_owned();
    let cases = [
        (here.clone(), good, "this run exists"),
        (here.clone(), with(&|header| header.id = RunId::from("")), "run id \"\""),
        (here.clone(), with(&|header| header.id = RunId::from("../x")), "run id \"../x\""),
        (here.clone(), with(&|header| header.id = RunId::from("..")), "run id"),
        (here.clone(), with(&|header| header.id = RunId::from("a\u{1b}b")), "run id \"a\\u{1b}b\""),
        (here.clone(), with(&|header| header.id = RunId::from("x".repeat(129))), "1 to 128"),
        (here.clone(), with(&|header| header.schema = "infercost.run/9".into()), "infercost.run/9"),
        (here.clone(), with(&|header| header.policy.margin = Some(f64::NAN)), "not finite"),
        (here.clone(), with(&|header| header.prices.pue = f64::INFINITY), "not finite"),
        (here.join("file"), with(&|_| ()), "A file is in the way"),
    ];

    for (folder, header, expected) in cases {
        let error = RunStore::create(&folder, &header).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert!(!here.join("another").exists());
    assert!(!here.join("x").exists());
}

#[test]
fn a_record_that_cannot_be_is_refused_and_leaves_no_trace() {
    let traces = tempfile::tempdir().unwrap();
    let mut store = RunStore::create(traces.path(), &header()).unwrap();
    store.inference(&window_id(0), &inference("a", 1)).unwrap();
    let path = store.folder().join("spans.jsonl");
    let before = fs::read(&path).unwrap();
    let refused = |result: Result<(), infercost_trace::StoreError>, expected: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    };

    refused(store.evaluation(&evaluation("a", f64::NAN)), "evaluation.score.value is not a finite number");
    refused(store.evaluation(&evaluation("a", f64::INFINITY)), "the evaluation \"task\" of prompt \"a\"");
    let mut hot = inference("b", 2);
    Arc::make_mut(&mut hot.sampling).temperature = f64::NEG_INFINITY;
    refused(store.inference(&window_id(0), &hot), "request.temperature is not a finite number");
    let mut old = inference("b", 2);
    old.issued_at = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    refused(store.inference(&window_id(0), &old), "the start lies outside");
    let mut huge = inference("b", 2);
    huge.input_text = Some("x".repeat(16 << 20));
    refused(store.inference(&window_id(0), &huge), "a line holds at most 16777216");
    let stranger = WindowId { variant: VariantId::from("who\u{7}"), index: 0 };
    refused(
        store.inference(&stranger, &inference("b", 2)),
        "variant \"who\\u{7}\" is not in this run's header",
    );
    let mut window = window(0, 1, Vec::new());
    window.energy = EnergyReading::Estimated {
        energy: infercost_core::Joules::new(1.0),
        scope: infercost_core::EnergyScope::default(),
        method: infercost_core::EstimationMethod::GivenWatts { watts: infercost_core::Watts::new(f64::NAN) },
    };
    refused(store.window(&window), "infercost.energy.method is not a finite number");
    assert_eq!(fs::read(&path).unwrap(), before);

    let mut impossible = evaluation("a", 0.0);
    impossible.result =
        Evaluation::Impossible { what: EvaluationKind::Task, reason: "the score is not finite".into() };
    store.evaluation(&impossible).unwrap();
}

/// Two machines may begin runs in the same second; a run that was recorded before there was a salt keeps its ids.
#[test]
fn runs_of_one_name_have_ids_of_their_own() {
    let ids = |salt: Option<&str>| {
        let traces = tempfile::tempdir().unwrap();
        let mut header = header();
        header.salt = salt.map(str::to_owned);
        let mut store = RunStore::create(traces.path(), &header).unwrap();
        store.inference(&window_id(0), &inference("a", 1)).unwrap();
        assert_eq!(read_run(store.folder()).unwrap().header, header);
        let text = fs::read_to_string(store.folder().join("spans.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let span = &line["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        ["traceId", "spanId", "parentSpanId"].map(|id| span[id].as_str().unwrap().to_owned())
    };
    let old = ids(None);
    assert_eq!(old, OLD_IDS.map(str::to_owned));
    let (one, other) = (ids(Some("1")), ids(Some("2")));
    assert_eq!(one, ids(Some("1")));
    for (left, right) in [(&old, &one), (&one, &other), (&old, &other)] {
        assert!(left.iter().zip(right).all(|(left, right)| left != right), "{left:?} {right:?}");
    }
}

/// First bytes of SHA-256 over the run's name, `trace`, `inference` or `window`, and the parts, each behind its length.
const OLD_IDS: [&str; 3] = ["08d3566ecceaf31f3cbdfefceaf340e0", "cef758ee39462db8", "604426c25e76e6eb"];

#[test]
fn content_stays_out_of_a_run_without_content() {
    let traces = tempfile::tempdir().unwrap();
    let mut header = header();
    header.content = false;
    let mut store = RunStore::create(traces.path(), &header).unwrap();
    store.inference(&window_id(0), &inference("a", 1)).unwrap();
    let failed = |message: &str, kind| Outcome::Failed {
        kind,
        message: message.to_owned(),
        latency: Duration::from_millis(5),
    };
    let refused = failed("the server answered 400: `two and two?` is no prompt", FailureKind::Status);
    store.inference(&window_id(0), &InferenceRecord { outcome: refused, ..inference("b", 2) }).unwrap();
    let late = failed("no token came within 30s", FailureKind::Timeout);
    store.inference(&window_id(0), &InferenceRecord { outcome: late, ..inference("c", 3) }).unwrap();
    let text = fs::read_to_string(store.folder().join("spans.jsonl")).unwrap();
    assert!(text.contains("no token came within 30s"), "what infercost itself says stays");
    for content in ["two and two?", "four", "input.value", "output.value"] {
        assert!(!text.contains(content), "{content}");
    }
    assert_eq!(read_run(store.folder()).unwrap().windows[0].inferences[0].input_text, None);
}

#[test]
fn a_resumed_run_may_load_again() {
    let traces = tempfile::tempdir().unwrap();
    let load = |seconds| LoadRecord {
        variant: VariantId::from(CANDIDATE),
        started_at: moment(seconds),
        load_time: Duration::from_millis(5),
    };
    let mut store = RunStore::create(traces.path(), &header()).unwrap();
    store.load(&load(1)).unwrap();
    let folder = store.folder().to_owned();
    drop(store);
    let (mut store, _) = RunStore::resume(&folder).unwrap();
    store.load(&load(50)).unwrap();
    assert_eq!(read_run(&folder).unwrap().loads, vec![load(1), load(50)]);
}

#[test]
fn runs_are_listed_by_name() {
    let traces = tempfile::tempdir().unwrap();
    assert!(list_runs(&traces.path().join("none")).unwrap().is_empty());
    fs::create_dir(traces.path().join("no-run")).unwrap();
    fs::write(traces.path().join("file"), "").unwrap();
    let mut header = header();
    for id in ["b", "a", "c"] {
        header.id = RunId::from(id);
        RunStore::create(traces.path(), &header).unwrap();
    }
    let names: Vec<_> = list_runs(traces.path()).unwrap();
    assert_eq!(names, ["a", "b", "c"].map(|name| traces.path().join(name)));
}

/// The header plans one inference of each prompt; a further one was made under load.
#[test]
fn a_load_window_that_was_cut_off_is_no_window_of_single_requests() {
    let traces = tempfile::tempdir().unwrap();
    let mut header = header();
    header.repetitions = 1;
    for (repetition, under_load) in [(0, false), (1, true)] {
        header.id = RunId::from(format!("run-{repetition}"));
        let mut store = RunStore::create(traces.path(), &header).unwrap();
        let record = infercost_core::InferenceRecord { repetition, ..inference("a", 1) };
        store.inference(&window_id(0), &record).unwrap();
        let folder = store.folder().to_owned();
        drop(store);
        for _ in 0..2 {
            let run = read_run(&folder).unwrap();
            assert_eq!(interrupted(&run).load.is_some(), under_load);
            // the second reading finds the window closed on disk
            drop(RunStore::resume(&folder).unwrap());
        }
    }
}

#[cfg(unix)]
#[test]
fn a_run_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn what_is_finished_is_told_by_the_last_line() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    assert!(is_finished(&folder).unwrap());

    let path = folder.join("spans.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let last = text.trim_end().rfind('\n').unwrap();
    for unfinished in [&text[..=last], &text[..text.len() - 20], ""] {
        fs::write(&path, unfinished).unwrap();
        assert!(!is_finished(&folder).unwrap(), "{} bytes", unfinished.len());
    }
    // behind a line that is longer than the piece that is read first
    fs::write(&path, format!("{}\n{text}", " ".repeat(200_000))).unwrap();
    assert!(is_finished(&folder).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(!is_finished(&folder).unwrap());
}

/// Headers of runs that were recorded when the field had another spelling.
#[test]
fn licenses_of_earlier_runs_are_read() {
    let header = include_str!("earlier/run.json");
    assert!(header.contains("\"licence\""));
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("20261123-073338");
    fs::create_dir(&run).unwrap();
    fs::write(run.join("run.json"), header).unwrap();
    fs::write(run.join("spans.jsonl"), "").unwrap();

    let read = read_run(&run).unwrap();
    assert!(read.header.variants.iter().all(|variant| variant.license.is_some()));
}
