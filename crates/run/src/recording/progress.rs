//! Progress over a run's inferences and scorings.

use infercost_core::{OperatingPoint, VariantId};
use infercost_harness::Completed;

use crate::console::{self, StepProgress};

/// A run's inferences and scorings, as far as they are still to do.
pub(super) struct RunProgress {
    steps: Box<dyn StepProgress>,
    repetitions: u32,
}

impl RunProgress {
    /// All that `completed` leaves to do.
    pub(super) fn new(variants: usize, prompts: usize, repetitions: u32, completed: &Completed) -> Self {
        let each = variants.saturating_mul(prompts);
        let times = usize::try_from(repetitions).unwrap_or(usize::MAX).saturating_add(1);
        let planned = each.saturating_mul(times);

        // What was measured again, or under load, was not planned.
        let planned_before = completed.inferences.iter().filter(|(_, _, one)| *one < repetitions).count();
        let before = planned_before.saturating_add(completed.scorings.len());
        let total = u64::try_from(planned.saturating_sub(before)).unwrap_or(u64::MAX);
        Self { steps: console::steps(total), repetitions }
    }

    /// An inference has ended. One that is made again was not planned, and is no step.
    pub(super) fn inference(&self, variant: &VariantId, repetition: u32) {
        if repetition < self.repetitions {
            self.steps.step(&format!("run {}", variant.variant_name()));
        }
    }

    /// A disturbed window is measured again.
    pub(super) fn remeasuring(&self, variant: &VariantId) {
        let name = variant.variant_name();
        self.steps.note(&format!("{name}: measuring a window again that the machine disturbed"));
    }

    /// A variant was scored on a prompt, for the first time.
    pub(super) fn scored(&self, variant: &VariantId) {
        self.steps.step(&format!("score {}", variant.variant_name()));
    }

    /// Load has no known number of requests, so each operating point is a line of its own.
    pub(super) fn load_testing(&self, variant: &VariantId, point: OperatingPoint) {
        let load = match point {
            OperatingPoint::Closed { concurrency } => format!("{concurrency} in flight"),
            OperatingPoint::Open { rate } => format!("{rate} requests/s"),
        };
        self.steps.note(&format!("load test of {variant}: {load}"));
    }

    /// The run is over.
    pub(super) fn finish(&self) {
        self.steps.finish();
    }
}
