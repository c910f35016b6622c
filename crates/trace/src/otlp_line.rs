//! Spans as lines: one `TracesData` object a line, as the Collector's file exporter writes it, and a checksum.

use infercost_core::RunHeader;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Marker, TracesData};

use crate::attributes::SCHEMA_URL;
use crate::checksum;
use crate::mapping::run::{SERVICE, resource};
use crate::span_draft::Span;

/// Writes lines that all have the same resource, which is turned into JSON once.
#[derive(Debug)]
pub(crate) struct LineWriter {
    before: Vec<u8>,
    /// Up to the brace that closes the line's object, which comes behind the checksum.
    after: Vec<u8>,
    line: Vec<u8>,
}

impl LineWriter {
    /// Lines of the run with that header.
    ///
    /// # Errors
    /// What the JSON writer says; strings and numbers as a header holds them always have a JSON form.
    pub(crate) fn new(header: &RunHeader) -> Result<Self, serde_json::Error> {
        let marker = Marker { name: MARKER.to_owned(), ..Marker::default() };
        let marked = serde_json::to_string(&marker)?;
        let scope = InstrumentationScope {
            name: SERVICE.to_owned(),
            version: header.infercost_version.clone(),
            ..InstrumentationScope::default()
        };

        let scope_spans =
            vec![ScopeSpans { scope: Some(scope), spans: vec![marker], schema_url: SCHEMA_URL.to_owned() }];
        let resource_spans = vec![ResourceSpans {
            resource: Some(resource(header)),
            scope_spans,
            schema_url: SCHEMA_URL.to_owned(),
        }];

        let whole = serde_json::to_string(&TracesData { resource_spans })?;

        // the spans come after the resource, so the marker is the last such object, whatever a header says
        let (before, after) = whole
            .strip_suffix('}')
            .and_then(|open| open.rsplit_once(&marked))
            .ok_or_else(|| serde::ser::Error::custom("a line without a place for its spans"))?;

        Ok(Self { before: before.into(), after: after.into(), line: Vec::with_capacity(16 * 1024) })
    }

    /// Adds a span to the line.
    pub(crate) fn add(&mut self, span: &Span) {
        if self.line.is_empty() {
            self.line.extend_from_slice(&self.before);
        } else {
            self.line.push(b',');
        }
        self.line.extend_from_slice(&span.json);
    }

    /// Bytes of the line so far.
    pub(crate) fn length(&self) -> usize {
        self.line.len()
    }

    /// The line of the spans that were added, its end included. The next one begins with [`clear`](Self::clear).
    pub(crate) fn end(&mut self) -> &[u8] {
        self.line.extend_from_slice(&self.after);
        checksum::seal(&mut self.line);
        self.line.push(b'\n');
        &self.line
    }

    /// Begins a line, whatever became of the last one.
    pub(crate) fn clear(&mut self) {
        self.line.clear();
    }
}

const MARKER: &str = "spans go here";
