#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use opentelemetry_proto::tonic::trace::v1::TracesData;

use super::read_traces;

const SAMPLE: &str = concat!(
    r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a\n\"b"}}],"#,
    r#""droppedAttributesCount":0,"entityRefs":[]},"scopeSpans":[{"scope":{"name":"s","version":"1","#,
    r#""attributes":[],"droppedAttributesCount":0},"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","#,
    r#""spanId":"0102030405060708","traceState":"x=1","parentSpanId":"","flags":257,"name":"n","kind":3,"#,
    r#""startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000000002","attributes":["#,
    r#"{"key":"i","value":{"intValue":"-9223372036854775808"}},{"key":"d","value":{"doubleValue":0.1}},"#,
    r#"{"key":"t","value":{"boolValue":true}},"#,
    r#"{"key":"l","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"ü"}]}}},"#,
    r#"{"key":"ints","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":-2}]}}},"#,
    r#"{"key":"numbers","value":{"arrayValue":{"values":[{"doubleValue":0.1},{"doubleValue":2.0}]}}},"#,
    r#"{"key":"mixed","value":{"arrayValue":{"values":[{"doubleValue":0.1},{"intValue":"1"}]}}},"#,
    r#"{"key":"none","value":{"arrayValue":{"values":[]}}},"#,
    r#"{"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"bytesValue":"AQI="}}]}}}],"#,
    r#""droppedAttributesCount":1,"events":[{"timeUnixNano":"5","name":"e","attributes":[],"#,
    r#""droppedAttributesCount":0}],"droppedEventsCount":0,"links":[{"traceId":"0102030405060708090a0b0c0d0e0f10","#,
    r#""spanId":"0102030405060708","traceState":"","attributes":[],"droppedAttributesCount":0,"flags":0}],"#,
    r#""droppedLinksCount":0,"status":{"message":"m","code":2}}],"schemaUrl":"u"}],"schemaUrl":"v"}]}"#
);

#[test]
fn agrees_with_the_types_own_reader() {
    let theirs: TracesData = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!(read_traces(SAMPLE.as_bytes()).unwrap(), theirs);
}

#[test]
fn is_lenient_where_protobufs_json_is() {
    let check = |json: &str, of: fn(&opentelemetry_proto::tonic::trace::v1::Span) -> bool| {
        let line = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{json}]}}]}}]}}"#);
        let read = read_traces(line.as_bytes()).unwrap();
        assert!(of(&read.resource_spans[0].scope_spans[0].spans[0]), "{json}");
    };
    check("{}", |span| span.span_id.is_empty() && span.status.is_none());
    check(r#"{"kind":"SPAN_KIND_CLIENT"}"#, |span| span.kind == 3);
    check(r#"{"status":{"code":"STATUS_CODE_ERROR"}}"#, |span| span.status.as_ref().unwrap().code == 2);
    check(r#"{"startTimeUnixNano":17}"#, |span| span.start_time_unix_nano == 17);
    check(r#"{"attributes":[{"key":"a","value":{"newValue":{"b":[1]}}}],"more":[{}]}"#, |span| {
        span.attributes[0].value.as_ref().unwrap().value.is_none()
    });
    check(r#"{"trace_id":"AQIDBAUGBwgJCgsMDQ4PEA==","start_time_unix_nano":"17"}"#, |span| {
        span.trace_id.len() == 16 && span.start_time_unix_nano == 17
    });
    check(r#"{"traceId":"MDEwMjAzMDQwNTA2MDcwODA5MGEwYjBjMGQwZTBmMTA="}"#, |span| {
        span.trace_id == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    });
    let is_a = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        let value = span.attributes[0].value.as_ref().and_then(|value| value.value.clone());
        matches!(value, Some(opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(text)) if text == "a")
    };
    check(r#"{"attributes":[{"key":"k","value":{"string_value":"a"}}]}"#, is_a);
    check(r#"{"attributes":[{"key":"k","value":{"Value":{"StringValue":"a"}}}]}"#, is_a);
    check(r#"{"attributes":[{"key":"k","value":{"Value":null}}]}"#, |span| span.attributes.len() == 1);
    check(r#"{"attributes":[{"key":"a","value":null},{"key":"b"}]}"#, |span| span.attributes.len() == 2);
    check(r#"{"attributes":[{"key":"a","value":{"arrayValue":{}}}]}"#, |span| span.attributes.len() == 1);
}

#[test]
fn refuses_what_is_none() {
    for wrong in [
        "",
        "[]x",
        r#"{"resourceSpans":3}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"0g"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"é1"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"\u001b[31m"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}"#,
    ] {
        let error = read_traces(wrong.as_bytes()).unwrap_err();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
    let deep = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"a","value":{}"#,
        r#"{"arrayValue":{"values":["#.repeat(10_000)
    );
    assert!(read_traces(deep.as_bytes()).is_err());
}
