//! What was read as the types of `opentelemetry-proto`, for whoever passes spans on; and these types as what is read,
//! so that spans that came as protobuf are understood by the same code.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::scalar::{Id, Nanos, StatusKind};
use super::value::{Attribute, Attributes, ReadList, ReadValue};
use super::{ReadEvent, ReadLink, ReadResource, ReadScope, ReadSpan, ReadStatus};

impl From<ReadResource<'_>> for ResourceSpans {
    fn from(read: ReadResource<'_>) -> Self {
        let resource = read.resource.map(|resource| Resource {
            attributes: pairs(resource.attributes),
            dropped_attributes_count: resource.dropped_attributes_count.0,
            ..Resource::default()
        });
        let scope_spans = read.scope_spans.into_iter().map(ScopeSpans::from).collect();
        Self { resource, scope_spans, schema_url: read.schema_url.into_owned() }
    }
}

impl From<ReadScope<'_>> for ScopeSpans {
    fn from(read: ReadScope<'_>) -> Self {
        let scope = read.scope.map(|scope| InstrumentationScope {
            name: scope.name.into_owned(),
            version: scope.version.into_owned(),
            attributes: pairs(scope.attributes),
            dropped_attributes_count: scope.dropped_attributes_count.0,
        });
        let spans = read.spans.into_iter().map(Span::from).collect();
        Self { scope, spans, schema_url: read.schema_url.into_owned() }
    }
}

impl From<ReadSpan<'_>> for Span {
    fn from(read: ReadSpan<'_>) -> Self {
        Self {
            trace_id: read.trace_id.bytes().to_vec(),
            span_id: read.span_id.bytes().to_vec(),
            trace_state: read.trace_state.into_owned(),
            parent_span_id: read.parent_span_id.bytes().to_vec(),
            flags: read.flags.0,
            name: read.name.into_owned(),
            kind: read.kind.0,
            start_time_unix_nano: read.start_time_unix_nano.0,
            end_time_unix_nano: read.end_time_unix_nano.0,
            attributes: pairs(read.attributes),
            dropped_attributes_count: read.dropped_attributes_count.0,
            events: read.events.into_iter().map(Event::from).collect(),
            dropped_events_count: read.dropped_events_count.0,
            links: read.links.into_iter().map(Link::from).collect(),
            dropped_links_count: read.dropped_links_count.0,
            status: read
                .status
                .map(|status| Status { message: status.message.into_owned(), code: status.code.0 }),
        }
    }
}

impl From<ReadEvent<'_>> for Event {
    fn from(read: ReadEvent<'_>) -> Self {
        Self {
            time_unix_nano: read.time_unix_nano.0,
            name: read.name.into_owned(),
            attributes: pairs(read.attributes),
            dropped_attributes_count: read.dropped_attributes_count.0,
        }
    }
}

impl From<ReadLink<'_>> for Link {
    fn from(read: ReadLink<'_>) -> Self {
        Self {
            trace_id: read.trace_id.bytes().to_vec(),
            span_id: read.span_id.bytes().to_vec(),
            trace_state: read.trace_state.into_owned(),
            attributes: pairs(read.attributes),
            dropped_attributes_count: read.dropped_attributes_count.0,
            flags: read.flags.0,
        }
    }
}

fn pairs(read: Attributes<'_>) -> Vec<KeyValue> {
    read.0.into_iter().map(pair).collect()
}

fn pair(read: Attribute<'_>) -> KeyValue {
    KeyValue { key: read.key.into_owned(), value: read.value.map(any_value), ..KeyValue::default() }
}

fn any_value(read: ReadValue<'_>) -> AnyValue {
    let value = match read {
        ReadValue::Text(text) => Value::StringValue(text.into_owned()),
        ReadValue::Truth(truth) => Value::BoolValue(truth),
        ReadValue::Int(int) => Value::IntValue(int),
        ReadValue::Number(number) => Value::DoubleValue(number),
        ReadValue::List(list) => {
            Value::ArrayValue(ArrayValue { values: list.into_values().into_iter().map(any_value).collect() })
        }
        ReadValue::Map(values) => {
            Value::KvlistValue(KeyValueList { values: values.into_iter().map(pair).collect() })
        }
        ReadValue::Bytes(bytes) => Value::BytesValue(bytes),
        ReadValue::Other => return AnyValue { value: None },
    };
    AnyValue { value: Some(value) }
}

impl<'a> From<&'a Span> for ReadSpan<'a> {
    /// Links, and counts of what was dropped, are left out: nobody asks for them here. Ids of impossible length are none.
    fn from(span: &'a Span) -> Self {
        Self {
            trace_id: Id::of_bytes(&span.trace_id).unwrap_or_default(),
            span_id: Id::of_bytes(&span.span_id).unwrap_or_default(),
            parent_span_id: Id::of_bytes(&span.parent_span_id).unwrap_or_default(),
            name: Cow::Borrowed(&span.name),
            start_time_unix_nano: Nanos(span.start_time_unix_nano),
            end_time_unix_nano: Nanos(span.end_time_unix_nano),
            attributes: borrowed(&span.attributes),
            events: span
                .events
                .iter()
                .map(|event| ReadEvent {
                    time_unix_nano: Nanos(event.time_unix_nano),
                    name: Cow::Borrowed(&event.name),
                    attributes: borrowed(&event.attributes),
                    ..ReadEvent::default()
                })
                .collect(),
            status: span.status.as_ref().map(|status| ReadStatus {
                message: Cow::Borrowed(&status.message),
                code: StatusKind(status.code),
            }),
            ..Self::default()
        }
    }
}

/// Attributes of a message, borrowed from it.
pub(crate) fn borrowed(pairs: &[KeyValue]) -> Attributes<'_> {
    Attributes(pairs.iter().map(borrowed_pair).collect())
}

fn borrowed_pair(pair: &KeyValue) -> Attribute<'_> {
    Attribute { key: Cow::Borrowed(&pair.key), value: pair.value.as_ref().map(borrowed_value) }
}

fn borrowed_value(value: &AnyValue) -> ReadValue<'_> {
    match &value.value {
        Some(Value::StringValue(text)) => ReadValue::Text(Cow::Borrowed(text)),
        Some(Value::BoolValue(truth)) => ReadValue::Truth(*truth),
        Some(Value::IntValue(int)) => ReadValue::Int(*int),
        Some(Value::DoubleValue(number)) => ReadValue::Number(*number),
        Some(Value::ArrayValue(list)) => {
            ReadValue::List(ReadList::Values(list.values.iter().map(borrowed_value).collect()))
        }
        Some(Value::KvlistValue(list)) => ReadValue::Map(borrowed(&list.values).0),
        _ => ReadValue::Other,
    }
}
