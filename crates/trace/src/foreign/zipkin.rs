//! A span of Zipkin's second format: `{traceId, id, parentId, timestamp, duration, tags: {…}}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::otlp_json::{Attribute, Attributes, Id, Nanos, ReadEvent, ReadSpan, ReadValue};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span<'a> {
    #[serde(borrow)]
    trace_id: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    parent_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    /// Microseconds since 1970.
    #[serde(default)]
    timestamp: u64,
    /// Microseconds.
    #[serde(default)]
    duration: u64,
    #[serde(borrow, default)]
    tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow, default)]
    annotations: Vec<Annotation<'a>>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(default)]
    timestamp: u64,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
}

impl Span<'_> {
    /// The instrumentation that recorded it.
    pub(super) fn scope(&self) -> &str {
        let names = ["otel.scope.name", "otel.library.name"];
        names.iter().find_map(|name| self.tags.get(*name)).map_or("", |name| name)
    }
}

impl<'a> From<Span<'a>> for ReadSpan<'a> {
    /// Every tag is a text there; numbers are read from texts.
    fn from(span: Span<'a>) -> Self {
        let parent = span.parent_id.as_deref().and_then(Id::of_digits);
        let tags = span.tags.into_iter();
        let attributes = tags.map(|(key, text)| Attribute { key, value: Some(ReadValue::Text(text)) });

        Self {
            trace_id: Id::of_digits(&span.trace_id).unwrap_or_default(),
            span_id: Id::of_digits(&span.id).unwrap_or_default(),
            parent_span_id: parent.unwrap_or_default(),
            name: span.name.unwrap_or_default(),
            start_time_unix_nano: nanos(span.timestamp),
            end_time_unix_nano: nanos(span.timestamp.saturating_add(span.duration)),
            attributes: Attributes(attributes.collect()),
            events: span.annotations.into_iter().map(ReadEvent::from).collect(),
            ..Self::default()
        }
    }
}

impl<'a> From<Annotation<'a>> for ReadEvent<'a> {
    fn from(annotation: Annotation<'a>) -> Self {
        // OpenTelemetry's exporters write `"name": {attributes}`, in braces or not, where an event has attributes
        let value = annotation.value.trim_start_matches('{');
        let name = match value.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            Some((name, _)) => Cow::Owned(name.to_owned()),
            None => annotation.value,
        };
        Self { time_unix_nano: nanos(annotation.timestamp), name, ..Self::default() }
    }
}

fn nanos(microseconds: u64) -> Nanos {
    Nanos(microseconds.saturating_mul(1000))
}
