//! A span as the SDK of OpenTelemetry for Python prints it, and as Phoenix's own interface gives it:
//! `{name, context: {trace_id, span_id}, parent_id, start_time, end_time, status, attributes, …}`.

use std::borrow::Cow;

use serde_json::Value;

use crate::attributes::OPENINFERENCE_SPAN_KIND;
use crate::otlp_json::{
    Attribute, Attributes, Id, Nanos, ReadEvent, ReadList, ReadSpan, ReadStatus, ReadValue, StatusKind,
};

/// Attributes nest at most so deep.
const DEEPEST: usize = 16;
/// Most attributes of one span.
const MOST_ATTRIBUTES: usize = 4096;

/// Reads one; `None` where it is no such object.
pub(super) fn read(json: &Value) -> Option<ReadSpan<'_>> {
    let context = json.get("context")?.as_object()?;
    let mut attributes = Vec::new();

    if let Some(kind) = json.get("span_kind").and_then(Value::as_str) {
        attributes.push(Attribute {
            key: Cow::Borrowed(OPENINFERENCE_SPAN_KIND),
            value: Some(ReadValue::Text(Cow::Borrowed(kind))),
        });
    }

    if let Some(values) = json.get("attributes") {
        flatten("", values, 0, &mut attributes);
    }

    let code = json.get("status_code").or_else(|| json.get("status")?.get("status_code"));
    let failed = code.and_then(Value::as_str) == Some("ERROR");

    Some(ReadSpan {
        trace_id: id(context.get("trace_id")),
        span_id: id(context.get("span_id")),
        parent_span_id: id(json.get("parent_id")),
        name: Cow::Borrowed(json.get("name").and_then(Value::as_str).unwrap_or_default()),
        start_time_unix_nano: time(json.get("start_time")),
        end_time_unix_nano: time(json.get("end_time")),
        attributes: Attributes(attributes),
        events: json
            .get("events")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(event)
            .collect(),
        status: failed.then(|| ReadStatus { code: StatusKind::ERROR, ..ReadStatus::default() }),
        ..ReadSpan::default()
    })
}

fn event(json: &Value) -> Option<ReadEvent<'_>> {
    let name = Cow::Borrowed(json.get("name")?.as_str()?);
    Some(ReadEvent { time_unix_nano: time(json.get("timestamp")), name, ..ReadEvent::default() })
}

/// Hexadecimal digits, with `0x` before them or not.
fn id(json: Option<&Value>) -> Id {
    let text = json.and_then(Value::as_str).unwrap_or_default();
    Id::of_digits(text.strip_prefix("0x").unwrap_or(text)).unwrap_or_default()
}

fn time(json: Option<&Value>) -> Nanos {
    let time: Option<jiff::Timestamp> = json.and_then(Value::as_str).and_then(|text| text.parse().ok());
    Nanos(time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or_default())
}

/// Nested objects become names with dots, as they were sent.
fn flatten<'j>(prefix: &str, value: &'j Value, depth: usize, into: &mut Vec<Attribute<'j>>) {
    if into.len() >= MOST_ATTRIBUTES {
        return;
    }

    let value = match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|_| depth < DEEPEST) {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, depth + 1, into);
            }
            return;
        }
        Value::Null => return,
        value => plain(value, depth),
    };

    if prefix != OPENINFERENCE_SPAN_KIND || into.is_empty() {
        into.push(Attribute { key: Cow::Owned(prefix.to_owned()), value: Some(value) });
    }
}

fn plain(value: &Value, depth: usize) -> ReadValue<'_> {
    match value {
        Value::String(text) => ReadValue::Text(Cow::Borrowed(text)),
        Value::Bool(truth) => ReadValue::Truth(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => ReadValue::Int(whole),
            (None, Some(double)) => ReadValue::Number(double),
            (None, None) => ReadValue::Other,
        },
        Value::Array(values) if depth < DEEPEST => {
            ReadValue::List(ReadList::Values(values.iter().map(|value| plain(value, depth + 1)).collect()))
        }
        _ => ReadValue::Other,
    }
}
