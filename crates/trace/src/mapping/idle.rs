//! Stretches in which nothing was asked of any model.

use infercost_core::{IdlePhase, IdleRecord, Watts};

use super::json_list::{list, read_list};
use super::{CHAIN, RunSpans, energy, record, stretch};
use crate::attributes::{ENERGY_CROSS_CHECKS, HARDWARE_BOARDS, IDLE_PHASE};
use crate::error::MappingError;
use crate::read_span::{ReadSpan, invalid};
use crate::span_draft::{Span, SpanDraft, SpanPlace};
use crate::span_names::phase_name;

impl RunSpans {
    /// The span of an idle stretch, below the root.
    pub(crate) fn idle(&self, idle: &IdleRecord) -> Result<Span, MappingError> {
        let (start, end) = stretch(idle.started_at, idle.wall_time)?;
        let id = self.ids.idle(idle.phase, start);
        let place = SpanPlace { id, parent: Some(self.ids.root()), start, end };
        let mut draft = SpanDraft::new(&self.ids, place, "idle", record::IDLE, CHAIN);
        draft.text(IDLE_PHASE, phase_name(idle.phase));
        energy::write(&mut draft, &idle.energy);

        for board in &idle.boards {
            draft.check(HARDWARE_BOARDS, board.power_limit_w.map_or(0.0, Watts::get));
        }

        for check in &idle.cross_checks {
            draft.check(ENERGY_CROSS_CHECKS, check.counted.get());
            draft.check(ENERGY_CROSS_CHECKS, check.integrated.get());
        }

        list(&mut draft, HARDWARE_BOARDS, &idle.boards);
        list(&mut draft, ENERGY_CROSS_CHECKS, &idle.cross_checks);

        draft.finish()
    }
}

/// Reads an idle stretch back.
pub(crate) fn read(span: &ReadSpan<'_>) -> Result<IdleRecord, MappingError> {
    let name = span.text(IDLE_PHASE)?;
    let phase = [IdlePhase::BeforeLoad, IdlePhase::Resident, IdlePhase::After]
        .into_iter()
        .find(|phase| phase_name(*phase) == name)
        .ok_or_else(|| invalid(IDLE_PHASE, &format!("names no phase: {name:?}")))?;
    Ok(IdleRecord {
        phase,
        started_at: span.started_at(),
        wall_time: span.duration()?,
        energy: energy::read(span)?,
        boards: read_list(span, HARDWARE_BOARDS)?,
        cross_checks: read_list(span, ENERGY_CROSS_CHECKS)?,
    })
}
