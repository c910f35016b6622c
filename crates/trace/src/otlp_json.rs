//! OTLP JSON: the one reader of the format, for runs, for exports and for other programs' traces.
//!
//! What is read borrows from the text wherever the text holds no escape. The types of `opentelemetry-proto` would do,
//! but they buffer every attribute value before they know its kind (several times slower), and stop at an attribute
//! value of a kind that they do not know. A test holds the two against each other.
//!
//! Read leniently, as protobuf's JSON is: numbers as numbers or as strings of digits, kinds and codes by number or by
//! name, ids in hexadecimal digits or in base64 (Tempo's) or both, the names of OTLP before version 0.15, names with
//! underscores, and attribute values as Go prints them.

mod into_proto;
mod one_by_one;
mod scalar;
mod usual;
mod value;

use std::borrow::Cow;

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, TracesData};
use serde::Deserialize;

use crate::escaped::plain;
pub(crate) use into_proto::borrowed;
pub(crate) use one_by_one::{
    AT_ONCE, MAX_SPAN, Part, check_length, each_part, each_part_of_resource, each_part_of_resources,
};
use scalar::{Count, Kind};
pub(crate) use scalar::{Id, Nanos, StatusKind};
pub(crate) use value::{Attribute, Attributes, ReadList, ReadValue};

/// Reads one `TracesData` object: a line of a file of the Collector's file exporter, or of a run's.
///
/// # Errors
/// Where the text is no such object; file content in the message is escaped.
pub fn read_traces(json: &[u8]) -> Result<TracesData, String> {
    let read = read_line(json)?;
    Ok(TracesData { resource_spans: read.resource_spans.into_iter().map(ResourceSpans::from).collect() })
}

/// Reads a list of spans; `None` where the text is none.
pub(crate) fn read_spans(json: &[u8]) -> Option<Vec<Span>> {
    Some(read_list(json)?.into_iter().map(Span::from).collect())
}

/// The same, borrowed from the text.
pub(crate) fn read_list(json: &[u8]) -> Option<Vec<ReadSpan<'_>>> {
    let usual = std::str::from_utf8(json).ok().and_then(usual::spans);
    usual.or_else(|| read_text(json).ok())
}

/// The same as [`read_traces`], borrowed from the text.
pub(crate) fn read_line(json: &[u8]) -> Result<ReadTraces<'_>, String> {
    read_text(json).map_err(|error| plain(&error))
}

fn read_text<'j, T: Deserialize<'j>>(json: &'j [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(json) {
        // looked at once, and not again string by string
        Ok(text) => serde_json::from_str(text),
        // strings that are passed over may hold anything; of the others the parser says where they are wrong
        Err(_) => serde_json::from_slice(json),
    }
}

/// A `TracesData` object.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadTraces<'a> {
    /// The spans, by what they come from.
    #[serde(borrow)]
    pub(crate) resource_spans: Vec<ReadResource<'a>>,
}

/// Spans of one resource.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadResource<'a> {
    /// What they come from.
    #[serde(borrow)]
    pub(crate) resource: Option<Attributed<'a>>,
    /// The spans, by what recorded them.
    #[serde(borrow, alias = "instrumentationLibrarySpans", alias = "scope_spans")]
    pub(crate) scope_spans: Vec<ReadScope<'a>>,
    #[serde(borrow)]
    pub(crate) schema_url: Cow<'a, str>,
}

/// A resource: what spans come from.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attributed<'a> {
    /// What is said of it.
    #[serde(borrow)]
    pub(crate) attributes: Attributes<'a>,
    pub(crate) dropped_attributes_count: Count,
}

/// Spans of one instrumentation.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadScope<'a> {
    /// The instrumentation.
    #[serde(borrow, alias = "instrumentationLibrary")]
    pub(crate) scope: Option<ScopeName<'a>>,
    /// Its spans.
    #[serde(borrow)]
    pub(crate) spans: Vec<ReadSpan<'a>>,
    #[serde(borrow)]
    pub(crate) schema_url: Cow<'a, str>,
}

/// An instrumentation.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ScopeName<'a> {
    /// Its name.
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) version: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) attributes: Attributes<'a>,
    pub(crate) dropped_attributes_count: Count,
}

/// A span. [`read_span`](crate::read_span) has typed access to its attributes.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadSpan<'a> {
    /// Of all spans of one request.
    #[serde(alias = "trace_id")]
    pub(crate) trace_id: Id,
    /// Its own.
    #[serde(alias = "span_id")]
    pub(crate) span_id: Id,
    #[serde(borrow)]
    pub(crate) trace_state: Cow<'a, str>,
    /// The span around it; none at a root.
    #[serde(alias = "parent_span_id")]
    pub(crate) parent_span_id: Id,
    pub(crate) flags: Count,
    /// What it is called.
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    pub(crate) kind: Kind,
    /// When it began; 0 where that is not said.
    #[serde(alias = "start_time_unix_nano")]
    pub(crate) start_time_unix_nano: Nanos,
    /// When it ended; 0 where that is not said.
    #[serde(alias = "end_time_unix_nano")]
    pub(crate) end_time_unix_nano: Nanos,
    /// What is said of it.
    #[serde(borrow)]
    pub(crate) attributes: Attributes<'a>,
    pub(crate) dropped_attributes_count: Count,
    /// What happened meanwhile.
    #[serde(borrow, deserialize_with = "value::list_or_null")]
    pub(crate) events: Vec<ReadEvent<'a>>,
    pub(crate) dropped_events_count: Count,
    #[serde(borrow, deserialize_with = "value::list_or_null")]
    pub(crate) links: Vec<ReadLink<'a>>,
    pub(crate) dropped_links_count: Count,
    /// How it went.
    #[serde(borrow)]
    pub(crate) status: Option<ReadStatus<'a>>,
}

/// A moment within a span.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadEvent<'a> {
    /// When.
    #[serde(alias = "time_unix_nano")]
    pub(crate) time_unix_nano: Nanos,
    /// What.
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    /// What is said of it.
    #[serde(borrow)]
    pub(crate) attributes: Attributes<'a>,
    pub(crate) dropped_attributes_count: Count,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadLink<'a> {
    pub(crate) trace_id: Id,
    pub(crate) span_id: Id,
    #[serde(borrow)]
    pub(crate) trace_state: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) attributes: Attributes<'a>,
    pub(crate) dropped_attributes_count: Count,
    pub(crate) flags: Count,
}

/// How a span went.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadStatus<'a> {
    /// In words.
    #[serde(borrow)]
    pub(crate) message: Cow<'a, str>,
    /// 0 unset, 1 well, 2 failed.
    pub(crate) code: StatusKind,
}

#[cfg(test)]
mod tests;
