//! Model loads.

use infercost_core::{LoadRecord, VariantId};

use super::{CHAIN, RunSpans, record, stretch};
use crate::attributes::VARIANT;
use crate::error::MappingError;
use crate::read_span::ReadSpan;
use crate::span_draft::{Span, SpanDraft, SpanPlace};

impl RunSpans {
    /// The span of a load, below its variant.
    pub(crate) fn load(&self, load: &LoadRecord) -> Result<Span, MappingError> {
        let (start, end) = stretch(load.started_at, load.load_time)?;
        let id = self.ids.load(&load.variant, start);
        let place = SpanPlace { id, parent: Some(self.ids.variant(&load.variant)), start, end };
        let mut draft = SpanDraft::new(&self.ids, place, "load", record::LOAD, CHAIN);
        draft.text(VARIANT, load.variant.as_str());
        draft.finish()
    }
}

/// Reads a load back.
pub(crate) fn read(span: &ReadSpan<'_>) -> Result<LoadRecord, MappingError> {
    Ok(LoadRecord {
        variant: VariantId::from(span.text(VARIANT)?),
        started_at: span.started_at(),
        load_time: span.duration()?,
    })
}
