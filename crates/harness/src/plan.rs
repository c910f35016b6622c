//! What a run does.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use infercost_core::{Prompt, PromptId, Sampling, VariantId};

use crate::load_plan::{LoadDone, LoadPlan};
use crate::machine_watch::MachineWatch;
use crate::remeasure::RemeasureDone;

/// The settings of a run. Prompts are run in the order given.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The prompts, in running order.
    pub prompts: Vec<Prompt>,
    /// Inferences of each prompt by each variant.
    pub repetitions: u32,
    /// Inferences thrown away before the first counted one, per variant. All are cut short, but the
    /// last where a meter needs to know how long a prompt takes.
    pub warm_ups: u32,
    /// Fewest prompts in a window: the meter reads once around them, and variants take turns after each. A
    /// meter that refreshes slowly gets more (see [`window_length`](crate::window_length)).
    pub window_prompts: usize,
    /// Seed of the order in which variants take turns.
    pub seed: u64,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// How long each idle measurement lasts; nothing is measured where there is no meter.
    pub idle_time: Duration,
    /// Variants that no meter at hand covers, and why: their windows are unavailable.
    pub unmetered: HashMap<VariantId, String>,
    /// Looks at the machine at both edges of each window.
    pub watch: MachineWatch,
    /// Most windows that are measured again because something disturbed them; `None` for a quarter of all windows.
    pub max_remeasure: Option<u32>,
    /// The load test that follows the single requests; `None` for none.
    pub load: Option<LoadPlan>,
    /// What an earlier, interrupted run has already done.
    pub completed: Completed,
}

/// What need not be repeated.
#[derive(Debug, Clone, Default)]
pub struct Completed {
    /// Inferences, failures included.
    pub inferences: HashSet<(VariantId, PromptId, u32)>,
    /// Scorings.
    pub scorings: HashSet<(VariantId, PromptId)>,
    /// Disturbed windows, and those that were measured again.
    pub remeasured: RemeasureDone,
    /// What was tested under load.
    pub load: LoadDone,
    /// The first window index that is free.
    pub next_window: u32,
}
