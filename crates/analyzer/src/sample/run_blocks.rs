//! Which prompts of a run were answered in the same stretch of it.

use std::collections::HashMap;

use infercost_core::{PromptId, RunRecord, VariantId};

use crate::machines::Machines;

/// The row of each prompt.
pub(super) type Indices<'a> = HashMap<&'a PromptId, usize>;

/// One prompt asked once: the run, the repetition and the prompt.
type Asking = (usize, u32, usize);

/// The blocks of runs, numbered in order: askings that share a window, of whatever variant, share a block. A window
/// that was cut off and taken up again falls into the block of the other variants' windows.
pub(super) struct RunBlocks {
    of: HashMap<Asking, usize>,
    count: usize,
    is_nested: bool,
}

impl RunBlocks {
    pub(super) fn of(runs: &[RunRecord], machines: &Machines, prompts: &Indices<'_>) -> Self {
        let mut askings: HashMap<Asking, usize> = HashMap::new();
        let mut joined = Joined::default();
        for (run, record) in runs.iter().enumerate() {
            let mut first_asking: HashMap<(&VariantId, u32), usize> = HashMap::new();
            for window in &record.windows {
                // A window that is measured again belongs to the block of the first time.
                let mut first = window
                    .remeasures
                    .and_then(|earlier| first_asking.get(&(&window.id.variant, earlier)).copied());
                for inference in &window.inferences {
                    let Some(prompt) = prompts.get(&inference.prompt) else { continue };
                    let asking = *askings
                        .entry((run, inference.repetition, *prompt))
                        .or_insert_with(|| joined.another());
                    joined.join(*first.get_or_insert(asking), asking);
                }
                if let Some(first) = first {
                    first_asking.insert((&window.id.variant, window.id.index), first);
                }
            }
        }

        let mut numbers: HashMap<usize, usize> = HashMap::new();
        let mut by_asking: Vec<(Asking, usize)> = askings.into_iter().collect();
        by_asking.sort_unstable();
        let mut of_prompt: HashMap<(usize, usize), usize> = HashMap::new();
        let (mut of, mut is_nested) = (HashMap::new(), true);

        for (asking, member) in by_asking {
            let next = numbers.len();
            let block = *numbers.entry(joined.root(member)).or_insert(next);
            let on_machine = (machines.of_run(asking.0), asking.2);
            is_nested &= *of_prompt.entry(on_machine).or_insert(block) == block;
            of.insert(asking, block);
        }

        Self { of, count: numbers.len(), is_nested }
    }

    /// The block in which a prompt was asked.
    pub(super) fn block(&self, run: usize, repetition: u32, prompt: usize) -> Option<usize> {
        self.of.get(&(run, repetition, prompt)).copied()
    }

    /// Blocks.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// True where no machine was asked a prompt in two blocks.
    pub(super) fn is_nested(&self) -> bool {
        self.is_nested
    }
}

/// Sets that are joined one by one (Tarjan, *Efficiency of a Good But Not Linear Set Union Algorithm*, J. ACM 22,
/// 1975).
#[derive(Default)]
struct Joined(Vec<usize>);

impl Joined {
    fn another(&mut self) -> usize {
        self.0.push(self.0.len());
        self.0.len() - 1
    }

    fn root(&mut self, mut member: usize) -> usize {
        while let Some(parent) = self.0.get(member).copied()
            && parent != member
        {
            let above = self.0.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.0.get_mut(member) {
                *slot = above;
            }
            member = above;
        }

        member
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if let Some(slot) = self.0.get_mut(one.max(other)) {
            *slot = one.min(other);
        }
    }
}
