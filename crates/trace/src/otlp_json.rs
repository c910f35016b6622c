//! OTLP JSON into the types of `opentelemetry-proto`, for whoever passes spans on.
//!
//! The types' own deserializers would do, but they buffer every attribute value before they know its kind
//! (several times slower), and stop at an attribute value of a kind that they do not know. A test holds the two
//! against each other.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::run_reader::plain;

/// Reads one `TracesData` object: a line of a file of the Collector's file exporter, or of a run's.
///
/// # Errors
/// Where the text is no such object; file content in the message is escaped.
pub fn read_traces(json: &[u8]) -> Result<TracesData, String> {
    let read: TracesIn = serde_json::from_slice(json).map_err(|error| plain(&error))?;
    Ok(TracesData { resource_spans: read.resource_spans.into_iter().map(ResourceIn::into_proto).collect() })
}

/// Reads a list of spans; `None` where the text is none.
pub(crate) fn read_spans(json: &[u8]) -> Option<Vec<Span>> {
    let read: Vec<SpanIn> = serde_json::from_slice(json).ok()?;
    Some(read.into_iter().map(SpanIn::into_proto).collect())
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct TracesIn {
    resource_spans: Vec<ResourceIn>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResourceIn {
    resource: Option<Attributed>,
    scope_spans: Vec<ScopeIn>,
    schema_url: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Attributed {
    attributes: Pairs,
    dropped_attributes_count: Count,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ScopeIn {
    scope: Option<ScopeNameIn>,
    spans: Vec<SpanIn>,
    schema_url: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ScopeNameIn {
    name: String,
    version: String,
    attributes: Pairs,
    dropped_attributes_count: Count,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SpanIn {
    trace_id: Id,
    span_id: Id,
    trace_state: String,
    parent_span_id: Id,
    flags: Count,
    name: String,
    kind: Kind,
    start_time_unix_nano: Nanos,
    end_time_unix_nano: Nanos,
    attributes: Pairs,
    dropped_attributes_count: Count,
    events: Vec<EventIn>,
    dropped_events_count: Count,
    links: Vec<LinkIn>,
    dropped_links_count: Count,
    status: Option<StatusIn>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct EventIn {
    time_unix_nano: Nanos,
    name: String,
    attributes: Pairs,
    dropped_attributes_count: Count,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LinkIn {
    trace_id: Id,
    span_id: Id,
    trace_state: String,
    attributes: Pairs,
    dropped_attributes_count: Count,
    flags: Count,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct StatusIn {
    message: String,
    code: StatusKind,
}

impl ResourceIn {
    fn into_proto(self) -> ResourceSpans {
        let resource = self.resource.map(|read| Resource {
            attributes: read.attributes.0,
            dropped_attributes_count: read.dropped_attributes_count.get(),
            ..Resource::default()
        });
        let scope_spans = self.scope_spans.into_iter().map(ScopeIn::into_proto).collect();
        ResourceSpans { resource, scope_spans, schema_url: self.schema_url }
    }
}

impl ScopeIn {
    fn into_proto(self) -> ScopeSpans {
        let scope = self.scope.map(|read| InstrumentationScope {
            name: read.name,
            version: read.version,
            attributes: read.attributes.0,
            dropped_attributes_count: read.dropped_attributes_count.get(),
        });
        let spans = self.spans.into_iter().map(SpanIn::into_proto).collect();
        ScopeSpans { scope, spans, schema_url: self.schema_url }
    }
}

impl SpanIn {
    fn into_proto(self) -> Span {
        Span {
            trace_id: self.trace_id.0,
            span_id: self.span_id.0,
            trace_state: self.trace_state,
            parent_span_id: self.parent_span_id.0,
            flags: self.flags.get(),
            name: self.name,
            kind: self.kind.0,
            start_time_unix_nano: self.start_time_unix_nano.0,
            end_time_unix_nano: self.end_time_unix_nano.0,
            attributes: self.attributes.0,
            dropped_attributes_count: self.dropped_attributes_count.get(),
            events: self.events.into_iter().map(EventIn::into_proto).collect(),
            dropped_events_count: self.dropped_events_count.get(),
            links: self.links.into_iter().map(LinkIn::into_proto).collect(),
            dropped_links_count: self.dropped_links_count.get(),
            status: self.status.map(|read| Status { message: read.message, code: read.code.0 }),
        }
    }
}

impl EventIn {
    fn into_proto(self) -> Event {
        Event {
            time_unix_nano: self.time_unix_nano.0,
            name: self.name,
            attributes: self.attributes.0,
            dropped_attributes_count: self.dropped_attributes_count.get(),
        }
    }
}

impl LinkIn {
    fn into_proto(self) -> Link {
        Link {
            trace_id: self.trace_id.0,
            span_id: self.span_id.0,
            trace_state: self.trace_state,
            attributes: self.attributes.0,
            dropped_attributes_count: self.dropped_attributes_count.get(),
            flags: self.flags.get(),
        }
    }
}

/// What a number, a string of digits or a name stands for.
trait Scalar: Sized {
    const WANTED: &'static str;
    fn of_int(value: i128) -> Option<Self>;
    fn of_text(value: &str) -> Option<Self> {
        Self::of_int(value.parse().ok()?)
    }
    fn of_number(_value: f64) -> Option<Self> {
        None
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WANTED)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<T, E> {
        T::of_int(value.into()).ok_or_else(|| E::custom(format!("{value} is not {}", T::WANTED)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<T, E> {
        T::of_int(value.into()).ok_or_else(|| E::custom(format!("{value} is not {}", T::WANTED)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<T, E> {
        T::of_number(value).ok_or_else(|| E::custom(format!("{value} is not {}", T::WANTED)))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<T, E> {
        let shown = || value.chars().take(40).collect::<String>();
        T::of_text(value).ok_or_else(|| E::custom(format!("{:?} is not {}", shown(), T::WANTED)))
    }
}

macro_rules! scalar {
    ($($name:ident),*) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ScalarVisitor(PhantomData))
            }
        })*
    };
}

scalar!(Nanos, Count, Int, Number, Kind, StatusKind, Id);

#[derive(Default)]
struct Nanos(u64);

impl Scalar for Nanos {
    const WANTED: &'static str = "an unsigned 64-bit number";

    fn of_int(value: i128) -> Option<Self> {
        u64::try_from(value).ok().map(Self)
    }
}

#[derive(Default)]
struct Count(u32);

impl Count {
    fn get(&self) -> u32 {
        self.0
    }
}

impl Scalar for Count {
    const WANTED: &'static str = "an unsigned 32-bit number";

    fn of_int(value: i128) -> Option<Self> {
        u32::try_from(value).ok().map(Self)
    }
}

struct Int(i64);

impl Scalar for Int {
    const WANTED: &'static str = "a signed 64-bit number";

    fn of_int(value: i128) -> Option<Self> {
        i64::try_from(value).ok().map(Self)
    }

    fn of_text(value: &str) -> Option<Self> {
        value.parse().ok().map(Self)
    }
}

struct Number(f64);

impl Scalar for Number {
    const WANTED: &'static str = "a number";

    #[expect(clippy::cast_precision_loss, reason = "a whole number where JSON means a double")]
    fn of_int(value: i128) -> Option<Self> {
        Some(Self(value as f64))
    }

    fn of_number(value: f64) -> Option<Self> {
        Some(Self(value))
    }

    /// `NaN`, `Infinity` and `-Infinity` are how protobuf's JSON writes them.
    fn of_text(value: &str) -> Option<Self> {
        match value {
            "Infinity" => Some(Self(f64::INFINITY)),
            "-Infinity" => Some(Self(f64::NEG_INFINITY)),
            _ => value.parse().ok().map(Self),
        }
    }
}

#[derive(Default)]
struct Kind(i32);

impl Scalar for Kind {
    const WANTED: &'static str = "a span kind";

    fn of_int(value: i128) -> Option<Self> {
        i32::try_from(value).ok().map(Self)
    }

    fn of_text(value: &str) -> Option<Self> {
        SpanKind::from_str_name(value).map(|kind| Self(kind as i32))
    }
}

#[derive(Default)]
struct StatusKind(i32);

impl Scalar for StatusKind {
    const WANTED: &'static str = "a status code";

    fn of_int(value: i128) -> Option<Self> {
        i32::try_from(value).ok().map(Self)
    }

    fn of_text(value: &str) -> Option<Self> {
        StatusCode::from_str_name(value).map(|code| Self(code as i32))
    }
}

/// Hexadecimal digits, two a byte; none is no id.
#[derive(Default)]
struct Id(Vec<u8>);

impl Scalar for Id {
    const WANTED: &'static str = "an id in hexadecimal digits";

    fn of_int(_value: i128) -> Option<Self> {
        None
    }

    fn of_text(value: &str) -> Option<Self> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        value.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>().map(Self)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum PairField {
    Key,
    Value,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum ValueField {
    StringValue,
    BoolValue,
    IntValue,
    DoubleValue,
    ArrayValue,
    KvlistValue,
    BytesValue,
    #[serde(other)]
    Other,
}

#[derive(Default)]
struct Pairs(Vec<KeyValue>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of attributes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(Pair(pair)) = list.next_element()? {
                    if pairs.capacity() == 0 {
                        pairs.reserve(48);
                    }
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_seq(PairsVisitor)
    }
}

struct Pair(KeyValue);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairVisitor;
        impl<'de> Visitor<'de> for PairVisitor {
            type Value = Pair;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pair, A::Error> {
                let mut pair = KeyValue::default();
                while let Some(field) = map.next_key()? {
                    match field {
                        PairField::Key => pair.key = map.next_value()?,
                        PairField::Value => {
                            pair.value = map.next_value::<Option<ValueIn>>()?.map(|read| read.0);
                        }
                        PairField::Other => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Pair(pair))
            }
        }
        deserializer.deserialize_map(PairVisitor)
    }
}

struct ValueIn(AnyValue);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Values {
    values: Vec<ValueIn>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PairList {
    values: Pairs,
}

impl<'de> Deserialize<'de> for ValueIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = ValueIn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ValueIn, A::Error> {
                let mut value = None;
                while let Some(field) = map.next_key()? {
                    value = Some(match field {
                        ValueField::StringValue => Value::StringValue(map.next_value()?),
                        ValueField::BoolValue => Value::BoolValue(map.next_value()?),
                        ValueField::IntValue => Value::IntValue(map.next_value::<Int>()?.0),
                        ValueField::DoubleValue => Value::DoubleValue(map.next_value::<Number>()?.0),
                        ValueField::ArrayValue => {
                            let values = map.next_value::<Values>()?.values;
                            let values = values.into_iter().map(|read| read.0).collect();
                            Value::ArrayValue(ArrayValue { values })
                        }
                        ValueField::KvlistValue => Value::KvlistValue(KeyValueList {
                            values: map.next_value::<PairList>()?.values.0,
                        }),
                        ValueField::BytesValue => {
                            let text = map.next_value::<Cow<'_, str>>()?;
                            let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, &*text);
                            Value::BytesValue(
                                bytes.map_err(|_| A::Error::custom("bytesValue is not base64"))?,
                            )
                        }
                        ValueField::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    });
                }
                Ok(ValueIn(AnyValue { value }))
            }
        }
        deserializer.deserialize_map(ValueVisitor)
    }
}

#[cfg(test)]
mod tests;
