//! Gathers calls from spans, and counts each call once.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::SystemTime;

use infercost_core::{ForeignCall, ForeignTrace, IrregularityKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, TracesData};

use super::call;
use super::call_attributes::Facts;
use super::error::ForeignError;
use super::flow::{Flow, Place, ProductionCall, SpanKey, TraceKey, digits};
use super::irregularities::Notes;
use super::names::Names;
use super::sdk_span;
use crate::otlp_json::{Attributes, Id, ReadResource, ReadSpan, borrowed};

/// Most calls held in memory: some 200 bytes each.
pub const MOST_CALLS: usize = 5_000_000;
/// Spans above a span that are looked at: a chain of parents in a damaged file may be a circle.
const DEEPEST: usize = 100;

/// Gathers spans, from wherever they come.
#[derive(Debug, Default)]
pub struct ForeignReader {
    calls: Vec<Seen>,
    /// The parent of each span that has an id; `None` at a root.
    parents: HashMap<SpanKey, Option<SpanKey>>,
    names: Names,
    keys: RandomState,
    pub(super) notes: Notes,
    spans: u64,
    /// What the spans that are read come from.
    place: Place,
    /// Where calls go as they are settled; `None` where all are held to the end.
    pub(super) flow: Option<Flow>,
}

/// A call and what tells it from others.
#[derive(Debug)]
struct Seen {
    call: ForeignCall,
    key: Option<SpanKey>,
    /// The instrumentation that recorded it.
    scope: Arc<str>,
    /// The answer's id.
    response: Option<u64>,
    /// As of [`call::ReadCall`].
    by_convention: bool,
    /// What a stream is told of it; `None` where all are held to the end.
    origin: Option<Origin>,
}

/// Where a call of a stream comes from.
#[derive(Debug)]
struct Origin {
    place: Place,
    trace: TraceKey,
    trace_id: Id,
    span_id: Id,
}

impl ForeignReader {
    /// A reader whose calls do not stay.
    pub(super) fn with_flow(flow: Flow) -> Self {
        Self { flow: Some(flow), ..Self::default() }
    }

    /// Takes the spans of a message in protobuf.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub(super) fn message(&mut self, traces: &TracesData) -> Result<(), ForeignError> {
        for resource in &traces.resource_spans {
            self.message_resource(resource)?;
        }
        Ok(())
    }

    /// Takes the spans of a resource in protobuf.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub(super) fn message_resource(&mut self, resource: &ResourceSpans) -> Result<(), ForeignError> {
        let attributes = resource.resource.as_ref().map(|resource| borrowed(&resource.attributes));
        self.come_from(attributes.as_ref());

        for scope in &resource.scope_spans {
            let name = scope.scope.as_ref().map_or("", |scope| &scope.name);
            for span in &scope.spans {
                self.span(&ReadSpan::from(span), name)?;
            }
        }
        self.place = Place::default();
        Ok(())
    }

    /// Takes the spans of a resource.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub(super) fn resource(&mut self, resource: &ReadResource<'_>) -> Result<(), ForeignError> {
        self.come_from(resource.resource.as_ref().map(|resource| &resource.attributes));
        for scope in &resource.scope_spans {
            let name = scope.scope.as_ref().map_or("", |scope| &scope.name);
            for span in &scope.spans {
                self.span(span, name)?;
            }
        }
        self.place = Place::default();
        Ok(())
    }

    /// Remembers what the next spans come from, where somebody wants to know.
    fn come_from(&mut self, attributes: Option<&Attributes<'_>>) {
        let (Some(attributes), Some(_)) = (attributes, &self.flow) else { return };
        let names = &mut self.names;
        self.place = Place::of(attributes, &mut |name| names.shared(name));
    }

    /// Takes a span as Phoenix's interface gives it; what is none is left out, and counted.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub fn phoenix_span(&mut self, json: &serde_json::Value) -> Result<(), ForeignError> {
        match sdk_span::read(json) {
            Some(span) => self.span(&span, ""),
            None => {
                self.notes.add(IrregularityKind::UnknownShape, || json.to_string());
                Ok(())
            }
        }
    }

    /// Takes a span of the instrumentation `scope`.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub(super) fn span(&mut self, span: &ReadSpan<'_>, scope: &str) -> Result<(), ForeignError> {
        self.spans += 1;
        let key = self.key(span.trace_id, span.span_id);

        if let Some(key) = key {
            let parent = self.key(span.trace_id, span.parent_span_id);
            match self.parents.entry(key) {
                Entry::Vacant(place) => drop(place.insert(parent)),
                Entry::Occupied(_) => {
                    self.notes.add(IrregularityKind::SeenTwice, || span.name.to_string());
                    return Ok(());
                }
            }
        }

        if self.parents.len() > 4 * MOST_CALLS || self.calls.len() >= MOST_CALLS {
            return Err(ForeignError::TooMany { limit: MOST_CALLS });
        }

        // spans without a trace have nothing to do with one another
        let trace = match span.trace_id.is_empty() {
            true => self.keys.hash_one(self.spans),
            false => self.keys.hash_one(span.trace_id.bytes()),
        };
        let is_time = self.flow.as_mut().is_some_and(|flow| flow.hear(trace, key, self.spans));
        let facts = Facts::of(&span.attributes);
        if let Some(read) = call::read(&facts, span, &mut self.names, &mut self.notes) {
            let response = read.response_id.map(|id| self.keys.hash_one(id));
            let scope = self.names.shared(scope);
            let origin = self.flow.is_some().then(|| Origin {
                place: self.place.clone(),
                trace,
                trace_id: span.trace_id,
                span_id: span.span_id,
            });
            self.calls.push(Seen {
                call: read.call,
                key,
                scope,
                response,
                by_convention: read.by_convention,
                origin,
            });
        }

        if is_time { self.settle_quiet() } else { Ok(()) }
    }

    /// Spans with an id taken so far, each counted once.
    pub fn distinct(&self) -> usize {
        self.parents.len()
    }

    /// Spans taken so far.
    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// What was gathered, each call once.
    pub fn finish(mut self) -> ForeignTrace {
        let counted = self.counted();

        // one chain of adapters, which reuses the memory of the list that it empties
        let left = self.calls.into_iter().enumerate();
        let left = left.filter(|(index, _)| counted.get(*index).copied().unwrap_or(true));
        let calls = left.map(|(_, seen)| seen.call).collect();
        ForeignTrace { calls, spans: self.spans, irregularities: self.notes.into_map() }
    }

    /// Takes the calls of these traces out, whose spans are these; each call once.
    pub(super) fn settled(&mut self, traces: &HashSet<TraceKey>, spans: &[SpanKey]) -> Vec<ProductionCall> {
        let is_settled =
            |seen: &mut Seen| seen.origin.as_ref().is_some_and(|origin| traces.contains(&origin.trace));
        let calls = self.calls.extract_if(.., is_settled).collect();
        let parents = spans.iter().filter_map(|span| self.parents.remove_entry(span)).collect();

        // notes of what is left out go to the whole
        let notes = std::mem::take(&mut self.notes);
        let mut part = Self { calls, parents, notes, ..Self::default() };
        let counted = part.counted();
        self.notes = part.notes;

        let mut settled = Vec::with_capacity(part.calls.len());
        for (seen, counted) in part.calls.into_iter().zip(counted) {
            if let (true, Some(origin)) = (counted, seen.origin) {
                settled.push(ProductionCall {
                    call: seen.call,
                    place: origin.place,
                    trace_id: digits(origin.trace_id),
                    span_id: digits(origin.span_id),
                });
            }
        }
        settled
    }

    /// Which calls count: each once. What spans of one call say goes together.
    fn counted(&mut self) -> Vec<bool> {
        let mut counted = vec![true; self.calls.len()];
        self.leave_out_wrappers(&mut counted);
        // millions of spans: what is not needed any more makes room
        self.parents = HashMap::new();
        self.leave_out_second_sights(&mut counted);

        for (seen, counted) in self.calls.iter().zip(&counted) {
            if *counted && seen.by_convention {
                let model = seen.call.model.as_deref().unwrap_or_default();
                self.notes.add(IrregularityKind::CacheConvention, || model.to_owned());
            }
        }
        counted
    }

    /// A call with another one below it is a wrapper (a framework around a client): its tokens are the other's. Where
    /// there is one other, that learns from it what it does not say itself, such as a cost.
    fn leave_out_wrappers(&mut self, counted: &mut [bool]) {
        if self.parents.values().all(Option::is_none) {
            return;
        }

        let keyed = self.calls.iter().enumerate().filter_map(|(index, seen)| Some((seen.key?, index)));
        let by_key: HashMap<SpanKey, usize> = keyed.collect();
        let mut inner: HashMap<usize, Vec<usize>> = HashMap::new();

        for (index, seen) in self.calls.iter().enumerate() {
            if let Some(wrapper) = seen.key.and_then(|key| self.call_above(key, &by_key)) {
                inner.entry(wrapper).or_default().push(index);
            }
        }

        // a wrapper within a wrapper hands on what it has learned: from the outermost inwards
        let mut wrappers: Vec<(usize, Vec<usize>)> = inner.into_iter().collect();
        wrappers.sort_by_key(|(wrapper, _)| {
            let key = self.calls.get(*wrapper).and_then(|seen| seen.key);
            key.map_or(0, |key| self.depth(key))
        });

        for (wrapper, inner) in &wrappers {
            let Some(slot) = counted.get_mut(*wrapper) else { continue };
            *slot = false;
            self.notes.add(IrregularityKind::Wrapper, || {
                self.calls.get(*wrapper).map_or_else(String::new, |seen| seen.scope.to_string())
            });
            if let [only] = inner.as_slice() {
                self.hand_on(*wrapper, *only);
            }
        }
    }

    /// The nearest call above a span; `None` where there is none, or the chain of parents is a circle.
    fn call_above(&self, key: SpanKey, calls: &HashMap<SpanKey, usize>) -> Option<usize> {
        let mut found = None;
        let mut at = key;
        for _ in 0..DEEPEST {
            let Some(Some(parent)) = self.parents.get(&at) else { break };
            if *parent == key {
                return None;
            }
            found = found.or_else(|| calls.get(parent).copied());
            at = *parent;
        }
        found
    }

    fn depth(&self, key: SpanKey) -> usize {
        let mut at = key;
        for depth in 0..DEEPEST {
            match self.parents.get(&at) {
                Some(Some(parent)) => at = *parent,
                _ => return depth,
            }
        }
        DEEPEST
    }

    /// Two instrumentations that know nothing of each other record a call as two spans: the answer's id is one, and
    /// the times overlap.
    fn leave_out_second_sights(&mut self, counted: &mut [bool]) {
        let first_scope = self.calls.first().map(|seen| Arc::clone(&seen.scope));
        if self.calls.iter().all(|seen| Some(&seen.scope) == first_scope.as_ref()) {
            return;
        }

        let mut first: HashMap<u64, usize> = HashMap::new();
        let mut pairs = Vec::new();

        for (index, seen) in self.calls.iter().enumerate() {
            let (Some(response), Some(true)) = (seen.response, counted.get(index)) else { continue };
            let known = *first.entry(response).or_insert(index);
            let Some(other) = self.calls.get(known).filter(|_| known != index) else { continue };
            if other.scope != seen.scope && overlap(&other.call, &seen.call) {
                pairs.push((index, known));
            }
        }

        for (second, known) in pairs {
            if let Some(slot) = counted.get_mut(second) {
                *slot = false;
            }
            self.notes.add(IrregularityKind::SeenTwice, || {
                self.calls.get(second).map_or_else(String::new, |seen| seen.scope.to_string())
            });
            self.hand_on(second, known);
        }
    }

    /// What one span of a call says and the other does not.
    fn hand_on(&mut self, from: usize, to: usize) {
        let Some(from) = self.calls.get(from) else { return };
        let (settled, from) = (!from.by_convention, from.call.clone());
        let Some(to_seen) = self.calls.get_mut(to) else { return };

        let to = &mut to_seen.call;
        to.model = to.model.take().or(from.model);
        to.user = to.user.take().or(from.user);
        to.session = to.session.take().or(from.session);
        to.time_to_first_token = to.time_to_first_token.or(from.time_to_first_token);
        to.cost = to.cost.or(from.cost);
        to.output_tokens = to.output_tokens.or(from.output_tokens);

        if to.input_tokens.is_none() || to.input_tokens == from.input_tokens {
            to_seen.by_convention &= !(settled && from.input_tokens.is_some());
            to.input_tokens = from.input_tokens;
            to.cached_input_tokens = to.cached_input_tokens.or(from.cached_input_tokens);
            to.cache_write_tokens = to.cache_write_tokens.or(from.cache_write_tokens);
        }
    }

    fn key(&self, trace: Id, span: Id) -> Option<SpanKey> {
        (!span.is_empty()).then(|| self.keys.hash_one((trace.bytes(), span.bytes())))
    }
}

fn overlap(one: &ForeignCall, other: &ForeignCall) -> bool {
    match (one.started_at, end(one), other.started_at, end(other)) {
        (Some(start), Some(end), Some(other_start), Some(other_end)) => {
            start <= other_end && other_start <= end
        }
        _ => false,
    }
}

/// When a call ended; `None` where its start or its length is unknown.
fn end(call: &ForeignCall) -> Option<SystemTime> {
    call.started_at?.checked_add(call.latency?)
}
