//! Windows that something disturbed, and what may still be spent on measuring them again.
//!
//! Whether a window was disturbed is told by what the machine counted meanwhile, never by how long its requests took:
//! a choice by the result would make slow variants look fast.

use std::collections::VecDeque;

use infercost_core::interference::first_repetition_under_load;
use infercost_core::{PromptId, VariantId, WindowRecord};

/// A window of single requests that may be measured again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisturbedWindow {
    /// Of which variant.
    pub variant: VariantId,
    /// Its index.
    pub index: u32,
    /// What it asked.
    pub prompts: Vec<PromptId>,
    /// The repetition that the next try gets.
    pub repetition: u32,
}

/// What an earlier part of a run has measured again, and what it left disturbed.
#[derive(Debug, Clone, Default)]
pub struct RemeasureDone {
    pub(crate) used: u32,
    pub(crate) waiting: Vec<DisturbedWindow>,
}

impl RemeasureDone {
    /// Reads it from the windows of a run with so many repetitions of each prompt. A try that was cut off counts as one.
    pub fn of(windows: &[WindowRecord], repetitions: u32) -> Self {
        let mut done = Self::default();
        let single: Vec<&WindowRecord> = windows.iter().filter(|window| window.load.is_none()).collect();

        for window in single.iter().copied() {
            done.used = done.used.saturating_add(u32::from(window.remeasures.is_some()));
            if window.interrupted || !is_disturbed(window) {
                continue;
            }

            // The last try of all that asked the same; a whole one stands in this window's place.
            let mut last = window;
            for other in single.iter().copied().filter(|other| is_try_of(other, window, repetitions)) {
                if repetition(other) > repetition(last) {
                    last = other;
                }
            }

            let stands = std::ptr::eq(last, window) || last.interrupted;
            if stands {
                let repetition = repetition(last).saturating_add(repetitions);
                done.waiting.extend(next_try(window, repetition, repetitions));
            }
        }
        done
    }
}

/// What may be measured again, and how often.
#[derive(Debug)]
pub(crate) struct Remeasure {
    left: u32,
    repetitions: u32,
    waiting: VecDeque<DisturbedWindow>,
}

impl Remeasure {
    /// For a run of so many repetitions and so many windows in all.
    pub(crate) fn new(most: Option<u32>, windows: usize, repetitions: u32, done: &RemeasureDone) -> Self {
        let quarter = u32::try_from(windows.div_ceil(4)).unwrap_or(u32::MAX);
        Self {
            left: most.unwrap_or(quarter).saturating_sub(done.used),
            repetitions,
            waiting: done.waiting.iter().cloned().collect(),
        }
    }

    /// Takes note of a window of single requests that has just been measured; true where it was disturbed.
    pub(crate) fn note(&mut self, window: &WindowRecord) -> bool {
        if !is_disturbed(window) {
            return false;
        }

        let repetition = repetition(window).saturating_add(self.repetitions);
        self.waiting.extend(next_try(window, repetition, self.repetitions));
        true
    }

    /// The window that is measured again next; `None` where there is none, or the budget is spent.
    pub(crate) fn next(&mut self) -> Option<DisturbedWindow> {
        let left = self.left.checked_sub(1)?;
        let next = self.waiting.pop_front()?;
        self.left = left;
        Some(next)
    }

    /// Variants that have stopped are not measured again.
    pub(crate) fn forget(&mut self, stopped: &[VariantId]) {
        self.waiting.retain(|window| !stopped.contains(&window.variant));
    }
}

fn is_disturbed(window: &WindowRecord) -> bool {
    let found = window.interference.as_ref();
    found.is_some_and(|found| !found.disturbances(window.wall_time).is_empty())
}

/// The repetition of a window's inferences, which is the same for all.
fn repetition(window: &WindowRecord) -> u32 {
    window.inferences.first().map_or(0, |inference| inference.repetition)
}

/// True where one window asks what another does, as another try of it.
fn is_try_of(one: &WindowRecord, other: &WindowRecord, repetitions: u32) -> bool {
    let of = repetitions.max(1);
    let same_prompt = one.inferences.first().zip(other.inferences.first());
    one.id.variant == other.id.variant
        && repetition(one) % of == repetition(other) % of
        && same_prompt.is_some_and(|(one, other)| one.prompt == other.prompt)
}

/// The next try of a window, unless it has had all of them.
fn next_try(window: &WindowRecord, repetition: u32, repetitions: u32) -> Option<DisturbedWindow> {
    let prompts: Vec<PromptId> = window.inferences.iter().map(|inference| inference.prompt.clone()).collect();
    let may = repetition < first_repetition_under_load(repetitions) && !prompts.is_empty();
    may.then(|| DisturbedWindow {
        variant: window.id.variant.clone(),
        index: window.id.index,
        prompts,
        repetition,
    })
}
