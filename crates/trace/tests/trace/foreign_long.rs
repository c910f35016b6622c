//! Files of many lines, which are read on all processors: their order, their numbers, and what is wrong with one of them.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

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

/// Rows without end, each of them a call.
struct Rows {
    text: String,
    given: usize,
    rows: u64,
    bytes: Arc<AtomicU64>,
}

impl Read for Rows {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.text.len() {
            self.rows += 1;
            self.text = format!("{},{},GENERATION,2026-11-01T10:00:00Z,m\n", self.rows, self.rows / 10);
            self.given = 0;
        }
        let read = (&self.text.as_bytes()[self.given..]).read(out)?;
        self.given += read;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A table is read row by row: calls are given long before it ends, and what is not asked for is not read.
#[test]
fn a_table_is_not_held_in_memory() {
    let bytes = Arc::new(AtomicU64::new(0));
    let text = "id,traceId,type,startTime,model\n".to_owned();
    let rows = Rows { text, given: 0, rows: 0, bytes: Arc::clone(&bytes) };
    let (sink, calls) = sync_channel(1);
    drop(calls);

    let stopped = stream_file(Path::new("rows.csv"), Box::new(BufReader::new(rows)), sink);
    assert!(matches!(stopped, Err(ForeignError::Stopped)), "{stopped:?}");
    let read = bytes.load(Ordering::Relaxed);
    assert!(read < 64 << 20, "{read} bytes");
}

/// Files that were made to take long. Each took minutes, or grew with the square of its length.
#[test]
fn hostile_files_are_read_in_one_pass() {
    #[track_caller]
    fn check(name: &str, text: &str) {
        let begun = Instant::now();
        let (read, _) = streamed(Cursor::new(text.to_owned()));
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(15), "{name}: {took:?}");
        drop(read);
    }

    // values over several lines, each of them damaged
    let values = "{\"resourceSpans\":5}\n".repeat(50_000);
    check("damaged values", &format!("{{\n\"a\":1}}\n{values}"));

    check("elements of two bytes", &format!("{{\"observations\":[{}1]}}", "1,".repeat(2_000_000)));

    let name = "u".repeat(1 << 20);
    let calls = "{\"id\":\"a\"},".repeat(20_000);
    check("a long name", &format!("{{\"userId\":\"{name}\",\"observations\":[{calls}1]}}"));

    let names: Vec<String> = (0..990).map(|index| format!("c{index}")).collect();
    let row = format!("{}\n", ["1"; 990].join(","));
    check("wide rows", &format!("id,traceId,type,startTime,{}\n{}", names.join(","), row.repeat(500)));

    check("blanks", &format!("id,traceId,startTime\n{}{}", "1\n".repeat(20_000), " \n".repeat(100_000)));
}
