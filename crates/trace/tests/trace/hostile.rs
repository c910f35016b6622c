//! Files that infercost did not write, or that something has damaged.

use std::path::Path;

use infercost_trace::{ReadNotes, RunStore, StoreError, inspect_run, read_run};
use proptest::prelude::*;

use crate::records::{evaluation, header, inference, moment, window, window_id};

/// A small, finished run.
pub(crate) fn write_run(traces: &Path) -> std::path::PathBuf {
    let mut store = RunStore::create(traces, &header()).unwrap();
    let folder = store.folder().to_owned();
    store.inference(&window_id(0), &inference("a", 1)).unwrap();
    store.inference(&window_id(0), &inference("b", 2)).unwrap();
    store.window(&window(0, 1, Vec::new())).unwrap();
    store.evaluation(&evaluation("a", 1.0)).unwrap();
    store.finish(moment(200)).unwrap();
    folder
}

/// Replaces `from` by `to` in the spans' file of a good run and reads it.
fn altered(from: &str, to: &str) -> Result<ReadNotes, String> {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let path = folder.join("spans.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "the case changes nothing: {from}");
    std::fs::write(&path, without_checksums(&text.replacen(from, to, 1))).unwrap();
    inspect_run(&folder).map(|(_, notes)| notes).map_err(|error| error.to_string())
}

/// The lines as earlier versions wrote them, so that what is wrong in them is met and not the checksum.
pub(crate) fn without_checksums(text: &str) -> String {
    let mut plain = String::new();
    for line in text.split_inclusive('\n') {
        match line.rsplit_once(",\"crc32\":\"") {
            Some((body, _)) => plain += &format!("{body}}}\n"),
            None => plain += line,
        }
    }
    plain
}

#[test]
fn a_line_that_was_damaged_is_found() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let path = folder.join("spans.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let number = text.find("{\"doubleValue\":12.5}").unwrap() + "{\"doubleValue\":".len();
    let line = text[..number].lines().count();
    #[track_caller]
    fn check(folder: &Path, text: &str, line: usize, wanted: &str) {
        std::fs::write(folder.join("spans.jsonl"), text).unwrap();
        let error = read_run(folder).unwrap_err().to_string();
        assert!(error.contains(&format!("spans.jsonl:{line}: {wanted}")), "{error}");
    }

    // a number that is another one, and is a number all the same
    let mut damaged = text.clone();
    damaged.replace_range(number..=number, "9");
    check(&folder, &damaged, line, "its checksum does not match");

    // the checksum itself
    let mark = text.find("\"crc32\"").unwrap();
    let first = text[..mark].lines().count();
    let mut damaged = text.clone();
    damaged.replace_range(mark..mark + 7, "\"crc33\"");
    assert_eq!(first, 1);

    // lines before the first one with a checksum may be an earlier version's; the rest still is checked
    std::fs::write(&path, &damaged).unwrap();
    assert!(read_run(&folder).is_ok());
    let second = mark + 8 + text[mark + 8..].find("\"crc32\"").unwrap();
    let mut damaged = text.clone();
    damaged.replace_range(second..second + 7, "\"crc33\"");
    check(&folder, &damaged, 2, "it has no checksum");

    // cut in the middle, and written on
    let (one, other) = text.split_at(text.find('\n').unwrap() / 2);
    let cut = format!("{one}{}", &other[other.find('\n').unwrap() + 1..]);
    check(&folder, &cut, 1, "");
}

#[test]
fn runs_without_checksums_are_read() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let wanted = read_run(&folder).unwrap();
    let path = folder.join("spans.jsonl");
    let plain = without_checksums(&std::fs::read_to_string(&path).unwrap());
    assert!(!plain.contains("crc32"));
    std::fs::write(&path, plain).unwrap();
    assert_eq!(read_run(&folder).unwrap(), wanted);
}

/// Blank lines are lines: what is wrong behind them has their number, and what was cut off is behind them.
#[test]
fn blank_lines_are_counted() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let path = folder.join("spans.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();

    std::fs::write(&path, format!("\n \n{first}\n\n{{\n")).unwrap();
    let error = read_run(&folder).unwrap_err().to_string();
    assert!(error.contains("spans.jsonl:5: "), "{error}");

    std::fs::write(&path, format!("\n{text}\n\n{{")).unwrap();
    let (run, notes) = inspect_run(&folder).unwrap();
    assert_eq!((run.windows.len(), notes.torn_bytes), (1, 1));

    std::fs::write(&path, "\n".repeat(100)).unwrap();
    assert_eq!(inspect_run(&folder).unwrap().1, ReadNotes::default());
}

#[test]
fn a_wrong_line_is_named_with_its_reason() {
    let cases = [
        ("{\"resourceSpans\"", "{resourceSpans\"", "spans.jsonl:1: key must be a string"),
        ("\"startTimeUnixNano\":\"", "\"startTimeUnixNano\":\"x", "is not an unsigned 64-bit number"),
        ("\"spanId\":\"", "\"spanId\":\"00", "spanId is not of eight bytes"),
        ("{\"stringValue\":\"stop\"}", "{\"stringValue\":\"\\u001b[2J\"}", "names no reason: \"\\u{1b}[2J\""),
        ("{\"stringValue\":\"stop\"}", "{\"intValue\":\"1\"}", "is not a string"),
        (
            "\"infercost.repetition\",\"value\":{\"intValue\":\"0\"}",
            "\"x\",\"value\":{\"intValue\":\"0\"}",
            "attribute infercost.repetition is missing",
        ),
        (
            "\"infercost.repetition\",\"value\":{\"intValue\":\"0\"}",
            "\"infercost.repetition\",\"value\":{\"intValue\":\"-1\"}",
            "out of range: -1",
        ),
        (
            "\"infercost.variant\",\"value\":{\"stringValue\":\"example",
            "\"infercost.variant\",\"value\":{\"stringValue\":\"\\u0007",
            "is not in the run's header: \"\\u{7}-100m/f16\"",
        ),
        ("\"counter\"", "\"guess\"", "names no source: \"guess\""),
        ("{\"intValue\":\"100000000\"}", "{\"intValue\":\"-5\"}", "out of range: -5"),
        (
            "{\"intValue\":\"100000000\"}",
            "{\"intValue\":\"5\",\"boolValue\":true}",
            "an attribute has two values",
        ),
        ("{\"doubleValue\":12.5}", "{\"doubleValue\":1e999}", "number out of range"),
    ];

    for (from, to, expected) in cases {
        let error = altered(from, to).unwrap_err();
        assert!(error.contains(expected), "{from} → {to}: {error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
}

#[test]
fn what_is_not_infercosts_is_left_aside_and_counted() {
    let stranger = "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"spanId\":\"aa\",\"attributes\":\
                    [{\"key\":\"x\",\"value\":{\"arrayValue\":{}}},{\"key\":\"y\",\"value\":{\"kvlistValue\":\
                    {\"values\":[]}}},{\"key\":\"z\"}]}]}]}],\"new\":[1,{}]}\n";
    let first = "{\"resourceSpans\"";
    let cases = [
        (
            first.to_owned(),
            format!("{stranger}{first}"),
            ReadNotes { unknown_spans: 1, ..Default::default() },
        ),
        (first.to_owned(), format!("\n  \n{first}"), ReadNotes::default()),
        (first.to_owned(), format!("{{}}\n{first}"), ReadNotes::default()),
        (
            "\"infercost.record\",\"value\":{\"stringValue\":\"evaluation\"}".to_owned(),
            "\"infercost.record\",\"value\":{\"stringValue\":\"dream\"}".to_owned(),
            ReadNotes { unknown_spans: 1, ..Default::default() },
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(altered(&from, &to), Ok(expected), "{from} → {to}");
    }
}

#[test]
fn a_second_span_of_the_same_id_does_not_count() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    let path = folder.join("spans.jsonl");
    let once = read_run(&folder).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{text}")).unwrap();
    let (twice, notes) = inspect_run(&folder).unwrap();
    assert_eq!(twice, once);
    // two inferences, a window, an evaluation, two variants, the root
    assert_eq!(notes.duplicate_spans, 7);
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let traces = tempfile::tempdir().unwrap();
    let folder = write_run(traces.path());
    std::fs::write(folder.join("spans.jsonl"), vec![b'['; (16 << 20) + 2]).unwrap();
    let error = read_run(&folder).unwrap_err().to_string();
    assert!(error.contains("spans.jsonl:1: longer than 16777216 bytes"), "{error}");
}

#[test]
fn a_header_is_checked_before_a_span_is_read() {
    let check = |content: Option<&str>, expected: &str| {
        let traces = tempfile::tempdir().unwrap();
        let folder = write_run(traces.path());
        let path = folder.join("run.json");
        match content {
            Some(content) => std::fs::write(&path, content).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let error = read_run(&folder).unwrap_err().to_string();
        assert!(error.contains(expected), "{content:?}: {error}");
        let error = RunStore::resume(&folder).unwrap_err().to_string();
        assert!(error.contains(expected), "{content:?}: {error}");
    };
    check(None, "no run here (there is no run.json)");
    check(Some("{}"), "missing field `schema`");
    check(Some("not JSON"), "run.json: expected ident");
    check(Some("{\"schema\":\"infercost.run/2\",\"new\":true}"), "format \"infercost.run/2\" is not");
    check(Some("{\"schema\":\"infercost.run/1\"}"), "missing field `id`");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        header_too in any::<bool>(),
    ) {
        thread_local! {
            static RUN: tempfile::TempDir = tempfile::tempdir().unwrap();
        }
        RUN.with(|traces| {
            let folder = traces.path().join("sample-run");
            let _ = std::fs::remove_dir_all(&folder);
            write_run(traces.path());
            let path = folder.join(if header_too { "run.json" } else { "spans.jsonl" });
            let mut bytes = std::fs::read(&path).unwrap();
            for (place, byte) in &places {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            std::fs::write(&path, &bytes).unwrap();
            match read_run(&folder) {
                Ok(run) => prop_assert!(run.windows.len() <= 2),
                Err(StoreError::Line { line, .. }) => prop_assert!(line >= 1),
                Err(error) => prop_assert!(header_too, "{}", error),
            }
            let _ = RunStore::resume(&folder);
            Ok(())
        })?;
    }
}

/// What is left aside is said in words, and nothing of what is whole.
#[test]
fn what_is_left_aside_is_said_in_words() {
    let cut = ReadNotes { torn_bytes: 2047, ..ReadNotes::default() };
    assert_eq!(cut.to_string(), "the last line, cut off after 2047 bytes");
    let foreign = ReadNotes { unknown_spans: 1, duplicate_spans: 2, torn_bytes: 0 };
    let words = "1 span of another program or a newer version; 2 spans that had come before";
    assert_eq!(foreign.to_string(), words);
}

/// Opening a pipe waits for whoever writes to it.
#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_is_refused() {
    for name in ["spans.jsonl", "run.json"] {
        let traces = tempfile::tempdir().unwrap();
        let folder = write_run(traces.path());
        let pipe = folder.join(name);
        std::fs::remove_file(&pipe).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

        let (answer, answers) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let finished = infercost_trace::is_finished(&folder).map(drop);
            answer.send([read_run(&folder).map(drop), finished]).ok();
        });
        let [read, finished] = answers.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        let error = read.unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("it is no regular file"), "{error}");
        assert_eq!(finished.is_err(), name == "spans.jsonl");
    }
}
