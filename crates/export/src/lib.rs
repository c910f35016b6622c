//! Sends a run to where people already look: any OTLP collector, Phoenix, Jaeger, LangSmith, Langfuse.
//!
//! The main type is [`Exporter`]: batches of a run's own spans, as they lie on disk, go to a
//! [`Destination`]. The one design decision: **the disk is the queue**. Whatever was measured is in
//! `spans.jsonl` before anything is sent, so that sending only needs to remember how far it got; a collector that
//! is slow or away costs no memory and no measurement, and sending again repeats the same ids.
//!
//! Nothing here computes a number: what a report says about a span comes from the caller.
//!
//! - [`destination`], [`environment`], [`headers`], [`resource`]: where to, and from whom, from flags and the environment;
//! - [`transport`], [`retry`]: one request, and when to try again;
//! - [`feed`], [`span_transform`]: a run's spans in batches, and what is done to them before they leave;
//! - [`exporter`], [`live`], [`progress`]: a finished run, a run under way, and how far either got;
//! - [`phoenix`]: model prices, annotations, and what Phoenix computes itself;
//! - [`metrics`]: histograms and joules beside traces;
//! - [`listener`]: answers whoever asks for a page;
//! - [`named`]: LangSmith and Langfuse by their usual variables.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod destination;
pub mod environment;
pub mod error;
pub mod exporter;
pub mod feed;
pub mod headers;
pub mod listener;
pub mod live;
pub mod metrics;
pub mod named;
pub mod phoenix;
pub mod progress;
pub mod resource;
pub mod retry;
mod server_words;
pub mod span_transform;
pub mod transport;

pub use destination::{Compression, Destination, OtlpOptions, Protocol, Signal};
pub use environment::{OffSwitch, switched_off};
pub use error::{DestinationError, ExportError};
pub use exporter::{Exporter, Sent};
pub use headers::Headers;
pub use live::{LiveExport, LiveOutcome};
pub use resource::resource_attributes;
pub use retry::RetryPolicy;
pub use server_words::Partial;
pub use span_transform::SpanTransform;
