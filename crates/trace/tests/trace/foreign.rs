//! What other programs recorded, from files and from Phoenix.

use std::time::Duration;

use infercost_core::{Currency, ForeignCall, ForeignTrace, IrregularityKind, StatedCost, Unsaid};
use serde_json::{Value, json};

use infercost_trace::foreign::*;

pub(super) fn attribute(key: &str, value: Value) -> Value {
    let value = match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        other => json!({"boolValue": other}),
    };
    json!({"key": key, "value": value})
}

pub(super) fn span(id: u64, parent: Option<u64>, attributes: &[(&str, Value)]) -> Value {
    let attributes: Vec<Value> =
        attributes.iter().map(|(key, value)| attribute(key, value.clone())).collect();
    json!({
        "traceId": format!("{:032x}", 7), "spanId": format!("{id:016x}"),
        "parentSpanId": parent.map_or_else(String::new, |id| format!("{id:016x}")),
        "name": "x", "startTimeUnixNano": "1000000000", "endTimeUnixNano": "3500000000", "attributes": attributes,
    })
}

pub(super) fn line(spans: &[Value]) -> String {
    let resource = json!({"attributes": [attribute("service.name", json!("shop"))]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).to_string()
}

pub(super) fn read(spans: &[Value]) -> ForeignTrace {
    read_text(&line(spans))
}

pub(super) fn read_text(text: &str) -> ForeignTrace {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces");
    std::fs::write(&path, text).unwrap();
    read_file(&path).unwrap()
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

    let one = &genai.calls[0];
    assert_eq!(one.model.as_deref(), Some("gpt-x-2026"));
    assert_eq!(one.latency, Some(Duration::from_millis(2500)));
    assert_eq!((one.user.as_deref(), one.session.as_deref()), (Some("u1"), Some("c1")));
    assert_eq!(one.cost, Some(StatedCost { amount: 0.25, currency: Some(Currency::EUR) }));
    assert_eq!(one.unsaid().count(), 0);
    let other = ForeignCall { cost: one.cost, ..open.calls[0].clone() };
    assert_eq!(*one, other);
    assert_eq!(open.calls[0].cost.unwrap().currency, Some(Currency::USD));
}

#[test]
fn what_is_not_said_is_unknown() {
    let found = read(&[span(1, None, &[("openinference.span.kind", json!("LLM"))])]);
    let unsaid: Vec<Unsaid> = found.calls[0].unsaid().collect();
    use Unsaid::*;
    assert_eq!(unsaid, [Model, InputTokens, OutputTokens, TimeToFirstToken, Cost]);
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
    assert_eq!(negative.calls[0].unsaid().count(), 5);
}

#[test]
fn only_calls_count_and_each_once() {
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
    // 4, 6, 7 and 8: a circle holds no wrapper
    assert_eq!((found.calls.len(), found.spans), (4, 9));
    assert_eq!(count(&found, IrregularityKind::SeenTwice), 1);
    assert_eq!(count(&found, IrregularityKind::Wrapper), 1);
}

pub(super) fn count(found: &ForeignTrace, reason: IrregularityKind) -> u64 {
    found.irregularities.get(&reason).map_or(0, |left| left.count)
}

#[test]
fn a_wrapper_hands_on_what_only_it_says() {
    let outer = [
        ("openinference.span.kind", json!("LLM")),
        ("llm.cost.total", json!(0.5)),
        ("llm.token_count.prompt", json!(10)),
        ("llm.token_count.prompt_details.cache_read", json!(4)),
        ("user.id", json!("u")),
    ];
    let inner = [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.response.model", json!("m-2")),
        ("gen_ai.usage.input_tokens", json!(10)),
        ("gen_ai.usage.output_tokens", json!(3)),
    ];
    let found = read(&[span(1, None, &outer), span(2, Some(1), &inner)]);
    let [call] = found.calls.as_slice() else { panic!("{found:?}") };
    assert_eq!(call.model.as_deref(), Some("m-2"));
    assert_eq!(
        (call.input_tokens, call.cached_input_tokens, call.output_tokens),
        (Some(10), Some(4), Some(3))
    );
    assert_eq!((call.cost.unwrap().amount, call.user.as_deref()), (0.5, Some("u")));

    // of two attempts below one wrapper, nobody knows which one the cost is of
    let retried = read(&[span(1, None, &outer), span(2, Some(1), &inner), span(3, Some(1), &inner)]);
    assert!(retried.calls.len() == 2 && retried.calls.iter().all(|call| call.cost.is_none()));
}

#[test]
fn calls_without_usage_and_failures_are_calls() {
    let older = [
        ("gen_ai.system", json!("OpenAI")),
        ("llm.request.type", json!("chat")),
        ("gen_ai.request.model", json!("m")),
    ];
    let mut failed = span(2, None, &older);
    failed["status"] = json!({"code": 2, "message": "429"});
    let rerank = [
        ("gen_ai.system", json!("Cohere")),
        ("llm.request.type", json!("rerank")),
        ("gen_ai.request.model", json!("m")),
    ];
    let unnamed = [("gen_ai.system", json!("x")), ("gen_ai.request.model", json!("m"))];
    let found = read(&[span(1, None, &older), failed, span(3, None, &rerank), span(4, None, &unnamed)]);
    let failures: Vec<bool> = found.calls.iter().map(|call| call.failed).collect();
    assert_eq!(failures, [false, true, false]);
}
