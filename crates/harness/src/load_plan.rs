//! The load test of a run: what is planned, and what an earlier part of the run has done of it.

use std::collections::HashMap;
use std::time::Duration;

use infercost_core::{OperatingPoint, VariantId, WindowRecord};

use crate::answer_counts::AnswerCounts;
use crate::ladder::Reached;
use crate::load::Arrivals;

/// The load test that follows the single requests.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPlan {
    /// Operating points, for every variant that can take them.
    pub points: Vec<OperatingPoint>,
    /// Search for the knee up to this many requests in flight; `None` does not search.
    pub sweep: Option<u32>,
    /// How requests of open loops are spaced.
    pub arrivals: Arrivals,
    /// Load before what is counted.
    pub warm_up: Duration,
    /// How long each point is held behind the warm-up.
    pub duration: Duration,
}

/// What of the load an earlier, interrupted run has already done.
#[derive(Debug, Clone, Default)]
pub struct LoadDone {
    pub(crate) points: Vec<(VariantId, OperatingPoint, Reached)>,
    /// The first repetition that no inference of a variant has.
    pub(crate) next_repetition: HashMap<VariantId, u32>,
}

impl LoadDone {
    /// Takes note of a window of that run. An interrupted one is tested again, under fresh repetitions.
    pub fn note(&mut self, window: &WindowRecord) {
        let next = self.next_repetition.entry(window.id.variant.clone()).or_default();
        for inference in &window.inferences {
            *next = (*next).max(inference.repetition.saturating_add(1));
        }
        let Some(load) = window.load.filter(|_| !window.interrupted) else { return };
        let mut counts = AnswerCounts::default();
        for inference in &window.inferences {
            let issued = inference.issued_at.duration_since(window.started_at).unwrap_or_default();
            counts.add(issued, inference);
        }
        let reached = counts.reached(&load);
        self.points.push((window.id.variant.clone(), window.operating_point, reached));
    }
}
