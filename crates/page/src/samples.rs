//! What the charts are drawn from: the single requests of each variant, pooled over the runs.

use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

use infercost_core::{Outcome, RunRecord, VariantId, WindowRecord};

/// Times of one variant's answered single requests, in seconds, each list ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Times {
    /// Time to first token.
    pub(crate) ttft: Vec<f64>,
    /// Time per output token.
    pub(crate) tpot: Vec<f64>,
    /// Gaps between chunks.
    pub(crate) itl: Vec<f64>,
}

/// The mean power of one window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PowerWindow {
    pub(crate) variant: VariantId,
    /// Since the first run began, in seconds.
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    pub(crate) watts: f64,
    pub(crate) estimated: bool,
    /// Requests that ended in it.
    pub(crate) inferences: usize,
}

/// The times of every variant.
pub(crate) fn times(runs: &[RunRecord]) -> BTreeMap<VariantId, Times> {
    let mut all: BTreeMap<VariantId, Times> = BTreeMap::new();

    for window in runs.iter().flat_map(windows_that_count) {
        let times = all.entry(window.id.variant.clone()).or_default();
        for inference in &window.inferences {
            let outcome = &inference.outcome;
            times.ttft.extend(outcome.time_to_first_token().map(|time| time.as_secs_f64()));
            times.tpot.extend(outcome.time_per_output_token().map(|time| time.as_secs_f64()));

            if let Outcome::Completed { arrivals, .. } = outcome {
                let gaps = arrivals.iter().zip(arrivals.iter().skip(1));
                times.itl.extend(gaps.map(|(one, next)| next.at.saturating_sub(one.at).as_secs_f64()));
            }
        }
    }

    for times in all.values_mut() {
        for list in [&mut times.ttft, &mut times.tpot, &mut times.itl] {
            list.sort_by(f64::total_cmp);
        }
    }
    all
}

/// The windows whose energy is known, in order of time, load tests included.
pub(crate) fn power(runs: &[RunRecord]) -> Vec<PowerWindow> {
    let Some(began) = runs.iter().flat_map(|run| &run.windows).map(|window| window.started_at).min() else {
        return Vec::new();
    };

    let mut windows = Vec::new();
    for window in runs.iter().flat_map(|run| &run.windows) {
        let Some(joules) = window.energy.joules() else { continue };
        let wall = window.wall_time.as_secs_f64();
        if wall <= 0.0 {
            continue;
        }

        let from_s = since(began, window.started_at);
        windows.push(PowerWindow {
            variant: window.id.variant.clone(),
            from_s,
            to_s: from_s + wall,
            watts: joules.get() / wall,
            estimated: window.energy.source_name() == "estimated",
            inferences: window.inferences.len(),
        });
    }

    windows.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    windows
}

/// How many prompts each variant has answered or failed at least once.
pub(crate) fn prompts_answered(runs: &[RunRecord]) -> BTreeMap<VariantId, usize> {
    let mut seen: BTreeMap<VariantId, std::collections::BTreeSet<&str>> = BTreeMap::new();
    for window in single_request_windows(runs) {
        let prompts = seen.entry(window.id.variant.clone()).or_default();
        prompts.extend(window.inferences.iter().map(|inference| inference.prompt.as_str()));
    }

    seen.into_iter().map(|(variant, prompts)| (variant, prompts.len())).collect()
}

/// Windows of single requests whose times count: no other was measured in their place, and none is a try that was cut off.
fn windows_that_count(run: &RunRecord) -> Vec<&WindowRecord> {
    let mut replaced: HashSet<(&VariantId, u32)> = HashSet::new();
    for window in run.windows.iter().filter(|window| !window.interrupted) {
        replaced.extend(window.remeasures.map(|index| (&window.id.variant, index)));
    }

    let mut counting = Vec::new();
    for window in single_request_windows(std::slice::from_ref(run)) {
        let is_cut_off_try = window.interrupted && window.remeasures.is_some();
        if !is_cut_off_try && !replaced.contains(&(&window.id.variant, window.id.index)) {
            counting.push(window);
        }
    }
    counting
}

/// Windows of single requests: those under load say nothing about a prompt.
pub(crate) fn single_request_windows(runs: &[RunRecord]) -> impl Iterator<Item = &WindowRecord> {
    runs.iter().flat_map(|run| &run.windows).filter(|window| window.load.is_none())
}

fn since(start: SystemTime, time: SystemTime) -> f64 {
    time.duration_since(start).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
