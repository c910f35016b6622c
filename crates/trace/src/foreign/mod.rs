//! Traces of other programs: whatever has GenAI or OpenInference attributes.
//!
//! What a span does not say stays `None`; nothing is guessed. The same function reads spans from files of OTLP and
//! from a back-end's own interface, so that the answer does not depend on the way.

mod file;
mod inference;
mod phoenix;

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};

pub use file::{ForeignError, read_file};
pub use inference::{ForeignInference, StatedCost, Unknown};

/// Most inferences held in memory.
pub const MOST_INFERENCES: usize = 5_000_000;

/// The inferences of another program's traces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignTrace {
    /// In the order in which they were read.
    pub inferences: Vec<ForeignInference>,
    /// Spans read, of any kind.
    pub spans: u64,
    /// Spans that only wrap another inference (a framework around a client) and are not counted again.
    pub wrappers: u64,
    /// Spans that stand twice; the first counts.
    pub duplicates: u64,
}

/// Gathers spans, from wherever they come.
#[derive(Debug, Default)]
pub struct ForeignReader {
    inferences: Vec<ForeignInference>,
    /// Parent of each span.
    parents: HashMap<SpanKey, SpanKey>,
    seen: HashSet<SpanKey>,
    spans: u64,
    duplicates: u64,
}

type SpanKey = (u128, u64);

impl ForeignReader {
    /// Takes the spans of a message.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub fn traces(&mut self, traces: &TracesData) -> Result<(), ForeignError> {
        for resource in &traces.resource_spans {
            let of_resource = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                self.span(span, of_resource)?;
            }
        }
        Ok(())
    }

    /// Takes a span as Phoenix's interface gives it; what is none is left out.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub fn phoenix_span(&mut self, json: &serde_json::Value) -> Result<(), ForeignError> {
        match phoenix::span(json) {
            Some(span) => self.span(&span, &[]),
            None => Ok(()),
        }
    }

    fn span(
        &mut self,
        span: &Span,
        of_resource: &[opentelemetry_proto::tonic::common::v1::KeyValue],
    ) -> Result<(), ForeignError> {
        self.spans += 1;
        let key = key(&span.trace_id, &span.span_id);
        if key.1 != 0 && !self.seen.insert(key) {
            self.duplicates += 1;
            return Ok(());
        }
        if self.seen.len() > 4 * MOST_INFERENCES || self.inferences.len() >= MOST_INFERENCES {
            return Err(ForeignError::TooMany { limit: MOST_INFERENCES });
        }
        if !span.parent_span_id.is_empty() {
            self.parents.insert(key, (key.0, self::key(&[], &span.parent_span_id).1));
        }
        self.inferences.extend(inference::read(span, of_resource));
        Ok(())
    }

    /// Spans taken so far, each counted once; those without an id are not counted.
    pub fn distinct(&self) -> usize {
        self.seen.len()
    }

    /// What was gathered. An inference with another one below it is a wrapper: its tokens are the other's.
    pub fn finish(self) -> ForeignTrace {
        let mut wrappers: HashSet<SpanKey> = HashSet::new();
        for inference in &self.inferences {
            let mut at = (inference.trace, inference.span);
            // a chain of parents in a damaged file may be a circle
            for _ in 0..100 {
                let Some(parent) = self.parents.get(&at) else { break };
                if !wrappers.insert(*parent) {
                    break;
                }
                at = *parent;
            }
        }
        let before = self.inferences.len();
        let inferences: Vec<ForeignInference> = self
            .inferences
            .into_iter()
            .filter(|inference| inference.span == 0 || !wrappers.contains(&(inference.trace, inference.span)))
            .collect();
        let dropped = before - inferences.len();
        ForeignTrace { inferences, spans: self.spans, wrappers: dropped as u64, duplicates: self.duplicates }
    }
}

/// Ids as numbers; 0 is none. Bytes beyond an id's length are left out.
fn key(trace: &[u8], span: &[u8]) -> SpanKey {
    let trace = trace.iter().take(16).fold(0u128, |id, byte| id << 8 | u128::from(*byte));
    let span = span.iter().take(8).fold(0u64, |id, byte| id << 8 | u64::from(*byte));
    (trace, span)
}
