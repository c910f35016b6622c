//! A span under construction.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::attributes::{OPENINFERENCE_SPAN_KIND, RECORD};
use crate::error::MappingError;
use crate::span_ids::{SpanId, SpanIds};

/// Collects a span's attributes and remembers the first number that JSON could not hold.
#[derive(Debug)]
pub(crate) struct SpanDraft {
    span: Span,
    not_finite: Option<&'static str>,
}

/// Who a span is and when it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanPlace {
    /// Its own id.
    pub(crate) id: SpanId,
    /// Its parent's; `None` for the root.
    pub(crate) parent: Option<SpanId>,
    /// Start, in nanoseconds since 1970.
    pub(crate) start: u64,
    /// End, likewise.
    pub(crate) end: u64,
}

impl SpanDraft {
    /// A span named `name`; `record` and `kind` say what it is to infercost and to OpenInference.
    pub(crate) fn new(
        ids: &SpanIds,
        place: SpanPlace,
        name: impl Into<String>,
        record: &'static str,
        kind: &'static str,
    ) -> Self {
        let span = Span {
            trace_id: ids.trace().to_vec(),
            span_id: place.id.to_vec(),
            parent_span_id: place.parent.map(|id| id.to_vec()).unwrap_or_default(),
            name: name.into(),
            kind: SpanKind::Internal as i32,
            start_time_unix_nano: place.start,
            end_time_unix_nano: place.end,
            attributes: Vec::with_capacity(40),
            ..Span::default()
        };
        let mut draft = Self { span, not_finite: None };
        draft.text(RECORD, record);
        draft.text(OPENINFERENCE_SPAN_KIND, kind);
        draft
    }

    /// Marks the span as a call to another process.
    pub(crate) fn client(&mut self) {
        self.span.kind = SpanKind::Client as i32;
    }

    /// Marks the span as failed.
    pub(crate) fn failed(&mut self, message: &str) {
        self.span.status = Some(Status { message: message.to_owned(), code: StatusCode::Error as i32 });
    }

    /// Adds a string.
    pub(crate) fn text(&mut self, key: &'static str, value: impl Into<String>) {
        self.push(key, Value::StringValue(value.into()));
    }

    /// Adds a string where there is one.
    pub(crate) fn text_if(&mut self, key: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// Adds a whole number.
    pub(crate) fn int(&mut self, key: &'static str, value: impl Into<i64>) {
        self.push(key, Value::IntValue(value.into()));
    }

    /// Adds a whole number where there is one.
    pub(crate) fn int_if(&mut self, key: &'static str, value: Option<impl Into<i64>>) {
        if let Some(value) = value {
            self.int(key, value);
        }
    }

    /// Adds an unsigned 64-bit number as its two's complement: OTLP has signed integers only.
    pub(crate) fn unsigned(&mut self, key: &'static str, value: u64) {
        self.push(key, Value::IntValue(value.cast_signed()));
    }

    /// Adds a truth value.
    pub(crate) fn truth(&mut self, key: &'static str, value: bool) {
        self.push(key, Value::BoolValue(value));
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, key: &'static str, value: f64) {
        self.check(key, value);
        self.push(key, Value::DoubleValue(value));
    }

    /// Adds a number where there is one.
    pub(crate) fn number_if(&mut self, key: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    /// Adds a list of numbers.
    pub(crate) fn numbers(&mut self, key: &'static str, values: &[f64]) {
        for value in values {
            self.check(key, *value);
        }
        self.list(key, values.iter().map(|value| Value::DoubleValue(*value)));
    }

    /// Adds a list of whole numbers.
    pub(crate) fn ints(&mut self, key: &'static str, values: impl Iterator<Item = i64>) {
        self.list(key, values.map(Value::IntValue));
    }

    /// Adds a list of strings.
    pub(crate) fn texts(&mut self, key: &'static str, values: impl Iterator<Item = String>) {
        self.list(key, values.map(Value::StringValue));
    }

    /// Notes a number that stands inside a string.
    pub(crate) fn check(&mut self, key: &'static str, value: f64) {
        if !value.is_finite() {
            self.not_finite.get_or_insert(key);
        }
    }

    /// The finished span.
    ///
    /// # Errors
    /// [`MappingError::NotFinite`] where a number is NaN or infinite.
    pub(crate) fn finish(self) -> Result<Span, MappingError> {
        match self.not_finite {
            Some(attribute) => Err(MappingError::NotFinite { attribute }),
            None => Ok(self.span),
        }
    }

    fn list(&mut self, key: &'static str, values: impl Iterator<Item = Value>) {
        let values = values.map(|value| AnyValue { value: Some(value) }).collect();
        self.push(key, Value::ArrayValue(ArrayValue { values }));
    }

    fn push(&mut self, key: &'static str, value: Value) {
        self.span.attributes.push(key_value(key, value));
    }
}

/// One attribute.
pub(crate) fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
