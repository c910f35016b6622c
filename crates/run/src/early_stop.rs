//! Variants that need not go on: asked after each block, decided from what is on disk.

use std::path::PathBuf;

use infercost_analyzer::early_stop::{StopReason, early_stopped};
use infercost_analyzer::sequential::planned_looks;
use infercost_core::run::Looks;
use infercost_core::text::count;
use infercost_core::{InferenceRecord, Prompt, RunRecord, RunSpec, SinkError, VariantId};

use crate::console;

/// The looks of a new run; `None` with `--exhaustive`, or where there is nothing to compare.
pub(crate) fn looks(spec: &RunSpec, prompts: &[Prompt], variants: usize) -> Option<Looks> {
    let graded = prompts.iter().filter(|prompt| prompt.grader.is_some()).count();
    let block = spec.prompts_in_a_window(prompts.len());
    (!spec.exhaustive && variants > 1).then(|| planned_looks(prompts.len(), block, graded))
}

/// Looks at the run's folder whenever the baseline has come past the next look of the plan, and after each block of a
/// resumed run until it has come past what was on disk. The records on disk are what a report will see, so both say the same.
pub(crate) struct EarlyStop {
    folder: PathBuf,
    baseline: VariantId,
    looks: Vec<u32>,
    seen: u32,
    /// Of a resumed run: what was on disk when it went on, until the harness has come past that.
    catching_up_to: Option<u32>,
    settled: Vec<VariantId>,
}

impl EarlyStop {
    /// For the run in `folder`; `before` is what an earlier part of it has left there.
    pub(crate) fn new(
        folder: PathBuf,
        looks: Option<Looks>,
        baseline: VariantId,
        before: Option<&RunRecord>,
    ) -> Self {
        let mut stop = Self {
            folder,
            looks: looks.map(|looks| looks.after).unwrap_or_default(),
            baseline,
            seen: 0,
            catching_up_to: None,
            settled: Vec::new(),
        };
        for window in before.iter().flat_map(|run| &run.windows) {
            window.inferences.iter().for_each(|inference| stop.count(&window.id.variant, inference));
        }
        stop.catching_up_to = before.map(|_| stop.seen);
        stop
    }

    /// Counts an inference on the way to the next look.
    pub(crate) fn count(&mut self, variant: &VariantId, inference: &InferenceRecord) {
        if *variant == self.baseline && inference.repetition == 0 {
            self.seen = self.seen.saturating_add(1);
        }
    }

    /// Variants that need not go on.
    pub(crate) fn settled(&mut self) -> Result<Vec<VariantId>, SinkError> {
        let before = self.looks.len();
        let seen = self.seen;
        self.looks.retain(|look| *look > seen);

        // A run that was cut off may lack some records of the look that it had come to: the decision falls when they are
        // there, as it would have, and not at the next look.
        let is_catching_up = self.catching_up_to.is_some();
        if self.catching_up_to.is_some_and(|before| seen > before) {
            self.catching_up_to = None;
        }

        // At the last look everything has run.
        let is_due = self.looks.len() < before && !self.looks.is_empty();
        if !is_due && !is_catching_up {
            return Ok(self.settled.clone());
        }

        let run = infercost_trace::read_run(&self.folder)?;
        for (variant, why) in early_stopped(&run)? {
            if !self.settled.contains(&variant) {
                console::note(&sentence(&variant, why, seen));
                self.settled.push(variant);
            }
        }

        Ok(self.settled.clone())
    }
}

fn sentence(variant: &VariantId, why: StopReason, seen: u32) -> String {
    let name = variant.variant_name();
    let why = match why {
        StopReason::Failed => "is not good enough",
        StopReason::Passed => "is good enough, and its cost is settled",
        StopReason::Costlier => "costs more than the baseline",
        StopReason::Dominated => "costs more than another that is good enough",
        StopReason::NothingToCompare => "has nothing left to compare with",
    };
    let seen = count(u64::from(seen), "prompt");
    format!("{name} {why} after {seen}; it stops here (`--exhaustive` goes on)")
}
