//! What else the machine did during a window, on the window's span.

use std::time::Duration;

use infercost_core::Interference;

use crate::attributes::{
    INTERFERENCE, INTERFERENCE_BOARD_THROTTLES, INTERFERENCE_FREQUENCY_SHARE, INTERFERENCE_OTHERS,
    INTERFERENCE_OWN, INTERFERENCE_PROCESSORS, INTERFERENCE_QUEUED, INTERFERENCE_STOLEN,
    INTERFERENCE_THERMAL_THROTTLES,
};
use crate::error::MappingError;
use crate::read_span::ReadSpan;
use crate::span_draft::SpanDraft;

/// Adds what was counted; nothing where the machine was not watched.
pub(crate) fn write(draft: &mut SpanDraft, interference: Option<&Interference>) -> Result<(), MappingError> {
    let Some(interference) = interference else { return Ok(()) };
    draft.truth(INTERFERENCE, true);
    draft.int_if(INTERFERENCE_PROCESSORS, interference.processors);

    for (name, time) in [
        (INTERFERENCE_OWN, interference.own),
        (INTERFERENCE_OTHERS, interference.others),
        (INTERFERENCE_STOLEN, interference.stolen),
        (INTERFERENCE_QUEUED, interference.queued),
    ] {
        draft.int_if(name, time.map(nanos).transpose()?);
    }

    draft.number_if(INTERFERENCE_FREQUENCY_SHARE, interference.frequency_share);
    draft.int_if(INTERFERENCE_THERMAL_THROTTLES, interference.thermal_throttles.map(u64::cast_signed));

    if !interference.board_throttles.is_empty() {
        draft.texts(INTERFERENCE_BOARD_THROTTLES, interference.board_throttles.iter().cloned());
    }

    Ok(())
}

/// Reads it back.
pub(crate) fn read(span: &ReadSpan<'_>) -> Result<Option<Interference>, MappingError> {
    if !span.truth(INTERFERENCE)? {
        return Ok(None);
    }

    Ok(Some(Interference {
        processors: span.int_if(INTERFERENCE_PROCESSORS)?,
        own: time(span, INTERFERENCE_OWN)?,
        others: time(span, INTERFERENCE_OTHERS)?,
        stolen: time(span, INTERFERENCE_STOLEN)?,
        queued: time(span, INTERFERENCE_QUEUED)?,
        frequency_share: span.number_if(INTERFERENCE_FREQUENCY_SHARE)?,
        thermal_throttles: span.int_if::<i64>(INTERFERENCE_THERMAL_THROTTLES)?.map(i64::cast_unsigned),
        board_throttles: span
            .texts(INTERFERENCE_BOARD_THROTTLES)?
            .unwrap_or_default()
            .into_iter()
            .map(str::to_owned)
            .collect(),
    }))
}

fn nanos(time: Duration) -> Result<i64, MappingError> {
    i64::try_from(time.as_nanos()).map_err(|_| MappingError::Time { what: "processor time" })
}

fn time(span: &ReadSpan<'_>, attribute: &'static str) -> Result<Option<Duration>, MappingError> {
    Ok(span.int_if::<u64>(attribute)?.map(Duration::from_nanos))
}
