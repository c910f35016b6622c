//! What other programs' files look like: shapes of JSON, kinds of files, damage.

use std::io::Write as _;

use infercost_core::IrregularityKind;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::foreign::{count, line, read, read_text, span};
use infercost_trace::foreign::*;
use infercost_trace::otlp_json::read_traces;

#[test]
fn every_shape_of_json_gives_the_same_calls() {
    let attributes = [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.request.model", json!("m")),
        ("gen_ai.usage.input_tokens", json!(10)),
        ("gen_ai.usage.output_tokens", json!(5)),
    ];
    let otlp: Value = serde_json::from_str(&line(&[span(1, None, &attributes)])).unwrap();
    let resources = &otlp["resourceSpans"];
    let tempo_span = |span: &Value| {
        let mut span = span.clone();
        span["traceId"] = json!("AAAAAAAAAAAAAAAAAAAABw==");
        span["spanId"] = json!("AAAAAAAAAAE=");
        span["kind"] = json!("SPAN_KIND_CLIENT");
        span["status"] = json!({});
        span
    };
    let mut tempo = resources.clone();
    let in_base64 = tempo_span(&tempo[0]["scopeSpans"][0]["spans"][0]);
    tempo[0]["scopeSpans"][0]["spans"][0] = in_base64;
    let mut old = resources.clone();
    let scopes = old[0].as_object_mut().unwrap().remove("scopeSpans").unwrap();
    old[0]["instrumentationLibrarySpans"] = scopes;
    let tags: Vec<Value> =
        attributes.iter().map(|(key, value)| json!({"key": key, "type": "string", "value": value})).collect();
    let jaeger = json!({"data": [{"traceID": "7", "spans": [{
        "traceID": "7", "spanID": "1", "operationName": "chat", "references": [], "startTime": 1000000, "duration": 2500000,
        "tags": tags, "logs": [], "processID": "p1",
    }], "processes": {"p1": {"serviceName": "shop", "tags": []}}}], "total": 0, "limit": 0, "offset": 0, "errors": null});
    let text_tags: Value = attributes
        .iter()
        .map(|(key, value)| {
            ((*key).to_owned(), json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let zipkin = json!([{
        "traceId": "0000000000000007", "id": "0000000000000001", "name": "chat", "timestamp": 1000000,
        "duration": 2500000, "tags": text_tags, "localEndpoint": {"serviceName": "shop"},
    }]);
    let plain: Value = attributes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let sdk = json!({
        "name": "chat", "context": {"trace_id": "0x07", "span_id": "0x01", "trace_state": "[]"}, "kind": "SpanKind.CLIENT",
        "parent_id": null, "start_time": "1970-01-01T00:00:01Z", "end_time": "1970-01-01T00:00:03.5Z",
        "status": {"status_code": "UNSET"}, "attributes": plain, "events": [], "links": [], "resource": {"attributes": {}},
    });
    let bare = resources[0]["scopeSpans"][0]["spans"][0].clone();
    let message = json!({"resourceSpans": tempo});
    let own_names = renamed(&message, &[("stringValue", "string_value"), ("intValue", "int_value")]);
    let mut of_go = renamed(&message, &[("stringValue", "StringValue"), ("intValue", "IntValue")]);
    let of_go_span = &mut of_go["resource_spans"][0]["scope_spans"][0]["spans"][0];
    for attribute in of_go_span["attributes"].as_array_mut().unwrap() {
        attribute["value"] = json!({"Value": attribute["value"].take()});
    }
    of_go_span["kind"] = json!(3);
    of_go_span["start_time_unix_nano"] = json!(1_000_000_000);

    let wanted = read_text(&otlp.to_string()).calls;
    assert_eq!(wanted.len(), 1);
    for (what, shape) in [
        ("Tempo before 2.7, Grafana's download", json!({"batches": tempo})),
        ("Tempo from 2.7 on", json!({"trace": {"resourceSpans": tempo}})),
        ("OTLP before 0.15", json!({"resourceSpans": old})),
        ("the Collector, snake case", json!({"resource_spans": resources})),
        ("Java's logging exporter", resources[0].clone()),
        ("a list of messages", json!([otlp])),
        ("Jaeger", jaeger.clone()),
        ("one of Jaeger's traces", jaeger["data"][0].clone()),
        ("Zipkin", zipkin.clone()),
        ("one of Zipkin's spans", zipkin[0].clone()),
        ("the SDK's print", sdk.clone()),
        ("Phoenix's interface", json!({"data": [sdk]})),
        ("a span by itself", bare),
        ("protobuf's own names, as Python writes them", own_names),
        ("the types for Go, printed", of_go),
    ] {
        for text in [shape.to_string(), serde_json::to_string_pretty(&shape).unwrap()] {
            let found = read_text(&text);
            assert_eq!(found.calls, wanted, "{what}: {found:?}");
            assert!(found.irregularities.is_empty(), "{what}: {:?}", found.irregularities);
        }
    }
}

/// The same with underscores in the names of fields, and with these names of attribute values.
fn renamed(message: &Value, values: &[(&str, &str)]) -> Value {
    let mut text = message.to_string();
    let fields = [
        ("resourceSpans", "resource_spans"),
        ("scopeSpans", "scope_spans"),
        ("traceId", "trace_id"),
        ("spanId", "span_id"),
        ("parentSpanId", "parent_span_id"),
        ("startTimeUnixNano", "start_time_unix_nano"),
        ("endTimeUnixNano", "end_time_unix_nano"),
    ];
    for (from, to) in fields.iter().chain(values) {
        text = text.replace(&format!("\"{from}\""), &format!("\"{to}\""));
    }
    serde_json::from_str(&text).unwrap()
}

#[test]
fn other_signals_and_logs_around_it_are_left_aside() {
    let call = line(&[span(1, None, &[("gen_ai.operation.name", json!("chat"))])]);
    let java = format!(
        "Nov 28, 2026 1:02:03 PM io.opentelemetry.exporter.logging.otlp.OtlpJsonLoggingSpanExporter export\nINFO: {call}\n"
    );
    assert_eq!(read_text(&java).calls.len(), 1);

    let collector = format!("{call}\n{{\"resourceMetrics\":[]}}\n{{\"resourceLogs\":[]}}\n");
    let found = read_text(&collector);
    assert_eq!((found.calls.len(), count(&found, IrregularityKind::OtherSignal)), (1, 2));

    let strange = format!("{call}\n{{\"hello\":1}}\n");
    let found = read_text(&strange);
    let left = &found.irregularities[&IrregularityKind::UnknownShape];
    assert_eq!((found.calls.len(), left.example.as_str()), (1, "an object with hello"));
}

#[test]
fn damaged_and_cut_lines_are_counted() {
    let call = |id| line(&[span(id, None, &[("gen_ai.operation.name", json!("chat"))])]);
    let cut = call(2);
    let damaged = format!("{}\n{}\n{}\n{}", call(1), &cut[..cut.len() / 2], call(3), &cut[..cut.len() - 2]);
    let found = read_text(&damaged);
    assert_eq!(found.calls.len(), 2);
    assert!(
        found.irregularities[&IrregularityKind::Damaged].example.starts_with("line 2:"),
        "{:?}",
        found.irregularities
    );
    assert!(
        found.irregularities[&IrregularityKind::CutOff].example.starts_with("line 4:"),
        "{:?}",
        found.irregularities
    );
}

/// As the specification's own example of a file has them.
#[test]
fn spans_without_ids_are_spans() {
    let mut call = span(1, None, &[("gen_ai.operation.name", json!("chat"))]);
    (call["traceId"], call["spanId"]) = (json!(""), json!(""));
    assert_eq!(read(&[call.clone(), call]).calls.len(), 2);
}

#[test]
fn phoenixs_interface_gives_the_same_as_otlp() {
    let json = json!({
        "id": "U3Bhbjox", "name": "x", "context": {"trace_id": format!("{:032x}", 7), "span_id": format!("{:016x}", 1)},
        "span_kind": "LLM", "parent_id": null, "start_time": "1970-01-01T00:00:01Z",
        "end_time": "1970-01-01T00:00:03.5+00:00", "status_code": "OK", "status_message": "",
        "attributes": {"llm.model_name": "m", "llm": {"token_count": {"prompt": 12, "completion": 34}}, "tags": [1]},
        "events": [],
    });
    let mut reader = ForeignReader::default();
    reader.phoenix_span(&json).unwrap();
    for other in [json!(null), json!([]), json!({"context": 5}), json!({"context": {}, "attributes": "x"})] {
        reader.phoenix_span(&other).unwrap();
    }
    let found = reader.finish();
    assert_eq!(count(&found, IrregularityKind::UnknownShape), 3);
    let same = read(&[span(
        1,
        None,
        &[
            ("openinference.span.kind", json!("LLM")),
            ("llm.model_name", json!("m")),
            ("llm.token_count.prompt", json!(12)),
            ("llm.token_count.completion", json!(34)),
        ],
    )]);
    assert_eq!(found.calls, same.calls);
    assert_eq!(found.calls.len(), 1);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn files_of_each_kind() {
    let folder = tempfile::tempdir().unwrap();
    let spans = [span(1, None, &[("openinference.span.kind", json!("LLM"))])];
    let other = [span(2, None, &[("openinference.span.kind", json!("LLM"))])];
    let traces = read_traces(line(&spans).as_bytes()).unwrap().encode_to_vec();
    let more = read_traces(line(&other).as_bytes()).unwrap().encode_to_vec();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    let pretty: Value = serde_json::from_str(&line(&spans)).unwrap();
    let check = |name: &str, content: &[u8], wanted: usize| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        assert_eq!(read_file(&path).unwrap().calls.len(), wanted, "{name}");
    };

    let two = format!("{}\n\n{}\n", line(&spans), line(&other));
    check("two.jsonl", two.as_bytes(), 2);
    check("cut.jsonl", two.get(..two.len() - 9).unwrap().as_bytes(), 1);
    check("pretty.json", serde_json::to_string_pretty(&pretty).unwrap().as_bytes(), 1);
    check("one.binpb", &traces, 1);
    check("mark.jsonl", format!("\u{feff}{two}").as_bytes(), 2);
    check("windows.jsonl", two.replace('\n', "\r\n").as_bytes(), 2);

    // PowerShell's `>`, and editors that save without a mark
    let little: Vec<u8> = two.replace('\n', "\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = two.encode_utf16().flat_map(u16::to_be_bytes).collect();
    check("utf16.jsonl", &[&[0xff, 0xfe], little.as_slice()].concat(), 2);
    check("utf16-big.jsonl", &[&[0xfe, 0xff], big.as_slice()].concat(), 2);
    check("utf16-no-mark.jsonl", &little, 2);
    check("utf16-big-no-mark.jsonl", &big, 2);
    check("utf16.jsonl.gz", &gzip(&[&[0xff, 0xfe], little.as_slice()].concat()), 2);
    check("lines.jsonl.gz", &gzip(two.as_bytes()), 2);
    check("two-members.gz", &[gzip(line(&spans).as_bytes()), gzip(line(&other).as_bytes())].concat(), 2);
    check("one.binpb.gz", &gzip(&traces), 1);
    check("lengths.binpb", &[length(&traces), traces.clone(), length(&more), more].concat(), 2);

    for (name, content, wanted) in [
        ("empty", &b""[..], "empty"),
        ("gzip", &[0x1f, 0x8b, 8][..], "cannot read"),
        ("utf16", &[0xff, 0xfe, b'{', 0, 0x00, 0xd8, b'}', 0][..], "half a character"),
        ("comma.json", b"[\n{\"resourceSpans\":[]},\n]", ":3: column 1: a comma too many"),
        ("parquet", b"PAR1\x15\x04", "Parquet"),
        ("zstd", &[0x28, 0xb5, 0x2f, 0xfd][..], "unzstd"),
        ("text", b"hello\x1b[31m", "neither"),
        ("broken.jsonl", b"{\"resourceSpans\":[]}\n{\"resourceSpans\":\x1b}\n", ":2:"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = read_file(&path).unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.chars().any(char::is_control), "{error:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, &bytes).unwrap();
        let _ = read_file(&path);
        // a byte changed in what is whole
        let spans = [span(1, Some(2), &[("llm.token_count.prompt", json!(3)), ("a", json!("é"))])];
        let json = line(&spans).into_bytes();
        let proto = read_traces(&json).unwrap().encode_to_vec();
        for mut whole in [json, proto] {
            let index = at.index(whole.len());
            whole[index] = bytes.first().copied().unwrap_or(0);
            std::fs::write(&path, &whole).unwrap();
            let _ = read_file(&path);
            let _ = read_traces(&whole);
        }
    }
}
