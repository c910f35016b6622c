//! Windows that were disturbed, and those that stand in their place.
//!
//! A disturbed window is measured again under fresh repetitions. Times, energy and cost are then those of the last time;
//! quality and failures stay the first one's, since they never depend on time, and a second try would be a second chance.

use std::collections::HashMap;

use infercost_core::interference::DisturbedWindow;
use infercost_core::report::InterferenceReport;
use infercost_core::{Fact, Recommendation, RunRecord, VariantId, WindowRecord};

/// A window of a run, by variant and index.
type Key<'a> = (&'a VariantId, u32);

/// Windows of a run in whose place another stands, each with the index of that one.
pub(crate) struct Superseded<'a>(HashMap<Key<'a>, u32>);

impl<'a> Superseded<'a> {
    pub(crate) fn of(run: &'a RunRecord) -> Self {
        let mut earlier: HashMap<Key<'a>, u32> = HashMap::new();
        for window in &run.windows {
            if let Some(index) = window.remeasures {
                earlier.insert((&window.id.variant, window.id.index), index);
            }
        }

        // A try may itself have been measured again, or have been cut off: the last whole one stands for all before it.
        let mut superseded = HashMap::new();
        for window in run.windows.iter().filter(|window| !window.interrupted) {
            let mut index = window.id.index;
            while let Some(before) = earlier.get(&(&window.id.variant, index)).copied() {
                let place = superseded.entry((&window.id.variant, before)).or_insert(window.id.index);
                *place = (*place).max(window.id.index);

                // Indices grow with time; a file that says otherwise leads nowhere.
                if before >= index {
                    break;
                }
                index = before;
            }
        }
        Self(superseded)
    }

    /// True where another window stands in this one's place.
    pub(crate) fn holds(&self, window: &WindowRecord) -> bool {
        self.by(window).is_some()
    }

    /// The index of the window that stands in this one's place.
    fn by(&self, window: &WindowRecord) -> Option<u32> {
        self.0.get(&(&window.id.variant, window.id.index)).copied()
    }

    /// True where a window's times, energy and cost count: no other stands in its place, and it is no try that was cut
    /// off, in whose place the first one stays.
    pub(crate) fn counts(&self, window: &WindowRecord) -> bool {
        let cut_off = window.interrupted && window.remeasures.is_some();
        !cut_off && !self.holds(window)
    }
}

/// What else the machines did; `None` where no window was watched.
pub(crate) fn report(runs: &[RunRecord]) -> Option<InterferenceReport> {
    let mut report = InterferenceReport::default();
    let (mut others_s, mut capacity_s) = (0.0, 0.0);

    for run in runs {
        let superseded = Superseded::of(run);
        for window in &run.windows {
            report.windows += 1;
            report.remeasured += u64::from(superseded.holds(window));
            let Some(interference) = &window.interference else { continue };

            report.watched += 1;
            if let (Some(others), Some(processors)) = (interference.others, interference.processors) {
                others_s += others.as_secs_f64();
                capacity_s += window.wall_time.as_secs_f64() * f64::from(processors);
            }

            let causes = interference.disturbances(window.wall_time);
            if causes.is_empty() {
                continue;
            }
            report.disturbed += 1;
            report.left += u64::from(superseded.counts(window));
            report.disturbed_windows.push(DisturbedWindow {
                variant: window.id.variant.clone(),
                window: window.id.index,
                causes,
                measured_again_in: superseded.by(window),
            });
        }
    }

    report.foreign_cpu_share = (capacity_s > 0.0).then(|| (others_s / capacity_s).clamp(0.0, 1.0));
    (report.watched > 0).then_some(report)
}

/// How many windows were disturbed, and what became of them.
pub(crate) fn busy(found: &InterferenceReport) -> Fact {
    Fact::MachineBusy {
        disturbed: found.disturbed,
        watched: found.watched,
        remeasured: found.remeasured,
        left: found.left,
        others_share: found.foreign_cpu_share,
    }
}

/// Which windows were disturbed.
pub(crate) fn which(found: &InterferenceReport) -> Fact {
    Fact::DisturbedWindows { windows: found.disturbed_windows.clone() }
}

/// An open question with what stood in the way of its answer.
pub(crate) fn explained(
    recommendation: Recommendation,
    interference: Option<&InterferenceReport>,
) -> Recommendation {
    if interference.is_none_or(|found| found.left == 0) {
        return recommendation;
    }
    match recommendation {
        Recommendation::MeasureMore { variant, prompts_needed, why } => {
            let why = format!("{why}; the machine was busy meanwhile");
            Recommendation::MeasureMore { variant, prompts_needed, why }
        }
        other => other,
    }
}
