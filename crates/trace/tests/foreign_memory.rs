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

/// A file that was made to take much.
struct Made {
    name: &'static str,
    bytes: Vec<u8>,
    /// Spans that are read of it: what is refused at once takes nothing.
    spans: usize,
    most_times: f64,
}

/// Reads a file, and gives how many times its length that took, and the spans in it.
fn read(bytes: Vec<u8>) -> (f64, usize) {
    let length = bytes.len() as f64;
    peak();
    let least = peak();

    let (sink, calls) = sync_channel(4);
    let reading = thread::spawn(move || {
        let reader = Box::new(BufReader::new(Cursor::new(bytes)));
        let read = stream_file(Path::new("made.jsonl"), reader, sink);
        // of a file that holds none, that is an error
        read.map_or(0, |read| usize::try_from(read.spans).unwrap())
    });
    let _calls = calls.iter().map(|calls| calls.len()).sum::<usize>();
    let spans = reading.join().unwrap();

    ((peak() - least) / length, spans)
}

/// A file of so many bytes: what comes before, an element over and over, and a span behind it.
fn over_and_over(name: &'static str, before: &str, element: &str, after: &str) -> Made {
    let bytes = format!("{before}{}{after}", element.repeat(LENGTH / element.len())).into_bytes();
    Made { name, bytes, spans: 1, most_times: MOST_TIMES }
}

/// The same of an element that is a span itself.
fn spans_over_and_over(name: &'static str, before: &str, element: &str, after: &str) -> Made {
    Made { spans: LENGTH / element.len() + 1, ..over_and_over(name, before, element, after) }
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
    let of_spans = |name, element: &str| spans_over_and_over(name, SPANS, element, "{}]}]}]}");
    let of_span = |name, list: &str| Made {
        most_times: MOST_TIMES_AT_ONCE,
        ..over_and_over(name, &format!("{SPANS}{{\"spanId\":\"01\",\"{list}\":["), "{},", "{}]}]}]}]}")
    };
    let of_messages =
        |name, spans: usize, bytes: Vec<u8>| Made { name, bytes, spans, most_times: MOST_TIMES };

    // TracesData.resource_spans, ResourceSpans.scope_spans and ScopeSpans.spans, each an empty message of two bytes
    let empty = |tag: u8| [tag, 0].repeat(LENGTH / 2);
    let (jaeger, zipkin) = (r#"{"traceID":"1","spanID":"2"},"#, r#"{"traceId":"1","id":"2"},"#);

    let files = [
        of_spans("empty spans", "{},"),
        of_spans("named spans", r#"{"name":"a"},"#),
        of_spans("spans with an id", r#"{"spanId":"01"},"#),
        of_spans("spans of one attribute", r#"{"attributes":[{"key":"a"}]},"#),
        over_and_over("empty scopes", r#"{"resourceSpans":[{"scopeSpans":["#, "{},", r#"{"spans":[{}]}]}]}"#),
        over_and_over(
            "empty resources",
            r#"{"resourceSpans":["#,
            "{},",
            r#"{"scopeSpans":[{"spans":[{}]}]}]}"#,
        ),
        spans_over_and_over(
            "Jaeger's spans",
            r#"{"traceID":"1","spans":["#,
            jaeger,
            r#"{"traceID":"1","spanID":"3"}]}"#,
        ),
        spans_over_and_over("Zipkin's spans", "[", zipkin, r#"{"traceId":"1","id":"3"}]"#),
        over_and_over("empty objects", "[", "{},", r#"{"traceId":"1","id":"3"}]"#),
        of_messages("empty spans in protobuf", LENGTH / 2, field(0x0a, &field(0x12, &empty(0x12)))),
        of_messages("empty scopes in protobuf", 0, field(0x0a, &empty(0x12))),
        of_messages("empty resources in protobuf", 0, empty(0x0a)),
        of_span("empty events", "events"),
        of_span("empty links", "links"),
        of_span("empty attributes", "attributes"),
        Made {
            most_times: MOST_TIMES_AT_ONCE,
            ..over_and_over("empty lines", "", "{}\n", r#"{"traceId":"1","id":"3"}"#)
        },
    ];

    let mut failed = Vec::new();
    for made in files {
        let (times, spans) = read(made.bytes);
        println!("{}: {spans} spans, {times:.1} times", made.name);
        if times > made.most_times || spans != made.spans {
            failed.push(format!("{}: {times:.1} times, {spans} of {} spans", made.name, made.spans));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
