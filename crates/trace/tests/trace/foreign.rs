//! What other programs recorded, from files and from Phoenix.

use std::time::Duration;

use infercost_core::Currency;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use infercost_trace::foreign::*;
use infercost_trace::otlp_json::read_traces;

fn attribute(key: &str, value: Value) -> Value {
    let value = match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        other => json!({"boolValue": other}),
    };
    json!({"key": key, "value": value})
}

fn span(id: u64, parent: Option<u64>, attributes: &[(&str, Value)]) -> Value {
    let attributes: Vec<Value> =
        attributes.iter().map(|(key, value)| attribute(key, value.clone())).collect();
    json!({
        "traceId": format!("{:032x}", 7), "spanId": format!("{id:016x}"),
        "parentSpanId": parent.map_or_else(String::new, |id| format!("{id:016x}")),
        "name": "x", "startTimeUnixNano": "1000000000", "endTimeUnixNano": "3500000000", "attributes": attributes,
    })
}

fn line(spans: &[Value]) -> String {
    let resource = json!({"attributes": [attribute("service.name", json!("shop"))]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).to_string()
}

fn read(spans: &[Value]) -> ForeignTrace {
    let mut reader = ForeignReader::default();
    reader.traces(&read_traces(line(spans).as_bytes()).unwrap()).unwrap();
    reader.finish()
}

#[test]
fn genai_and_openinference_give_the_same() {
    let genai = read(&[span(
        1,
        None,
        &[
            ("gen_ai.operation.name", json!("chat")),
            ("gen_ai.provider.name", json!("openai")),
            ("gen_ai.request.model", json!("gpt-x")),
            ("gen_ai.response.model", json!("gpt-x-2026")),
            ("gen_ai.usage.input_tokens", json!(12)),
            ("gen_ai.usage.output_tokens", json!(34)),
            ("gen_ai.response.time_to_first_chunk", json!(0.5)),
            ("gen_ai.conversation.id", json!("c1")),
            ("user.id", json!("u1")),
            ("gen_ai.usage.cost.amount", json!(0.25)),
            ("gen_ai.usage.cost.currency", json!("EUR")),
        ],
    )]);
    let open = read(&[span(
        1,
        None,
        &[
            ("openinference.span.kind", json!("LLM")),
            ("llm.provider", json!("openai")),
            ("llm.model_name", json!("gpt-x-2026")),
            ("llm.token_count.prompt", json!(12)),
            ("llm.token_count.completion", json!(34.0)),
            ("gen_ai.server.time_to_first_token", json!(0.5)),
            ("session.id", json!("c1")),
            ("user.id", json!("u1")),
            ("llm.cost.total", json!(0.25)),
        ],
    )]);
    let one = &genai.inferences[0];
    assert_eq!(one.model.as_deref(), Some("gpt-x-2026"));
    assert_eq!(one.latency, Some(Duration::from_millis(2500)));
    assert_eq!(one.service.as_deref(), Some("shop"));
    assert_eq!(one.cost, Some(StatedCost { amount: 0.25, currency: Some(Currency::EUR) }));
    assert_eq!(one.unknown().count(), 0);
    let other = ForeignInference { cost: one.cost, ..open.inferences[0].clone() };
    assert_eq!(*one, other);
    assert_eq!(open.inferences[0].cost.unwrap().currency, Some(Currency::USD));
}

#[test]
fn what_is_not_said_is_unknown() {
    let found = read(&[span(1, None, &[("openinference.span.kind", json!("LLM"))])]);
    let unknown: Vec<Unknown> = found.inferences[0].unknown().collect();
    use Unknown::*;
    assert_eq!(unknown, [Model, InputTokens, OutputTokens, TimeToFirstToken, Cost]);
    let negative = read(&[span(
        1,
        None,
        &[
            ("openinference.span.kind", json!("LLM")),
            ("llm.token_count.prompt", json!(-5)),
            ("llm.token_count.completion", json!(1.5)),
            ("llm.cost.total", json!(-1.0)),
            ("llm.model_name", json!("  ")),
        ],
    )]);
    assert_eq!(negative.inferences[0].unknown().count(), 5);
}

#[test]
fn only_inferences_count_and_each_once() {
    let llm = [("openinference.span.kind", json!("LLM"))];
    let chain = [("openinference.span.kind", json!("CHAIN"))];
    let tool = [("gen_ai.operation.name", json!("execute_tool"))];
    let older = [("gen_ai.usage.prompt_tokens", json!(5))];
    let plain = [("http.method", json!("GET"))];
    let found = read(&[
        span(1, None, &chain),
        span(2, Some(1), &llm),
        span(3, Some(2), &plain),
        span(4, Some(3), &llm), // span 2 wraps it
        span(4, Some(3), &llm), // sent twice
        span(5, Some(1), &tool),
        span(6, None, &older),
        span(7, Some(8), &llm),
        span(8, Some(7), &llm), // a circle
    ]);
    let ids: Vec<u64> = found.inferences.iter().map(|inference| inference.span).collect();
    assert_eq!(&ids[..2], [4, 6], "{ids:?}");
    assert_eq!((found.spans, found.duplicates), (9, 1));
    assert!(found.wrappers >= 1);
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
    assert_eq!(found.inferences[0], ForeignInference { service: None, ..same.inferences[0].clone() });
    assert_eq!(found.inferences.len(), 1);
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
        assert_eq!(read_file(&path).unwrap().inferences.len(), wanted, "{name}");
    };
    let two = format!("{}\n\n{}\n", line(&spans), line(&other));
    check("two.jsonl", two.as_bytes(), 2);
    check("cut.jsonl", two.get(..two.len() - 9).unwrap().as_bytes(), 1);
    check("pretty.json", serde_json::to_string_pretty(&pretty).unwrap().as_bytes(), 1);
    check("one.binpb", &traces, 1);
    check("lengths.binpb", &[length(&traces), traces.clone(), length(&more), more].concat(), 2);
    for (name, content, wanted) in [
        ("empty", &b""[..], "empty"),
        ("gzip", &[0x1f, 0x8b, 8][..], "gunzip"),
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
