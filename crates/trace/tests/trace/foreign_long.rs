//! Files of many lines, which are read on all processors: their order, their numbers, and what is wrong with one of them.

use std::io::{BufRead, Cursor};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use infercost_core::IrregularityKind;
use infercost_trace::foreign::{ForeignError, ProductionCall, Streamed, read_file, stream_file};
use serde_json::json;

use super::foreign::{count, line, span};

const LINES: u64 = 8_000;
/// Longer than any line that is read as one.
const TOO_LONG: usize = 65 << 20;

/// A call with as many tokens as its number says.
fn call(number: u64) -> String {
    let tokens = ("gen_ai.usage.input_tokens", json!(number));
    line(&[span(number, None, &[("gen_ai.operation.name", json!("chat")), tokens])])
}

/// Calls of 1 to `LINES`, a line each; some megabytes. Among them one that a program printed, one that is damaged and one
/// that is read again; the last one is cut off.
fn text() -> String {
    let mut text = String::new();
    for number in 1..=LINES {
        match number {
            2_500 => text.push_str("INFO: started\n"),
            6_000 => text.push_str("{\"resourceSpans\":[{]\n"),
            7_000 => text.push_str(&format!("{}\n", call(6_999))),
            _ => text.push_str(&format!("{}\n", call(number))),
        }
    }
    text.push_str(&call(LINES + 1)[..100]);
    text
}

fn wanted() -> Vec<Option<u32>> {
    let numbers = (1..=LINES).filter(|number| ![2_500, 6_000, 7_000].contains(number));
    numbers.map(|number| u32::try_from(number).ok()).collect()
}

fn streamed(reader: impl BufRead + 'static) -> (Result<Streamed, ForeignError>, Vec<ProductionCall>) {
    let (sink, calls) = sync_channel(4);
    let taking = thread::spawn(move || calls.iter().flatten().collect());
    let streamed = stream_file(Path::new("long.jsonl"), Box::new(reader), sink);
    (streamed, taking.join().unwrap())
}

#[test]
fn lines_keep_their_order_and_their_numbers() {
    let text = text();
    assert!(text.len() > 3 << 20, "{}", text.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces");
    std::fs::write(&path, &text).unwrap();

    let found = read_file(&path).unwrap();
    let tokens: Vec<Option<u32>> = found.calls.iter().map(|call| call.input_tokens).collect();
    assert_eq!(tokens, wanted());
    assert_eq!(found.spans, LINES - 2);

    use IrregularityKind::{CutOff, Damaged, SeenTwice, UnknownShape};
    for (reason, example) in [
        (UnknownShape, "line 2500: INFO: started"),
        (Damaged, "line 6000:"),
        (SeenTwice, "x"),
        (CutOff, "line 8001:"),
    ] {
        assert_eq!(count(&found, reason), 1, "{reason:?}");
        let irregularity = &found.irregularities[&reason];
        assert!(irregularity.example.starts_with(example), "{irregularity:?}");
    }

    let (streamed, calls) = streamed(Cursor::new(text));
    let streamed = streamed.unwrap();
    assert_eq!((streamed.spans, streamed.calls), (LINES - 2, LINES - 3));
    assert_eq!(streamed.irregularities, found.irregularities);
    let of_stream: Vec<Option<u32>> = calls.iter().map(|call| call.call.input_tokens).collect();
    assert_eq!(of_stream, wanted());
    assert!(calls.iter().all(|call| call.place.service.as_deref() == Some("shop")));
}

/// What stands before a line that is too long is taken; from there on the file is read as a text of values.
#[test]
fn a_line_that_is_too_long_comes_behind_the_others() {
    let mut text = text();
    text.truncate(text.rfind('\n').unwrap() + 1);
    let long = call(LINES + 1);
    let blanks = " ".repeat(TOO_LONG);
    text.push_str(&long.replacen(':', &format!(":{blanks}"), 1));
    text.push('\n');
    text.push_str(&call(LINES + 2));

    let (streamed, calls) = streamed(Cursor::new(text));
    assert_eq!(streamed.unwrap().calls, LINES - 1);
    let tokens: Vec<Option<u32>> = calls.iter().map(|call| call.call.input_tokens).collect();
    let (before, behind) = tokens.split_at(tokens.len() - 2);
    assert_eq!(before, wanted());
    assert_eq!(behind, [Some(LINES as u32 + 1), Some(LINES as u32 + 2)]);
}

/// Where nobody takes the calls any more, reading ends, however much is left.
#[test]
fn nobody_who_takes_the_calls() {
    let text: String = (1..=20_000).map(|number| format!("{}\n", call(number))).collect();
    let (sink, calls) = sync_channel(1);
    drop(calls);
    let stopped = stream_file(Path::new("long.jsonl"), Box::new(Cursor::new(text)), sink);
    assert!(matches!(stopped, Err(ForeignError::Stopped)), "{stopped:?}");
}
