//! Variants that need not go on: asked after each block, decided from what is on disk.

use std::path::PathBuf;

use infercost_analyzer::sequential::{Settlement, planned_looks, settled};
use infercost_core::run::Looks;
use infercost_core::{Grader, InferenceRecord, Prompt, RunRecord, SinkError, VariantId};

use crate::arguments::RecordArguments;
use crate::output;

/// The looks of a new run; `None` with `--exhaustive`, or where there is nothing to compare.
pub(crate) fn looks(arguments: &RecordArguments, prompts: &[Prompt], variants: usize) -> Option<Looks> {
    let graded = prompts.iter().filter(|prompt| !matches!(prompt.grader, Grader::None)).count();
    let block = arguments.prompts_in_a_window(prompts.len());
    (!arguments.exhaustive && variants > 1).then(|| planned_looks(prompts.len(), block, graded))
}

/// Looks at the run's folder whenever the baseline has come past the next look of the plan, and once at the
/// start of a resumed run. The records on disk are what a report will see, so both say the same.
pub(crate) struct EarlyStop {
    folder: PathBuf,
    baseline: VariantId,
    looks: Vec<u32>,
    seen: u32,
    resumed: bool,
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
            resumed: before.is_some(),
            settled: Vec::new(),
        };
        for window in before.iter().flat_map(|run| &run.windows) {
            window.inferences.iter().for_each(|inference| stop.count(&window.id.variant, inference));
        }
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
        let is_due = self.looks.len() < before || self.resumed;
        // At the last look everything has run.
        if !is_due || (self.looks.is_empty() && !self.resumed) {
            return Ok(self.settled.clone());
        }
        self.resumed = false;
        let run = infercost_trace::read_run(&self.folder)?;
        for (variant, why) in settled(&run)? {
            if !self.settled.contains(&variant) {
                output::note(&sentence(&variant, why, seen));
                self.settled.push(variant);
            }
        }
        Ok(self.settled.clone())
    }
}

fn sentence(variant: &VariantId, why: Settlement, seen: u32) -> String {
    let name = variant.variant_name();
    let why = match why {
        Settlement::Failed => "is not good enough",
        Settlement::Passed => "is good enough, and its cost is settled",
        Settlement::Dearer => "costs more than the baseline",
        Settlement::Outdone => "costs more than another that is good enough",
        Settlement::NothingToCompare => "has nothing left to compare with",
    };
    format!("{name} {why} after {seen} prompts; it stops here (`--exhaustive` goes on)")
}
