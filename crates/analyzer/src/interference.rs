//! Windows that were disturbed, and those that stand in their place.
//!
//! A disturbed window is measured again under fresh repetitions. Times, energy and cost are then the second window's;
//! quality and failures stay the first one's, since they never depend on time, and a second try would be a second chance.

use std::collections::HashSet;

use infercost_core::report::InterferenceReport;
use infercost_core::{Recommendation, RunRecord, VariantId, WindowRecord};

/// Windows of a run in whose place another stands, by variant and index.
pub(crate) struct Superseded<'a>(HashSet<(&'a VariantId, u32)>);

impl<'a> Superseded<'a> {
    pub(crate) fn of(run: &'a RunRecord) -> Self {
        let again = run.windows.iter().filter(|window| !window.interrupted);
        Self(again.filter_map(|window| Some((&window.id.variant, window.remeasures?))).collect())
    }

    /// True where another window stands in this one's place.
    pub(crate) fn holds(&self, window: &WindowRecord) -> bool {
        self.0.contains(&(&window.id.variant, window.id.index))
    }
}

/// What else the machines did; `None` where no window was watched.
pub(crate) fn report(runs: &[RunRecord]) -> Option<InterferenceReport> {
    let mut report =
        InterferenceReport { windows: 0, watched: 0, disturbed: 0, remeasured: 0, foreign_cpu_share: None };
    let (mut others_s, mut capacity_s) = (0.0, 0.0);

    for window in runs.iter().flat_map(|run| &run.windows) {
        report.windows += 1;
        report.remeasured += u64::from(window.remeasures.is_some());
        let Some(interference) = &window.interference else { continue };

        report.watched += 1;
        report.disturbed += u64::from(!interference.disturbances(window.wall_time).is_empty());
        if let (Some(others), Some(processors)) = (interference.others, interference.processors) {
            others_s += others.as_secs_f64();
            capacity_s += window.wall_time.as_secs_f64() * f64::from(processors);
        }
    }

    report.foreign_cpu_share = (capacity_s > 0.0).then(|| (others_s / capacity_s).clamp(0.0, 1.0));
    (report.watched > 0).then_some(report)
}

/// An open question with what stood in the way of its answer.
pub(crate) fn explained(
    recommendation: Recommendation,
    interference: Option<&InterferenceReport>,
) -> Recommendation {
    let left = interference.map_or(0, |found| found.disturbed.saturating_sub(found.remeasured));
    match recommendation {
        Recommendation::MeasureMore { variant, prompts_needed, why } if left > 0 => {
            let watched = interference.map_or(0, |found| found.watched);
            let why =
                format!("{why}; {left} of {watched} windows were disturbed by what else the machine did");
            Recommendation::MeasureMore { variant, prompts_needed, why }
        }
        other => other,
    }
}
