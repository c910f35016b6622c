//! Traces of other programs: whatever says in any known way that a model was called.
//!
//! What a span does not say stays `None`; nothing is guessed, and what is not understood is counted and named. All
//! formats end in the same function, so that the answer does not depend on the way a trace came.
//!
//! - `file`, `document`: files, and the shapes of JSON in them; `jaeger`, `zipkin`, `sdk_span`: formats other than OTLP;
//!   `platform_record`, `record_attributes`: what platforms export.
//! - `span_reader`, `lines`: what a text says of its spans, and lines of it that are read on all processors.
//! - `call_attributes`: which attribute says what; `call`, `tokens`, `stated_cost`: what follows from it.
//! - `gather`, `keys`, `flow`, `settling`: calls that are seen more than once; and those of traces that are longer than memory.

mod call;
mod call_attributes;
mod document;
mod error;
mod file;
mod flow;
mod gather;
mod irregularities;
mod jaeger;
mod keys;
mod lines;
mod message;
mod names;
mod platform_record;
mod record_attributes;
mod sdk_span;
mod settling;
mod span_reader;
mod stated_cost;
mod tokens;
mod words;
mod zipkin;

pub use error::ForeignError;
pub use file::{read_file, stream_file};
pub use flow::{Place, ProductionCall, Streamed};
pub use gather::{ForeignReader, MOST_CALLS};
