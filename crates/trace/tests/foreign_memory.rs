//! Files that were made to take much memory: what they hold is read one by one.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step fails the test, and says what came before it"
)]

use std::io::{BufReader, Cursor};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;

use infercost_trace::foreign::stream_file;

/// Bytes of each file: several times what is read at once.
const LENGTH: usize = 3 << 20;
/// Most bytes of memory for each of a file's, the text itself among them.
const MOST_TIMES: f64 = 12.0;
/// The same within one span, and of the lines that are read at once: of both there are some megabytes at most.
const MOST_TIMES_AT_ONCE: f64 = 48.0;

/// Most memory that this process has had since it was last asked, in bytes (proc_pid_status(5), proc_pid_clear_refs(5)).
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// Reads a file, and gives how many times its length that took.
fn times_its_length(file: Vec<u8>) -> f64 {
    let length = file.len() as f64;
    peak();
    let least = peak();

    let (sink, calls) = sync_channel(4);
    let reading = thread::spawn(move || {
        // what is wrong with it does not matter here
        let _ = stream_file(Path::new("made.jsonl"), Box::new(BufReader::new(Cursor::new(file))), sink);
    });
    let _calls = calls.iter().map(|calls| calls.len()).sum::<usize>();
    reading.join().unwrap();

    (peak() - least) / length
}

/// A text of so many bytes: what comes before, an element over and over, and what comes behind.
fn over_and_over(before: &str, element: &str, after: &str) -> Vec<u8> {
    format!("{before}{}{after}", element.repeat(LENGTH / element.len())).into_bytes()
}

/// A field of a protobuf message: its tag, its length, and what it holds.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let mut left = content.len();
    while left >= 0x80 {
        bytes.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).unwrap());
    bytes.extend_from_slice(content);
    bytes
}

#[test]
fn small_things_take_no_more_than_a_multiple_of_their_text() {
    const SPANS: &str = r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"name":"s"},"spans":["#;
    const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"01","#;
    let of_spans = |element: &str| over_and_over(SPANS, element, "{}]}]}]}");
    let of_span = |list: &str| over_and_over(&format!("{SPAN}\"{list}\":["), "{},", "{}]}]}]}]}");

    // TracesData.resource_spans, ResourceSpans.scope_spans and ScopeSpans.spans, each an empty message of two bytes
    let empty = |tag: u8| [tag, 0].repeat(LENGTH / 2);
    let spans = field(0x0a, &field(0x12, &empty(0x12)));

    let files = [
        ("empty spans", of_spans("{},"), MOST_TIMES),
        ("named spans", of_spans(r#"{"name":"a"},"#), MOST_TIMES),
        ("spans with an id", of_spans(r#"{"spanId":"01"},"#), MOST_TIMES),
        ("spans of one attribute", of_spans(r#"{"attributes":[{"key":"a"}]},"#), MOST_TIMES),
        ("empty scopes", over_and_over(r#"{"resourceSpans":[{"scopeSpans":["#, "{},", "{}]}]}"), MOST_TIMES),
        ("empty resources", over_and_over(r#"{"resourceSpans":["#, "{},", "{}]}"), MOST_TIMES),
        (
            "Jaeger's spans",
            over_and_over(r#"{"traceID":"1","spans":["#, r#"{"traceID":"1","spanID":"2"},"#, "{}]}"),
            MOST_TIMES,
        ),
        ("Zipkin's spans", over_and_over("[", r#"{"traceId":"1","id":"2"},"#, "1]"), MOST_TIMES),
        ("empty objects", over_and_over("[", "{},", "1]"), MOST_TIMES),
        ("empty spans in protobuf", spans, MOST_TIMES),
        ("empty scopes in protobuf", field(0x0a, &empty(0x12)), MOST_TIMES),
        ("empty resources in protobuf", empty(0x0a), MOST_TIMES),
        ("empty events", of_span("events"), MOST_TIMES_AT_ONCE),
        ("empty links", of_span("links"), MOST_TIMES_AT_ONCE),
        ("empty attributes", of_span("attributes"), MOST_TIMES_AT_ONCE),
        ("empty lines", over_and_over("", "{}\n", ""), MOST_TIMES_AT_ONCE),
    ];

    let mut failed = Vec::new();
    for (name, file, most) in files {
        let times = times_its_length(file);
        println!("{name}: {times:.1} times");
        if times > most {
            failed.push(format!("{name}: {times:.1} times, at most {most}"));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
