//! Metered windows. A window's inferences are spans of their own.

use std::time::{Duration, SystemTime};

use infercost_schema::{EnergyReading, InferenceRecord, OperatingPoint, VariantId, WindowId, WindowRecord};

use super::{CHAIN, RunSpans, energy, record, stretch};
use crate::attributes::{OPERATING_CONCURRENCY, OPERATING_RATE, VARIANT, WINDOW, WINDOW_INTERRUPTED};
use crate::error::MappingError;
use crate::read_span::ReadSpan;
use crate::span_draft::{Span, SpanDraft, SpanPlace};

impl RunSpans {
    /// The span of a window, below its variant.
    pub(crate) fn window(&self, window: &WindowRecord) -> Result<Span, MappingError> {
        let (start, end) = stretch(window.started_at, window.wall_time)?;
        let id = self.ids.window(&window.id);
        let place = SpanPlace { id, parent: Some(self.ids.variant(&window.id.variant)), start, end };
        let mut draft = SpanDraft::new(&self.ids, place, "window", record::WINDOW, CHAIN);
        draft.text(VARIANT, window.id.variant.as_str());
        draft.int(WINDOW, window.id.index);
        match window.operating_point {
            OperatingPoint::Closed { concurrency } => draft.int(OPERATING_CONCURRENCY, concurrency),
            OperatingPoint::Open { rate } => draft.number(OPERATING_RATE, rate),
        }
        draft.truth(WINDOW_INTERRUPTED, window.interrupted);
        energy::write(&mut draft, &window.energy);
        draft.finish()
    }
}

/// Reads a window back, without its inferences.
pub(crate) fn read(span: &ReadSpan<'_>) -> Result<WindowRecord, MappingError> {
    let operating_point = match span.number_if(OPERATING_RATE)? {
        Some(rate) => OperatingPoint::Open { rate },
        None => OperatingPoint::Closed { concurrency: span.int(OPERATING_CONCURRENCY)? },
    };
    Ok(WindowRecord {
        id: read_id(span)?,
        started_at: span.started_at(),
        wall_time: span.duration()?,
        operating_point,
        energy: energy::read(span)?,
        interrupted: span.truth(WINDOW_INTERRUPTED)?,
        inferences: Vec::new(),
    })
}

/// Which window a span belongs to.
pub(crate) fn read_id(span: &ReadSpan<'_>) -> Result<WindowId, MappingError> {
    Ok(WindowId { variant: VariantId::from(span.text(VARIANT)?), index: span.int(WINDOW)? })
}

/// The window that a run was cut off in, as far as its inferences tell.
///
/// It spans them, and its joules are unavailable. Its concurrency is the largest number of its inferences
/// that ran at one time: a lower bound of what was asked for, since the operating point is written with the
/// window.
pub(crate) fn interrupted(id: WindowId, inferences: Vec<InferenceRecord>) -> WindowRecord {
    let ends = |record: &InferenceRecord| record.issued_at.checked_add(record.outcome.latency());
    let started_at = inferences.iter().map(|record| record.issued_at).min().unwrap_or(SystemTime::UNIX_EPOCH);
    let ended_at = inferences.iter().filter_map(ends).max().unwrap_or(started_at);
    let concurrency = most_at_once(&inferences).max(1);
    WindowRecord {
        id,
        started_at,
        wall_time: ended_at.duration_since(started_at).unwrap_or(Duration::ZERO),
        operating_point: OperatingPoint::Closed { concurrency },
        energy: EnergyReading::Unavailable {
            reason: "the run was cut off inside this window, before its meter was read".to_owned(),
        },
        interrupted: true,
        inferences,
    }
}

/// The largest number of inferences in flight at one time. One that ends as another begins is over.
fn most_at_once(inferences: &[InferenceRecord]) -> u32 {
    let mut changes: Vec<(SystemTime, bool)> = Vec::with_capacity(2 * inferences.len());
    for inference in inferences.iter().filter(|inference| !inference.outcome.latency().is_zero()) {
        changes.push((inference.issued_at, true));
        changes.extend(inference.issued_at.checked_add(inference.outcome.latency()).map(|end| (end, false)));
    }
    // at one moment, ends come before beginnings
    changes.sort_unstable();
    let (mut now, mut most) = (0u32, 0u32);
    for (_, begins) in changes {
        now = if begins { now.saturating_add(1) } else { now.saturating_sub(1) };
        most = most.max(now);
    }
    most
}
