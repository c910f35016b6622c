//! From a text to its spans, and which of them are calls: what needs nothing but the text, and so may be done for several
//! texts at once.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use infercost_core::{ForeignCall, IrregularityKind};

use super::call;
use super::call_attributes::Facts;
use super::flow::{Place, SpanKey, TraceKey};
use super::irregularities::Notes;
use super::names::Names;
use super::sdk_span;
use crate::otlp_json::{Id, Part, ReadSpan};

/// Longest name of a span that is kept for a message, in characters.
const LONGEST_NAME: usize = 256;

/// Reads texts one after another.
#[derive(Debug, Default)]
pub(super) struct SpanReader {
    keys: RandomState,
    names: Names,
    /// What the spans that are read come from.
    place: Place,
    /// What was found and not yet taken.
    pub(super) found: Found,
}

/// What texts hold.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In their order.
    pub(super) spans: Vec<FoundSpan>,
    /// Further spans: those without an id that are no call of a model.
    pub(super) unnamed: u64,
    /// What is no span, or a damaged one.
    pub(super) notes: Notes,
}

impl Found {
    /// Takes over what is only counted.
    pub(super) fn count(&mut self, later: Self) {
        self.unnamed += later.unnamed;
        self.notes.join(later.notes);
    }
}

/// A span.
#[derive(Debug)]
pub(super) struct FoundSpan {
    /// `None` where it has no id.
    pub(super) key: Option<SpanKey>,
    /// `None` at a root.
    pub(super) parent: Option<SpanKey>,
    /// `None` where it names no trace.
    pub(super) trace: Option<TraceKey>,
    /// For messages.
    pub(super) name: Box<str>,
    /// What is doubtful about it. Of a span that was read before, nobody asks.
    pub(super) notes: Notes,
    /// `None` where it is no call of a model.
    pub(super) call: Option<Box<FoundCall>>,
}

/// A call, what tells it from others, and where it comes from.
#[derive(Debug)]
pub(super) struct FoundCall {
    pub(super) call: ForeignCall,
    /// The instrumentation that recorded it.
    pub(super) scope: Arc<str>,
    /// The answer's id.
    pub(super) response: Option<u64>,
    /// As of [`call::ReadCall`].
    pub(super) by_convention: bool,
    pub(super) place: Place,
    pub(super) trace_id: Id,
    pub(super) span_id: Id,
}

impl SpanReader {
    /// Another reader, for other texts of the same traces: both give a span the same key.
    pub(super) fn beside(&self) -> Self {
        Self { keys: self.keys.clone(), ..Self::default() }
    }

    /// Takes a part of a text: a span, or what the next ones come from.
    pub(super) fn part(&mut self, part: Part<'_, '_>) {
        match part {
            Part::Span { span, scope } => self.span(span, scope),
            Part::Resource(None) => self.place = Place::default(),
            Part::Resource(Some(attributes)) => {
                let names = &mut self.names;
                self.place = Place::of(attributes, &mut |name| names.shared(name));
            }
        }
    }

    /// Forgets what the spans of a text come from.
    pub(super) fn end_parts(&mut self) {
        self.place = Place::default();
    }

    /// Reads a span as Phoenix's interface gives it; what is none is left out, and counted.
    pub(super) fn phoenix_span(&mut self, json: &serde_json::Value) {
        match sdk_span::read(json) {
            Some(span) => self.span(&span, ""),
            None => self.found.notes.add(IrregularityKind::UnknownShape, || json.to_string()),
        }
    }

    /// Reads a span of the instrumentation `scope`.
    pub(super) fn span(&mut self, span: &ReadSpan<'_>, scope: &str) {
        let mut notes = Notes::default();
        let facts = Facts::of(&span.attributes);
        let read = call::read(&facts, span, &mut self.names, &mut notes);

        let call = read.map(|read| {
            Box::new(FoundCall {
                call: read.call,
                scope: self.names.shared(scope),
                response: read.response_id.map(|id| self.keys.hash_one(id)),
                by_convention: read.by_convention,
                place: self.place.clone(),
                trace_id: span.trace_id,
                span_id: span.span_id,
            })
        });

        let key = self.key(span.trace_id, span.span_id);
        if key.is_none() && call.is_none() {
            // nobody will ask for it again: a text may hold millions
            self.found.unnamed += 1;
            self.found.notes.join(notes);
            return;
        }

        self.found.spans.push(FoundSpan {
            key,
            parent: key.and_then(|_| self.key(span.trace_id, span.parent_span_id)),
            trace: (!span.trace_id.is_empty()).then(|| self.keys.hash_one(span.trace_id.bytes())),
            name: beginning(&span.name).into(),
            notes,
            call,
        });
    }

    /// The key of a trace that has no id, and so of one span alone.
    pub(super) fn nameless(&self, number: u64) -> TraceKey {
        self.keys.hash_one(number)
    }

    fn key(&self, trace: Id, span: Id) -> Option<SpanKey> {
        (!span.is_empty()).then(|| self.keys.hash_one((trace.bytes(), span.bytes())))
    }
}

fn beginning(name: &str) -> &str {
    name.char_indices().nth(LONGEST_NAME).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
}
