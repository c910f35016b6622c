//! Whose answers bear on whose quality, where runs come from several machines.
//!
//! Time and joules are a machine's own. What is answered is a function of the weights and of the code that runs them, so
//! that a prompt which a variant was not asked on one machine, and was on another, tells of its quality there too. That
//! holds where the weights, the tokenizer and the executor are the same and tokens are not drawn by chance, and it is
//! checked: a prompt that was asked on both must have the same score. Where anything of it is unknown or differs, quality
//! is kept apart. A prompt that a variant was asked itself is never replaced: a machine that fails on it has failed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use infercost_core::run::VariantHeader;
use infercost_core::{Evaluation, PromptId, RunRecord, VariantId};

use crate::analysis::executor;
use crate::machines::Machines;

/// For each variant those on other machines whose answers count for its quality.
#[derive(Debug, Default)]
pub(super) struct Pool<'a> {
    sources: BTreeMap<&'a VariantId, Vec<&'a VariantId>>,
}

impl<'a> Pool<'a> {
    pub(super) fn of(runs: &'a [RunRecord], machines: &Machines, baseline: &VariantId) -> Self {
        let mut pool = Self::default();
        if !machines.are_several() {
            return pool;
        }

        let mut groups: BTreeMap<String, BTreeSet<&VariantId>> = BTreeMap::new();
        for run in runs {
            for variant in &run.header.variants {
                if let Some(key) = key(run, variant) {
                    groups.entry(key).or_default().insert(&variant.id);
                }
            }
        }

        for members in groups.values().filter(|members| members.len() > 1) {
            if !agree(runs, members) {
                continue;
            }

            for variant in members {
                // What compares with the baseline must not be the baseline's own answers.
                if members.contains(baseline) && *variant != baseline {
                    continue;
                }
                let others = members.iter().copied().filter(|other| other != variant).collect();
                pool.sources.insert(variant, others);
            }
        }
        pool
    }

    /// Variants whose answers count for this one's quality, itself left out.
    pub(super) fn of_variant(&self, variant: &VariantId) -> &[&'a VariantId] {
        self.sources.get(variant).map_or(&[], Vec::as_slice)
    }
}

/// Equal for variants that answer alike; `None` where that is not known.
fn key(run: &RunRecord, variant: &VariantHeader) -> Option<String> {
    let engine = &variant.engine;
    let sampling = &run.header.sampling;
    if variant.noise_floor || variant.is_served() || sampling.temperature > 0.0 {
        return None;
    }

    let weights = engine.weights_sha256.as_ref()?;
    let tokenizer = engine.tokenizer_sha256.as_ref()?;

    // kernels for GPUs are chosen by the board
    let boards = if engine.device == "cpu" { String::new() } else { run.header.machine.gpus.join("|") };
    if engine.device != "cpu" && boards.is_empty() {
        return None;
    }
    Some(format!(
        "{weights}|{tokenizer}|{}|{}|{:?}|{boards}|{sampling:?}",
        executor(engine),
        engine.version,
        engine.compute_dtype
    ))
}

/// True where no prompt has two scores.
fn agree(runs: &[RunRecord], members: &BTreeSet<&VariantId>) -> bool {
    let mut scores: HashMap<&PromptId, f64> = HashMap::new();

    for evaluation in runs.iter().flat_map(|run| &run.evaluations) {
        let Evaluation::Task(task) = &evaluation.result else { continue };
        if !members.contains(&evaluation.variant) {
            continue;
        }
        let known = *scores.entry(&evaluation.prompt).or_insert(task.score);
        if (known - task.score).abs() > 0.0 {
            return false;
        }
    }
    true
}
