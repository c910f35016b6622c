//! Metered windows. A window's inferences are spans of their own.

use std::time::{Duration, SystemTime};

use infercost_core::interference::first_repetition_under_load;
use infercost_core::{
    EnergyReading, InferenceRecord, LoadFacts, OperatingPoint, SteadyState, WindowId, WindowRecord,
};

use super::{CHAIN, RunSpans, energy, interference, record, stretch};
use crate::attributes::{
    LOAD, LOAD_CLIENT_LIMITED, LOAD_MACHINE_BUSY, LOAD_OVER_SATURATED, LOAD_STEADY_FROM, LOAD_STEADY_UNTIL,
    OPERATING_CONCURRENCY, OPERATING_RATE, VARIANT, WINDOW, WINDOW_INTERRUPTED, WINDOW_REMEASURES,
};
use crate::error::MappingError;
use crate::names::Names;
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
        draft.int_if(WINDOW_REMEASURES, window.remeasures);
        interference::write(&mut draft, window.interference.as_deref())?;

        if let Some(load) = &window.load {
            write_load(&mut draft, load)?;
        }
        energy::write(&mut draft, &window.energy);

        draft.finish()
    }
}

/// Reads a window back, without its inferences.
pub(crate) fn read(span: &ReadSpan<'_>, names: &mut Names) -> Result<WindowRecord, MappingError> {
    let operating_point = match span.number_if(OPERATING_RATE)? {
        Some(rate) => OperatingPoint::Open { rate },
        None => OperatingPoint::Closed { concurrency: span.int(OPERATING_CONCURRENCY)? },
    };

    Ok(WindowRecord {
        id: read_id(span, names)?,
        started_at: span.started_at(),
        wall_time: span.duration()?,
        operating_point,
        load: read_load(span)?,
        energy: energy::read(span)?,
        interrupted: span.truth(WINDOW_INTERRUPTED)?,
        interference: interference::read(span)?.map(Box::new),
        remeasures: span.int_if(WINDOW_REMEASURES)?,
        inferences: Vec::new(),
    })
}

fn write_load(draft: &mut SpanDraft, load: &LoadFacts) -> Result<(), MappingError> {
    const LATE: MappingError = MappingError::Time { what: "the steady state" };
    draft.truth(LOAD, true);
    draft.truth(LOAD_CLIENT_LIMITED, load.client_limited);
    draft.truth(LOAD_OVER_SATURATED, load.over_saturated);
    draft.truth(LOAD_MACHINE_BUSY, load.machine_busy);
    if let Some(steady) = &load.steady {
        for (name, at) in [(LOAD_STEADY_FROM, steady.from), (LOAD_STEADY_UNTIL, steady.until)] {
            draft.int(name, i64::try_from(at.as_nanos()).map_err(|_| LATE)?);
        }
    }
    Ok(())
}

fn read_load(span: &ReadSpan<'_>) -> Result<Option<LoadFacts>, MappingError> {
    if !span.truth(LOAD)? {
        return Ok(None);
    }

    let steady = span.time_if(LOAD_STEADY_FROM)?.zip(span.time_if(LOAD_STEADY_UNTIL)?);
    Ok(Some(LoadFacts {
        steady: steady.map(|(from, until)| SteadyState { from, until }),
        client_limited: span.truth(LOAD_CLIENT_LIMITED)?,
        over_saturated: span.truth(LOAD_OVER_SATURATED)?,
        machine_busy: span.truth(LOAD_MACHINE_BUSY)?,
    }))
}

/// Which window a span belongs to.
pub(crate) fn read_id(span: &ReadSpan<'_>, names: &mut Names) -> Result<WindowId, MappingError> {
    Ok(WindowId { variant: names.of(span.text(VARIANT)?), index: span.int(WINDOW)? })
}

/// The window that a run was cut off in, as far as its inferences tell.
///
/// It spans them, and its joules are unavailable. `remeasures` says which window it was to measure again; otherwise
/// repetitions beyond those of `single` requests show that it was under load, and then it had no steady state. Its
/// concurrency is the largest number of its inferences that ran at one time: a lower bound of what was asked for, since
/// the operating point is written with the window.
pub(crate) fn interrupted(
    id: WindowId,
    inferences: Vec<InferenceRecord>,
    single: u32,
    remeasures: Option<u32>,
) -> WindowRecord {
    let started_at = inferences.iter().map(|record| record.issued_at).min().unwrap_or(SystemTime::UNIX_EPOCH);
    let ended_at = inferences.iter().filter_map(end).max().unwrap_or(started_at);
    let under_load = remeasures.is_none() && inferences.iter().any(|record| record.repetition >= single);
    let concurrency = most_at_once(&inferences).max(1);

    WindowRecord {
        id,
        started_at,
        wall_time: ended_at.duration_since(started_at).unwrap_or(Duration::ZERO),
        operating_point: OperatingPoint::Closed { concurrency },
        load: under_load.then(LoadFacts::default),
        energy: EnergyReading::Unavailable {
            reason: "the run was cut off inside this window, before its meter was read".to_owned(),
        },
        interrupted: true,
        interference: None,
        remeasures,
        inferences,
    }
}

/// The window that one which was cut off was to measure again: of the same variant, with the same prompt in the try
/// before. `None` for a window of planned requests, and for one under load.
pub(crate) fn remeasured(
    id: &WindowId,
    inferences: &[InferenceRecord],
    whole: &[WindowRecord],
    single: u32,
) -> Option<u32> {
    let first = inferences.first()?;
    let may_be_again = first.repetition >= single && first.repetition < first_repetition_under_load(single);
    let before = first.repetition.checked_sub(single).filter(|_| may_be_again)?;

    let mut of_variant =
        whole.iter().filter(|window| window.id.variant == id.variant && window.load.is_none());
    let earlier = of_variant.find(|window| {
        window.inferences.iter().any(|one| one.prompt == first.prompt && one.repetition == before)
    })?;
    Some(earlier.id.index)
}

/// When an inference ended; `None` beyond what a clock can show.
fn end(inference: &InferenceRecord) -> Option<SystemTime> {
    inference.issued_at.checked_add(inference.outcome.latency())
}

/// The largest number of inferences in flight at one time. One that ends as another begins is over.
fn most_at_once(inferences: &[InferenceRecord]) -> u32 {
    let mut changes: Vec<(SystemTime, bool)> = Vec::with_capacity(2 * inferences.len());
    for inference in inferences.iter().filter(|inference| !inference.outcome.latency().is_zero()) {
        changes.push((inference.issued_at, true));
        changes.extend(end(inference).map(|end| (end, false)));
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
