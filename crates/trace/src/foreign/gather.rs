//! Gathers calls from spans, and counts each call once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::SystemTime;

use infercost_core::{ForeignCall, ForeignTrace, IrregularityKind};

use super::error::ForeignError;
use super::flow::{Flow, Place, ProductionCall, SpanKey, TraceKey, digits};
use super::irregularities::Notes;
use super::keys::{KeyMap, KeySet};
use super::span_reader::{Found, FoundSpan, SpanReader};
use crate::otlp_json::Id;

/// Most calls held in memory: some 200 bytes each.
pub const MOST_CALLS: usize = 5_000_000;
/// Spans above a span that are looked at: a chain of parents in a damaged file may be a circle.
const DEEPEST: usize = 100;

/// Gathers spans, from wherever they come.
#[derive(Debug, Default)]
pub struct ForeignReader {
    calls: Vec<Seen>,
    /// What is above each span that has an id.
    parents: KeyMap<Above>,
    /// Reads what comes one after another.
    pub(super) reader: SpanReader,
    pub(super) notes: Notes,
    spans: u64,
    /// Where calls go as they are settled; `None` where all are held to the end.
    pub(super) flow: Option<Flow>,
}

/// What is above a span.
#[derive(Debug)]
struct Above {
    /// `None` at a root. No key is zero but one in 2⁶⁴, and that saves a third of the memory.
    parent: Option<NonZeroU64>,
    trace: TraceKey,
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
    /// As of [`super::call::ReadCall`].
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

    /// Takes a span as Phoenix's interface gives it; what is none is left out, and counted.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`].
    pub fn phoenix_span(&mut self, json: &serde_json::Value) -> Result<(), ForeignError> {
        self.reader.phoenix_span(json);
        self.take_read()
    }

    /// Takes a JSON value, whichever program wrote it; what is not understood is counted and named.
    ///
    /// # Errors
    /// What is wrong with it as text, within the outer result; [`ForeignError::TooMany`].
    pub(super) fn json(&mut self, json: &[u8]) -> Result<Result<(), String>, ForeignError> {
        let read = self.reader.json(json);
        self.take_read()?;
        Ok(read)
    }

    /// Takes what its own reader has read.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(super) fn take_read(&mut self) -> Result<(), ForeignError> {
        let found = std::mem::take(&mut self.reader.found);
        self.take(found)
    }

    /// Takes what was found in texts, which come in their order.
    ///
    /// # Errors
    /// [`ForeignError::TooMany`]; [`ForeignError::Stopped`] where nobody takes the calls of a stream any more.
    pub(super) fn take(&mut self, found: Found) -> Result<(), ForeignError> {
        for span in found.spans {
            self.span(span)?;
        }
        self.spans += found.unnamed;
        self.notes.join(found.notes);
        Ok(())
    }

    fn span(&mut self, span: FoundSpan) -> Result<(), ForeignError> {
        self.spans += 1;
        // spans without a trace have nothing to do with one another
        let trace = span.trace.unwrap_or_else(|| self.reader.nameless(self.spans));

        if let Some(key) = span.key {
            match self.parents.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(Above { parent: span.parent.and_then(NonZeroU64::new), trace });
                }
                Entry::Occupied(_) => {
                    self.notes.add(IrregularityKind::SeenTwice, || span.name.into());
                    return Ok(());
                }
            }
        }

        if self.parents.len() > 4 * MOST_CALLS || self.calls.len() >= MOST_CALLS {
            return Err(ForeignError::TooMany { limit: MOST_CALLS });
        }

        let is_time = self.flow.as_mut().is_some_and(|flow| flow.hear(trace, self.spans));
        self.notes.join(span.notes);

        if let Some(found) = span.call {
            let origin = self.flow.is_some().then_some(Origin {
                place: found.place,
                trace,
                trace_id: found.trace_id,
                span_id: found.span_id,
            });
            self.calls.push(Seen {
                call: found.call,
                key: span.key,
                scope: found.scope,
                response: found.response,
                by_convention: found.by_convention,
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
        let mut counted = vec![true; self.calls.len()];
        self.leave_out_wrappers(&mut counted);
        // millions of spans: what is not needed any more makes room
        self.parents = KeyMap::default();
        self.leave_out_second_sights(&mut counted);
        self.note_conventions(&counted);

        // one chain of adapters, which reuses the memory of the list that it empties
        let left = self.calls.into_iter().enumerate();
        let left = left.filter(|(index, _)| counted.get(*index).copied().unwrap_or(true));
        let calls = left.map(|(_, seen)| seen.call).collect();
        ForeignTrace { calls, spans: self.spans, irregularities: self.notes.into_map() }
    }

    /// Takes the calls of these traces out; each call once. They leave memory as they are taken.
    pub(super) fn settled(&mut self, traces: &KeySet) -> impl Iterator<Item = ProductionCall> {
        let is_settled =
            |seen: &Seen| seen.origin.as_ref().is_some_and(|origin| traces.contains(&origin.trace));
        let settled: Vec<bool> = self.calls.iter().map(is_settled).collect();

        // the others are as if they were left out
        let mut counted = settled.clone();
        self.leave_out_wrappers(&mut counted);
        self.parents.retain(|_, above| !traces.contains(&above.trace));
        self.leave_out_second_sights(&mut counted);
        self.note_conventions(&counted);

        let mut leaves = settled.iter();
        counted.retain(|_| leaves.next().copied().unwrap_or_default());
        let mut leaves = settled.into_iter();
        let leaving = self.calls.extract_if(.., move |_| leaves.next().unwrap_or_default());
        leaving
            .zip(counted)
            .filter(|(_, is_counted)| *is_counted)
            .filter_map(|(seen, _)| production_call(seen))
    }

    /// Notes the calls whose prompts were counted by a convention.
    fn note_conventions(&mut self, counted: &[bool]) {
        for (seen, counted) in self.calls.iter().zip(counted) {
            if *counted && seen.by_convention {
                let model = seen.call.model.as_deref().unwrap_or_default();
                self.notes.add(IrregularityKind::CacheConvention, || model.to_owned());
            }
        }
    }

    /// A call with another one below it is a wrapper (a framework around a client): its tokens are the other's. Where
    /// there is one other, that learns from it what it does not say itself, such as a cost. What is left out already is
    /// passed over.
    fn leave_out_wrappers(&mut self, counted: &mut [bool]) {
        if self.parents.values().all(|above| above.parent.is_none()) {
            return;
        }

        let mut by_key = KeyMap::default();
        for (index, (seen, counted)) in self.calls.iter().zip(counted.iter()).enumerate() {
            if let (Some(key), true) = (seen.key, counted) {
                by_key.insert(key, index);
            }
        }

        let mut inner: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, (seen, counted)) in self.calls.iter().zip(counted.iter()).enumerate() {
            let wrapper = seen.key.filter(|_| *counted).and_then(|key| self.call_above(key, &by_key));
            if let Some(wrapper) = wrapper {
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
    fn call_above(&self, key: SpanKey, calls: &KeyMap<usize>) -> Option<usize> {
        let mut found = None;
        let mut at = key;
        for _ in 0..DEEPEST {
            let Some(parent) = self.parent(at) else { break };
            if parent == key {
                return None;
            }
            found = found.or_else(|| calls.get(&parent).copied());
            at = parent;
        }
        found
    }

    fn parent(&self, key: SpanKey) -> Option<SpanKey> {
        self.parents.get(&key)?.parent.map(NonZeroU64::get)
    }

    fn depth(&self, key: SpanKey) -> usize {
        let mut at = key;
        for depth in 0..DEEPEST {
            match self.parent(at) {
                Some(parent) => at = parent,
                None => return depth,
            }
        }
        DEEPEST
    }

    /// Two instrumentations that know nothing of each other record a call as two spans: the answer's id is one, and
    /// the times overlap.
    fn leave_out_second_sights(&mut self, counted: &mut [bool]) {
        let left = self.calls.iter().zip(counted.iter()).filter(|(_, counted)| **counted);
        let mut scopes = left.map(|(seen, _)| &seen.scope);
        let first_scope = scopes.next();
        if scopes.all(|scope| Some(scope) == first_scope) {
            return;
        }

        let mut first = KeyMap::default();
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
}

/// A call as a stream gives it; `None` of one that does not come from a stream.
fn production_call(seen: Seen) -> Option<ProductionCall> {
    let origin = seen.origin?;
    Some(ProductionCall {
        call: seen.call,
        place: origin.place,
        trace_id: digits(origin.trace_id),
        span_id: digits(origin.span_id),
    })
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
