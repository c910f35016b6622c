//! What other programs recorded, from files and from Phoenix.

use std::io::Write as _;
use std::time::Duration;

use infercost_core::{Currency, ForeignCall, ForeignTrace, IrregularityKind, StatedCost, Unsaid};
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

#[test]
fn failures_in_every_spelling() {
    #[track_caller]
    fn check(key: &str, value: Value, wanted: bool) {
        let found = read(&[span(1, None, &[("gen_ai.operation.name", json!("chat")), (key, value.clone())])]);
        assert_eq!(found.calls[0].failed, wanted, "{key} {value}");
    }
    check("error.type", json!("timeout"), true);
    check("error", json!(true), true);
    check("error", json!("true"), true);
    check("error", json!("read timed out"), true);
    check("error", json!(false), false);
    check("error", json!("false"), false);
    check("otel.status_code", json!("ERROR"), true);
    check("otel.status_code", json!("OK"), false);
    check("http.response.status_code", json!(503), true);
    check("http.status_code", json!("429"), true);
    check("http.status_code", json!(200), false);
    check("langfuse.observation.level", json!("ERROR"), true);
    check("langfuse.observation.level", json!("DEFAULT"), false);
    check("llm.finish_reason", json!("error"), true);
    check("llm.finish_reason", json!("stop"), false);
}

#[test]
fn stated_costs_in_every_spelling() {
    #[track_caller]
    fn check(attributes: &[(&str, Value)], wanted: Option<(f64, Option<&str>)>) {
        let mut all = vec![
            ("gen_ai.operation.name", json!("chat")),
            ("gen_ai.usage.input_tokens", json!(5)),
            ("gen_ai.usage.output_tokens", json!(5)),
        ];
        all.extend(attributes.iter().cloned());
        let cost = read(&[span(1, None, &all)]).calls[0].cost;
        let found = cost.map(|cost| (cost.amount, cost.currency.map(|code| code.to_string())));
        assert_eq!(found, wanted.map(|(amount, code)| (amount, code.map(str::to_owned))), "{attributes:?}");
    }
    let usd = |amount| Some((amount, Some("USD")));
    for name in [
        "gen_ai.usage.cost",
        "gen_ai.usage.cost.amount",
        "gen_ai.usage.total_cost",
        "gen_ai.cost.total_cost",
        "gen_ai.cost",
        "llm.cost.total",
        "llm.usage.total_cost",
        "operation.cost",
        "litellm.response-cost",
        "labels.gen_ai_usage_cost",
    ] {
        check(&[(name, json!(0.25))], usd(0.25));
        check(&[(name, json!("0.25"))], usd(0.25));
    }
    check(&[("gen_ai.usage.cost", json!(2))], usd(2.0));
    check(&[("llm.cost.prompt", json!(0.25)), ("llm.cost.completion", json!(0.5))], usd(0.75));
    check(&[("gen_ai.usage.input_cost", json!(0.25)), ("gen_ai.usage.output_cost", json!(0.5))], usd(0.75));
    check(&[("langfuse.observation.cost_details", json!(r#"{"input": 0.25, "output": 0.5}"#))], usd(0.75));
    check(&[("langfuse.observation.cost_details", json!(r#"{"input": 0.25, "total": 0.5}"#))], usd(0.5));
    check(&[("mlflow.llm.cost", json!(r#"{"input_cost": 1, "output_cost": 2, "total_cost": 3}"#))], usd(3.0));
    check(&[("hidden_params", json!(r#"{"cache_key": null, "response_cost": 0.125}"#))], usd(0.125));
    // currencies
    let euros = ("gen_ai.usage.cost.currency", json!("eur"));
    check(&[("gen_ai.usage.cost.amount", json!(1)), euros], Some((1.0, Some("EUR"))));
    let shells = ("gen_ai.usage.cost.currency", json!("shells"));
    check(&[("gen_ai.usage.cost.amount", json!(1)), shells], Some((1.0, None)));
    // a zero that another attribute knows better, and a zero that nobody does
    check(&[("gen_ai.usage.cost", json!(0)), ("litellm.response-cost", json!("0.0602375"))], usd(0.0602375));
    check(&[("gen_ai.usage.cost", json!(0))], None);
    check(&[("gen_ai.usage.cost", json!(-1))], None);
    check(&[("gen_ai.usage.cost", json!("free"))], None);
}

#[test]
fn counts_in_every_spelling() {
    #[track_caller]
    fn check(attributes: &[(&str, Value)], wanted: [Option<u32>; 4]) {
        let mut all = vec![("gen_ai.operation.name", json!("chat"))];
        all.extend(attributes.iter().cloned());
        let call = read(&[span(1, None, &all)]).calls[0].clone();
        let found =
            [call.input_tokens, call.cached_input_tokens, call.cache_write_tokens, call.output_tokens];
        assert_eq!(found, wanted, "{attributes:?}");
    }
    let some = Some;
    for (input, read, write, output) in [
        (
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.output_tokens",
        ),
        (
            "gen_ai.usage.prompt_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.completion_tokens",
        ),
        (
            "llm.token_count.prompt",
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_write",
            "llm.token_count.completion",
        ),
        (
            "ai.usage.inputTokens",
            "ai.usage.cachedInputTokens",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            "ai.usage.outputTokens",
        ),
        (
            "_dd.llmobs.input_tokens",
            "_dd.llmobs.cache_read_input_tokens",
            "_dd.llmobs.cache_write_input_tokens",
            "_dd.llmobs.output_tokens",
        ),
        (
            "numeric_labels.gen_ai_usage_input_tokens",
            "numeric_labels.gen_ai_usage_cache_read_input_tokens",
            "labels.gen_ai_usage_cache_creation_input_tokens",
            "labels.gen_ai_usage_output_tokens",
        ),
    ] {
        let stated = [(input, json!(300)), (read, json!(40)), (write, json!(25.0)), (output, json!("7"))];
        check(&stated, [some(300), some(40), some(25), some(7)]);
    }
    check(
        &[(
            "metadata.usage_object",
            json!(
                "{'prompt_tokens': 9, 'completion_tokens': 2, 'prompt_tokens_details': {'cached_tokens': 4}}"
            ),
        )],
        [some(9), some(4), None, some(2)],
    );
    // a zero beside a count is what somebody writes who knows nothing
    check(
        &[("gen_ai.usage.input_tokens", json!(0)), ("gen_ai.usage.prompt_tokens", json!(8))],
        [some(8), None, None, None],
    );
    // thinking that stands beside the answer, as the total shows
    check(
        &[
            ("gen_ai.usage.input_tokens", json!(10)),
            ("gen_ai.usage.output_tokens", json!(20)),
            ("gen_ai.usage.details.thoughts_tokens", json!(50)),
            ("gen_ai.usage.total_tokens", json!(80)),
        ],
        [some(10), None, None, some(70)],
    );
}

#[test]
fn what_is_not_understood_is_counted_and_named() {
    #[track_caller]
    fn check(attributes: &[(&str, Value)], reason: IrregularityKind, example: &str) {
        let found = read(&[span(1, None, attributes)]);
        let left = found.irregularities.get(&reason).unwrap_or_else(|| panic!("{reason:?}: {found:?}"));
        assert!(left.count == 1 && left.example.contains(example), "{left:?}");
    }
    let chat = ("gen_ai.operation.name", json!("chat"));
    let tokens = ("gen_ai.usage.input_tokens", json!(5));
    check(&[("gen_ai.operation.name", json!("dream"))], IrregularityKind::UnknownOperation, "dream");
    check(
        &[chat.clone(), ("gen_ai.usage.input_tokens", json!(-5))],
        IrregularityKind::ImpossibleNumber,
        "gen_ai.usage.input_tokens",
    );
    check(
        &[
            chat.clone(),
            tokens.clone(),
            ("gen_ai.usage.output_tokens", json!(5)),
            ("gen_ai.usage.total_tokens", json!(99)),
        ],
        IrregularityKind::TotalMismatch,
        "99",
    );
    check(
        &[
            chat.clone(),
            tokens.clone(),
            ("gen_ai.request.model", json!("m")),
            ("gen_ai.usage.cost", json!(0)),
        ],
        IrregularityKind::ZeroCost,
        "m",
    );
    check(
        &[chat.clone(), ("gen_ai.usage.cost", json!(1)), ("gen_ai.cost.currency", json!("shells"))],
        IrregularityKind::UnknownCurrency,
        "SHELLS",
    );
    check(
        &[
            chat,
            ("gen_ai.system", json!("anthropic")),
            ("gen_ai.usage.input_tokens", json!(100)),
            ("gen_ai.usage.cache_read.input_tokens", json!(40)),
        ],
        IrregularityKind::CacheConvention,
        "",
    );
}

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
