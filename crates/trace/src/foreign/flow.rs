//! Calls of traces that have no end: what is not settled yet, and where the settled ones go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use infercost_core::{ForeignCall, Irregularity, IrregularityKind};

use super::keys::KeyMap;
use crate::attributes::{HOST_NAME, SERVICE_NAME};
use crate::otlp_json::{Attributes, Id, ReadValue};

/// A trace that nothing was heard of for half as many spans is settled; three quarters of it are held, some 25 MB.
pub(super) const WINDOW: u64 = 1 << 17;

/// A call, and where it comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProductionCall {
    /// The call.
    pub call: ForeignCall,
    /// What it comes from.
    pub place: Place,
    /// Trace, in hexadecimal digits.
    pub trace_id: Option<String>,
    /// Span, in hexadecimal digits.
    pub span_id: Option<String>,
}

/// What spans come from, as their resource has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The service that asked.
    pub service: Option<Arc<str>>,
    /// The host that it ran on.
    pub host: Option<Arc<str>>,
}

/// What a stream of traces held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streamed {
    /// All spans, calls and others.
    pub spans: u64,
    /// Calls of models, each once.
    pub calls: u64,
    /// What is left out or doubtful.
    pub irregularities: BTreeMap<IrregularityKind, Irregularity>,
}

/// A trace, as a number that no file can foresee.
pub(super) type TraceKey = u64;
/// A span within its trace, as such a number.
pub(super) type SpanKey = u64;

/// Where settled calls go, and what is not settled yet.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) sink: SyncSender<Vec<ProductionCall>>,
    pub(super) window: u64,
    /// Traces that are not settled: the number of the last span of each.
    pub(super) heard: KeyMap<u64>,
    /// Spans since traces were last settled.
    pub(super) since: u64,
    pub(super) calls: u64,
}

impl Flow {
    pub(super) fn new(sink: SyncSender<Vec<ProductionCall>>, window: u64) -> Self {
        Self { sink, window, heard: KeyMap::default(), since: 0, calls: 0 }
    }

    /// Notes a span; true where it is time to settle.
    pub(super) fn hear(&mut self, trace: TraceKey, number: u64) -> bool {
        self.heard.insert(trace, number);
        self.since += 1;
        self.since >= self.window / 4
    }
}

impl Place {
    /// As the attributes of a resource say.
    pub(super) fn of(attributes: &Attributes<'_>, shared: &mut impl FnMut(&str) -> Arc<str>) -> Self {
        let mut place = Self::default();
        for attribute in &attributes.0 {
            let Some(ReadValue::Text(text)) = &attribute.value else { continue };
            match attribute.key.as_ref() {
                SERVICE_NAME => place.service = Some(shared(text)),
                HOST_NAME => place.host = Some(shared(text)),
                _ => {}
            }
        }
        place
    }
}

/// The digits of an id; `None` where there is none.
pub(super) fn digits(id: Id) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    let mut digits = String::with_capacity(2 * id.bytes().len());
    for byte in id.bytes() {
        for half in [byte >> 4, byte & 15] {
            digits.extend(char::from_digit(u32::from(half), 16));
        }
    }
    Some(digits)
}
