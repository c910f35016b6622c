//! A span under construction, as the JSON that goes to disk.
//!
//! The JSON is written as attributes are added: a span has some forty of them, and building them as objects first
//! took longer than everything else together. A test holds the bytes against those of `opentelemetry-proto`.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde::Serialize;

use crate::attributes::{OPENINFERENCE_SPAN_KIND, RECORD};
use crate::error::MappingError;
use crate::span_ids::{SpanId, SpanIds};

/// Room for a span without texts and of few chunks.
const ROOM: usize = 6 << 10;

/// A finished span.
#[derive(Debug)]
pub(crate) struct Span {
    /// Its own id.
    pub(crate) span_id: SpanId,
    /// Start, in nanoseconds since 1970.
    pub(crate) start_time_unix_nano: u64,
    /// End, likewise.
    pub(crate) end_time_unix_nano: u64,
    /// The span as OTLP JSON.
    pub(crate) json: Vec<u8>,
}

/// Collects a span's attributes and remembers the first number that JSON could not hold.
#[derive(Debug)]
pub(crate) struct SpanDraft {
    span: Span,
    /// Where the digit of the span's kind stands.
    kind_at: usize,
    attributes: usize,
    failure: Option<String>,
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
        name: impl AsRef<str>,
        record: &'static str,
        kind: &'static str,
    ) -> Self {
        let mut json = Vec::with_capacity(ROOM);
        json.extend_from_slice(b"{\"traceId\":\"");
        push_hex(&mut json, &ids.trace());
        json.extend_from_slice(b"\",\"spanId\":\"");
        push_hex(&mut json, &place.id);
        json.extend_from_slice(b"\",\"traceState\":\"\",\"parentSpanId\":\"");
        push_hex(&mut json, place.parent.as_ref().map_or(&[], |id| id));
        json.extend_from_slice(b"\",\"flags\":0,\"name\":");
        push(&mut json, name.as_ref());
        json.extend_from_slice(b",\"kind\":");

        let kind_at = json.len();
        json.push(kind_digit(SpanKind::Internal));
        json.extend_from_slice(b",\"startTimeUnixNano\":\"");
        push(&mut json, &place.start);
        json.extend_from_slice(b"\",\"endTimeUnixNano\":\"");
        push(&mut json, &place.end);
        json.extend_from_slice(b"\",\"attributes\":[");

        let span = Span {
            span_id: place.id,
            start_time_unix_nano: place.start,
            end_time_unix_nano: place.end,
            json,
        };

        let mut draft = Self { span, kind_at, attributes: 0, failure: None, not_finite: None };
        draft.text(RECORD, record);
        draft.text(OPENINFERENCE_SPAN_KIND, kind);

        draft
    }

    /// Marks the span as a call to another process.
    pub(crate) fn client(&mut self) {
        if let Some(kind) = self.span.json.get_mut(self.kind_at) {
            *kind = kind_digit(SpanKind::Client);
        }
    }

    /// Marks the span as failed.
    pub(crate) fn failed(&mut self, message: &str) {
        self.failure = Some(message.to_owned());
    }

    /// Adds a string.
    pub(crate) fn text(&mut self, key: &'static str, value: impl AsRef<str>) {
        self.begin(key, b"stringValue\":");
        push(&mut self.span.json, value.as_ref());
        self.end();
    }

    /// Adds a string where there is one.
    pub(crate) fn text_if(&mut self, key: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// Adds a whole number.
    pub(crate) fn int(&mut self, key: &'static str, value: impl Into<i64>) {
        self.begin(key, b"intValue\":\"");
        push(&mut self.span.json, &value.into());
        self.span.json.push(b'"');
        self.end();
    }

    /// Adds a whole number where there is one.
    pub(crate) fn int_if(&mut self, key: &'static str, value: Option<impl Into<i64>>) {
        if let Some(value) = value {
            self.int(key, value);
        }
    }

    /// Adds an unsigned 64-bit number as its two's complement: OTLP has signed integers only.
    pub(crate) fn unsigned(&mut self, key: &'static str, value: u64) {
        self.int(key, value.cast_signed());
    }

    /// Adds a truth value.
    pub(crate) fn truth(&mut self, key: &'static str, value: bool) {
        self.begin(key, b"boolValue\":");
        push(&mut self.span.json, &value);
        self.end();
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, key: &'static str, value: f64) {
        self.check(key, value);
        self.begin(key, b"doubleValue\":");
        push(&mut self.span.json, &value);
        self.end();
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
        self.list(key, b"{\"doubleValue\":", b"}", values.iter());
    }

    /// Adds a list of whole numbers.
    pub(crate) fn ints(&mut self, key: &'static str, values: impl Iterator<Item = i64>) {
        self.list(key, b"{\"intValue\":\"", b"\"}", values);
    }

    /// Adds a list of strings.
    pub(crate) fn texts(&mut self, key: &'static str, values: impl Iterator<Item = String>) {
        self.list(key, b"{\"stringValue\":", b"}", values);
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
        if let Some(attribute) = self.not_finite {
            return Err(MappingError::NotFinite { attribute });
        }
        let mut span = self.span;
        span.json.extend_from_slice(
            b"],\"droppedAttributesCount\":0,\"events\":[],\"droppedEventsCount\":0,\"links\":[],\
              \"droppedLinksCount\":0,\"status\":",
        );

        match &self.failure {
            None => span.json.extend_from_slice(b"null"),
            Some(message) => {
                span.json.extend_from_slice(b"{\"message\":");
                push(&mut span.json, message.as_str());
                span.json.extend_from_slice(b",\"code\":");
                push(&mut span.json, &(StatusCode::Error as i32));
                span.json.push(b'}');
            }
        }

        span.json.push(b'}');
        Ok(span)
    }

    fn list<T: Serialize>(
        &mut self,
        key: &'static str,
        before: &[u8],
        after: &[u8],
        values: impl Iterator<Item = T>,
    ) {
        self.begin(key, b"arrayValue\":{\"values\":[");
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.span.json.push(b',');
            }
            self.span.json.extend_from_slice(before);
            push(&mut self.span.json, &value);
            self.span.json.extend_from_slice(after);
        }
        self.span.json.extend_from_slice(b"]}");
        self.end();
    }

    /// Keys are ours and need no escaping.
    fn begin(&mut self, key: &'static str, kind: &[u8]) {
        if self.attributes > 0 {
            self.span.json.push(b',');
        }
        self.attributes += 1;
        self.span.json.extend_from_slice(b"{\"key\":\"");
        self.span.json.extend_from_slice(key.as_bytes());
        self.span.json.extend_from_slice(b"\",\"value\":{\"");
        self.span.json.extend_from_slice(kind);
    }

    fn end(&mut self) {
        self.span.json.extend_from_slice(b"}}");
    }
}

/// The JSON of a string or number; a vector takes whatever is written into it.
fn push<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    let _ = serde_json::to_writer(json, value);
}

fn push_hex(json: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    for byte in bytes {
        for four in [byte >> 4, byte & 15] {
            json.push(DIGITS.get(usize::from(four)).copied().unwrap_or(b'0'));
        }
    }
}

fn kind_digit(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Client => b'3',
        _ => b'1',
    }
}

/// One attribute, as an object.
pub(crate) fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;

    use super::*;

    /// The types of `opentelemetry-proto` write the same bytes.
    #[test]
    fn bytes_are_those_of_the_protobuf_types() {
        let ids = SpanIds::of("r".to_owned());
        for parent in [None, Some([7; 8])] {
            let place = SpanPlace { id: [0xab; 8], parent, start: 1, end: u64::MAX };
            let mut draft = SpanDraft::new(&ids, place, "a\"\\\u{1b}\u{7f}é\u{2028}\n", "run", "CHAIN");
            draft.text("text", "\u{0}\t</script>");
            draft.text_if("none", None);
            draft.int("int", i64::MIN);
            draft.int_if("some", Some(5_i32));
            draft.unsigned("unsigned", u64::MAX);
            draft.truth("truth", true);
            for (key, value) in [("d1", 0.1), ("d2", -0.0), ("d3", 1e300), ("d4", 5e-324), ("d5", 3.0)] {
                draft.number(key, value);
            }
            draft.numbers("numbers", &[0.1, 2.0]);
            draft.numbers("empty", &[]);
            draft.ints("ints", [1, -2].into_iter());
            draft.texts("texts", ["a".to_owned(), "\"".to_owned()].into_iter());
            if parent.is_some() {
                draft.client();
                draft.failed("it\nfailed");
            }
            let span = draft.finish().unwrap();
            let read: ProtoSpan = serde_json::from_slice(&span.json).unwrap();
            let theirs = serde_json::to_string(&read).unwrap();
            assert_eq!(String::from_utf8(span.json).unwrap(), theirs);
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        let ids = SpanIds::of("r".to_owned());
        let place = SpanPlace { id: [1; 8], parent: None, start: 0, end: 0 };
        let mut draft = SpanDraft::new(&ids, place, "n", "run", "CHAIN");
        draft.number("bad", f64::NAN);
        assert!(matches!(draft.finish(), Err(MappingError::NotFinite { attribute: "bad" })));
    }
}
