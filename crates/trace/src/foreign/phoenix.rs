//! A span of Phoenix's own interface as one of OTLP.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::Value;

use crate::attributes::OPENINFERENCE_SPAN_KIND;
use crate::span_draft::key_value;

/// Attributes nest at most so deep.
const DEEPEST: usize = 16;
/// Most attributes of one span.
const MOST_ATTRIBUTES: usize = 4096;

/// Reads `{name, context: {trace_id, span_id}, span_kind, parent_id, start_time, end_time, status_code, attributes}`;
/// `None` where it is no such object.
pub(super) fn span(json: &Value) -> Option<Span> {
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let context = json.get("context")?;
    let id = |value: Option<&Value>| value.and_then(Value::as_str).and_then(hex).unwrap_or_default();
    let time = |key: &str| {
        let time: jiff::Timestamp = text(key)?.parse().ok()?;
        u64::try_from(time.as_nanosecond()).ok()
    };
    let mut attributes = Vec::new();
    if let Some(kind) = text("span_kind") {
        attributes.push(key_value(OPENINFERENCE_SPAN_KIND, OtlpValue::StringValue(kind.to_owned())));
    }
    if let Some(values) = json.get("attributes") {
        flatten("", values, 0, &mut attributes);
    }
    let failed = text("status_code") == Some("ERROR");
    Some(Span {
        trace_id: id(context.get("trace_id")),
        span_id: id(context.get("span_id")),
        parent_span_id: id(json.get("parent_id")),
        name: text("name").unwrap_or_default().to_owned(),
        start_time_unix_nano: time("start_time").unwrap_or_default(),
        end_time_unix_nano: time("end_time").unwrap_or_default(),
        attributes,
        status: failed.then(|| Status { message: String::new(), code: StatusCode::Error as i32 }),
        ..Span::default()
    })
}

/// Nested objects become names with dots, as they were sent.
fn flatten(prefix: &str, value: &Value, depth: usize, into: &mut Vec<KeyValue>) {
    if into.len() >= MOST_ATTRIBUTES {
        return;
    }
    let otlp = match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|_| depth < DEEPEST) {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, depth + 1, into);
            }
            return;
        }
        Value::String(text) => OtlpValue::StringValue(text.clone()),
        Value::Bool(truth) => OtlpValue::BoolValue(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => OtlpValue::IntValue(whole),
            (None, Some(double)) => OtlpValue::DoubleValue(double),
            (None, None) => return,
        },
        Value::Null | Value::Array(_) => return,
    };
    if prefix != OPENINFERENCE_SPAN_KIND {
        into.push(key_value(prefix, otlp));
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).take(64).collect();
    Some(digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}
