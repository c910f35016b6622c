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
        if number != wanted || wire_type != WireType::LengthDelimited {
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
