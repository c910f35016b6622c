//! A trace as Jaeger's interface and its page's download give it: `{traceID, spans: […], processes: {…}}`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::span_reader::SpanReader;
use crate::escaped::plain;
use crate::otlp_json::{Attribute, Attributes, Id, Nanos, ReadEvent, ReadSpan, ReadValue, check_length};
use crate::raw_list::each_element;

#[derive(Deserialize)]
struct Trace<'a> {
    #[serde(borrow)]
    spans: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(rename = "traceID", borrow)]
    trace_id: Cow<'a, str>,
    #[serde(rename = "spanID", borrow)]
    span_id: Cow<'a, str>,
    #[serde(borrow, default)]
    operation_name: Cow<'a, str>,
    #[serde(borrow, default)]
    references: Vec<Reference<'a>>,
    /// Microseconds since 1970.
    #[serde(default)]
    start_time: u64,
    /// Microseconds.
    #[serde(default)]
    duration: u64,
    #[serde(borrow, default)]
    tags: Vec<Tag<'a>>,
    #[serde(borrow, default)]
    logs: Vec<Log<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(borrow, default)]
    ref_type: Cow<'a, str>,
    #[serde(rename = "spanID", borrow, default)]
    span_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    value: Value,
}

#[derive(Deserialize)]
struct Log<'a> {
    /// Microseconds since 1970.
    #[serde(default)]
    timestamp: u64,
    #[serde(borrow, default)]
    fields: Vec<Tag<'a>>,
}

/// Reads a trace.
///
/// # Errors
/// What is wrong with it as text.
pub(super) fn read(json: &str, reader: &mut SpanReader) -> Result<(), String> {
    let trace: Trace<'_> = serde_json::from_str(json).map_err(|error| plain(&error))?;
    each_element(trace.spans.get(), |span: &RawValue| {
        check_length(span.get())?;
        let span: Span<'_> = serde_json::from_str(span.get()).map_err(|error| plain(&error))?;

        let scope = span.tags.iter().find(|tag| matches!(&*tag.key, "otel.scope.name" | "otel.library.name"));
        let scope = scope.and_then(|tag| tag.value.as_str()).unwrap_or_default().to_owned();
        reader.span(&converted(span), &scope);
        Ok(())
    })
}

fn converted(span: Span<'_>) -> ReadSpan<'_> {
    let parent = span.references.iter().find(|reference| reference.ref_type == "CHILD_OF");
    ReadSpan {
        trace_id: Id::of_digits(&span.trace_id).unwrap_or_default(),
        span_id: Id::of_digits(&span.span_id).unwrap_or_default(),
        parent_span_id: parent.and_then(|parent| Id::of_digits(&parent.span_id)).unwrap_or_default(),
        name: span.operation_name,
        start_time_unix_nano: nanos(span.start_time),
        end_time_unix_nano: nanos(span.start_time.saturating_add(span.duration)),
        attributes: Attributes(span.tags.into_iter().map(attribute).collect()),
        events: span.logs.into_iter().map(event).collect(),
        ..ReadSpan::default()
    }
}

fn event(log: Log<'_>) -> ReadEvent<'_> {
    let name = log.fields.iter().find(|field| matches!(&*field.key, "event" | "name" | "message"));
    let name = name.and_then(|field| field.value.as_str()).unwrap_or_default().to_owned();
    ReadEvent { time_unix_nano: nanos(log.timestamp), name: Cow::Owned(name), ..ReadEvent::default() }
}

fn attribute(tag: Tag<'_>) -> Attribute<'_> {
    let value = match tag.value {
        Value::String(text) => ReadValue::Text(Cow::Owned(text)),
        Value::Bool(truth) => ReadValue::Truth(truth),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => ReadValue::Int(whole),
            (None, Some(double)) => ReadValue::Number(double),
            (None, None) => ReadValue::Other,
        },
        _ => ReadValue::Other,
    };
    Attribute { key: tag.key, value: Some(value) }
}

fn nanos(microseconds: u64) -> Nanos {
    Nanos(microseconds.saturating_mul(1000))
}
