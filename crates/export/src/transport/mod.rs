//! One request: encoded, sent, and what came of it.

mod grpc;
mod http;

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use infercost_trace::otlp_json::read_traces;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use prost::Message as _;

use crate::destination::{Compression, Destination, Protocol};
use crate::error::DestinationError;
use crate::server_words::Partial;

use http::Http;
pub(crate) use http::{Answer, agent_config, read_up_to};

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It was taken, wholly or in part.
    Accepted(Partial),
    /// It may be taken later: the server was busy, or not there.
    Later {
        /// The pause that the server asked for.
        after: Option<Duration>,
        /// What it or the network said, escaped and cut.
        why: String,
    },
    /// It is larger than the server takes.
    TooLarge {
        /// What the server said, escaped and cut.
        why: String,
    },
    /// It will never be taken.
    Refused {
        /// What the refusal is about.
        refusal: Refusal,
        /// What the server said, escaped and cut.
        why: String,
    },
}

/// What a server refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The place that was asked: it has nothing there, as a server that takes traces only has nothing for metrics
    /// (statuses 404, 405 and 501, gRPC's `UNIMPLEMENTED`).
    Place,
    /// What was sent, whoever sent it, or the way in which it was sent.
    Message,
}

/// A message ready to be sent, as often as needed.
#[derive(Debug)]
pub enum Message {
    /// A body for HTTP, compressed where that was asked for.
    Body {
        /// What is sent.
        bytes: Vec<u8>,
        /// How it was made.
        encoding: (Protocol, Compression),
    },
    /// Spans for gRPC.
    Spans(Box<ExportTraceServiceRequest>),
    /// Metrics for gRPC.
    Metrics(Box<ExportMetricsServiceRequest>),
}

impl Message {
    /// The spans again; `None` where the message holds none.
    pub(crate) fn decoded(&self) -> Option<ExportTraceServiceRequest> {
        match self {
            Self::Spans(request) => Some((**request).clone()),
            Self::Metrics(_) => None,
            Self::Body { bytes, encoding: (protocol, compression) } => {
                let mut plain = Vec::new();
                let bytes = match compression {
                    Compression::None => bytes,
                    Compression::Gzip => {
                        GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).ok()?;
                        &plain
                    }
                };

                match protocol {
                    Protocol::HttpJson => {
                        let resource_spans = read_traces(bytes).ok()?.resource_spans;
                        Some(ExportTraceServiceRequest { resource_spans })
                    }
                    _ => ExportTraceServiceRequest::decode(bytes.as_slice()).ok(),
                }
            }
        }
    }
}

/// A connection to a destination; it is made when it is first needed, and made again when it is lost.
#[derive(Debug)]
pub struct Client {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Http(Http),
    Grpc(Box<grpc::Grpc>),
}

impl Client {
    /// A client of that destination.
    ///
    /// # Errors
    /// [`DestinationError`] where a certificate cannot be read.
    pub fn new(destination: &Destination) -> Result<Self, DestinationError> {
        let kind = match destination.protocol {
            Protocol::HttpProtobuf | Protocol::HttpJson => Kind::Http(Http::new(destination)?),
            Protocol::Grpc => Kind::Grpc(Box::new(grpc::Grpc::new(destination)?)),
        };
        Ok(Self { kind })
    }

    /// Encodes spans.
    pub fn spans(&self, request: ExportTraceServiceRequest) -> Message {
        match &self.kind {
            Kind::Http(http) => Message::Body { bytes: http.encode(&request), encoding: http.encoding() },
            Kind::Grpc(_) => Message::Spans(Box::new(request)),
        }
    }

    /// Encodes metrics.
    pub fn metrics(&self, request: ExportMetricsServiceRequest) -> Message {
        match &self.kind {
            Kind::Http(http) => Message::Body { bytes: http.encode(&request), encoding: http.encoding() },
            Kind::Grpc(_) => Message::Metrics(Box::new(request)),
        }
    }

    /// Sends a message once.
    pub fn send(&mut self, message: &Message) -> Attempt {
        match (&mut self.kind, message) {
            (Kind::Http(http), Message::Body { bytes, .. }) => http.send(bytes),
            (Kind::Grpc(grpc), Message::Spans(request)) => grpc.spans(request),
            (Kind::Grpc(grpc), Message::Metrics(request)) => grpc.metrics(request),
            _ => Attempt::Refused {
                refusal: Refusal::Message,
                why: "the message was encoded for another protocol".to_owned(),
            },
        }
    }
}
