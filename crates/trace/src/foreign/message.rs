//! OTLP in protobuf, span by span: a message of empty spans, two bytes each, would take a hundred times its length as a whole.
//!
//! Fields are those of `opentelemetry/proto/trace/v1/trace.proto`; what is not named here is passed over, as protobuf wants
//! it of fields that a reader does not know.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::span_reader::SpanReader;
use crate::otlp_json::{MAX_SPAN, Part, ReadSpan, borrowed};

/// `TracesData.resource_spans`.
const RESOURCE_SPANS: u32 = 1;
/// `ResourceSpans.resource`, and `ScopeSpans.scope`.
const ORIGIN: u32 = 1;
/// `ResourceSpans.scope_spans`, and `ScopeSpans.spans`.
const CONTENT: u32 = 2;

/// The bytes are no such message, or hold a span of more than [`MAX_SPAN`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoMessage;

impl SpanReader {
    /// Reads the spans of a message.
    ///
    /// # Errors
    /// [`NoMessage`]. The spans before that were read.
    pub(super) fn message(&mut self, message: &[u8]) -> Result<(), NoMessage> {
        each_field(message, RESOURCE_SPANS, |resource| self.message_resource(resource))
    }

    /// Reads the spans of a resource.
    ///
    /// # Errors
    /// As [`SpanReader::message`].
    pub(super) fn message_resource(&mut self, message: &[u8]) -> Result<(), NoMessage> {
        let resource = origin::<Resource>(message)?;
        let attributes = resource.as_ref().map(|resource| borrowed(&resource.attributes));
        self.part(Part::Resource(attributes.as_ref()));

        let read = each_field(message, CONTENT, |spans| self.message_scope(spans));
        self.end_parts();
        read
    }

    fn message_scope(&mut self, message: &[u8]) -> Result<(), NoMessage> {
        let scope = origin::<InstrumentationScope>(message)?;
        let name = scope.as_ref().map_or("", |scope| &scope.name);

        each_field(message, CONTENT, |span| {
            if span.len() > MAX_SPAN {
                return Err(NoMessage);
            }
            let span = Span::decode(span).map_err(|_| NoMessage)?;
            self.part(Part::Span { span: &ReadSpan::from(&span), scope: name });
            Ok(())
        })
    }
}

/// What the spans of a message come from: the field is there once, and of several the last counts.
fn origin<M: Message + Default>(message: &[u8]) -> Result<Option<M>, NoMessage> {
    let mut origin = None;
    each_field(message, ORIGIN, |field| {
        origin = Some(M::decode(field).map_err(|_| NoMessage)?);
        Ok(())
    })?;
    Ok(origin)
}

/// Gives the bytes of each field of that number to `take`.
fn each_field(
    mut message: &[u8],
    wanted: u32,
    mut take: impl FnMut(&[u8]) -> Result<(), NoMessage>,
) -> Result<(), NoMessage> {
    while !message.is_empty() {
        let (number, wire_type) = decode_key(&mut message).map_err(|_| NoMessage)?;
        if number == wanted && wire_type != WireType::LengthDelimited {
            return Err(NoMessage);
        }
        if number != wanted {
            let skipped = skip_field(wire_type, number, &mut message, DecodeContext::default());
            skipped.map_err(|_| NoMessage)?;
            continue;
        }

        let length = decode_varint(&mut message).ok().and_then(|length| usize::try_from(length).ok());
        let split = length.and_then(|length| message.split_at_checked(length));
        let (field, rest) = split.ok_or(NoMessage)?;
        message = rest;
        take(field)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, TracesData};

    use super::*;

    fn read(message: &[u8]) -> (Result<(), NoMessage>, u64) {
        let mut reader = SpanReader::default();
        let read = reader.message(message);
        (read, reader.found.unnamed + reader.found.spans.len() as u64)
    }

    #[test]
    fn fields_are_those_of_the_library() {
        let span = Span { span_id: vec![1; 8], ..Span::default() };
        let scope = ScopeSpans { spans: vec![span.clone(), Span::default()], ..ScopeSpans::default() };
        let resource = ResourceSpans {
            scope_spans: vec![scope, ScopeSpans::default()],
            schema_url: "u".to_owned(),
            ..ResourceSpans::default()
        };
        let message = TracesData { resource_spans: vec![resource, ResourceSpans::default()] }.encode_to_vec();
        assert_eq!(read(&message), (Ok(()), 2));
        assert_eq!(read(&[]), (Ok(()), 0));

        // what is cut off is refused, and what stands before it was read
        let behind_the_spans = message.len() - 2;
        for length in 1..behind_the_spans {
            let (read, spans) = read(message.get(..length).unwrap_or_default());
            assert!(read.is_err() && spans <= 2, "{length}");
        }
    }

    #[test]
    fn a_field_of_another_type_and_a_span_that_is_too_long_are_refused() {
        // field 1 as a number
        assert_eq!(read(&[0x08, 1]), (Err(NoMessage), 0));
        // an unknown field is passed over
        assert_eq!(read(&[0x78, 1]), (Ok(()), 0));

        let long = Span { name: "a".repeat(MAX_SPAN), ..Span::default() };
        let scope = ScopeSpans { spans: vec![Span::default(), long], ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        let message = TracesData { resource_spans: vec![resource] }.encode_to_vec();
        assert_eq!(read(&message), (Err(NoMessage), 1));
    }
}
