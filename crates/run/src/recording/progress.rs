//! Progress over a run's inferences and scorings.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use infercost_core::number::seconds;
use infercost_core::{OperatingPoint, VariantId};
use infercost_harness::Completed;

use super::remaining::{Remaining, Step};
use crate::console::{self, StepProgress};

/// A run's inferences and scorings, as far as they are still to do.
pub(super) struct RunProgress {
    steps: Box<dyn StepProgress>,
    remaining: RefCell<Remaining>,
    /// When the last step ended, or the first began.
    last: Cell<Instant>,
    repetitions: u32,
}

impl RunProgress {
    /// All that `completed` leaves to do.
    pub(super) fn new(
        variants: &[VariantId],
        prompts: usize,
        repetitions: u32,
        completed: &Completed,
    ) -> Self {
        let prompts = u64::try_from(prompts).unwrap_or(u64::MAX);
        let mut remaining = Remaining::default();
        for variant in variants {
            // What was measured again, or under load, was not planned.
            let answered =
                completed.inferences.iter().filter(|(of, _, one)| of == variant && *one < repetitions);
            let answered = answered.count() as u64;
            let scored = completed.scorings.iter().filter(|(of, _)| of == variant).count() as u64;
            let planned = prompts.saturating_mul(u64::from(repetitions));
            remaining.add(variant.clone(), planned.saturating_sub(answered), prompts.saturating_sub(scored));
        }

        let steps = console::steps(remaining.steps());
        steps.show("warming up");
        Self { steps, remaining: RefCell::new(remaining), last: Cell::new(Instant::now()), repetitions }
    }

    /// An inference has ended. One that is made again was not planned, and is no step.
    pub(super) fn inference(&self, variant: &VariantId, repetition: u32) {
        if repetition < self.repetitions {
            self.ended(variant, Step::Inference, "run");
        }
    }

    /// A disturbed window is measured again.
    pub(super) fn remeasuring(&self, variant: &VariantId) {
        let name = variant.variant_name();
        self.steps.note(&format!("{name}: measuring a window again that the machine disturbed"));
    }

    /// A variant was scored on a prompt, for the first time.
    pub(super) fn scored(&self, variant: &VariantId) {
        self.ended(variant, Step::Scoring, "score");
    }

    fn ended(&self, variant: &VariantId, step: Step, doing: &str) {
        let now = Instant::now();
        let took = now.duration_since(self.last.replace(now));
        let mut remaining = self.remaining.borrow_mut();
        remaining.ended(variant, step, took);

        let slowest = remaining.slowest().map_or_else(String::new, |slowest| {
            let each = seconds(slowest.inference.as_secs_f64());
            format!("; slowest {}, {each} each", slowest.variant.variant_name())
        });
        self.steps.left(remaining.time());
        self.steps.step(&format!("{doing} {}{slowest}", variant.variant_name()));
    }

    /// Nothing more of these is run.
    pub(super) fn dropped(&self, variants: &[VariantId]) {
        let mut remaining = self.remaining.borrow_mut();
        for variant in variants {
            remaining.dropped(variant);
        }
        self.steps.total(remaining.steps());
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
