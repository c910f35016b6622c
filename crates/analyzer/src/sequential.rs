//! Looking before the end: what a verdict may be read at, and which variants need not go on.
//!
//! A bound that is read again after every block of prompts is wrong more often than it says. So each error
//! rate is spent over the looks: by the time that a share t of the planned prompts was seen, α·t^ρ of it may
//! be used up (Kim & DeMets, *Design and Analysis of Group Sequential Tests Based on the Type I Error
//! Spending Rate Function*, Biometrika 74, 1987, in the frame of Lan & DeMets, Biometrika 70, 1983). What a
//! look may spend is turned into the one-sided error at which its bounds are read by the recursion of
//! Armitage, McPherson & Rowe (J. R. Stat. Soc. A 132, 1969) for sums of independent increments, and the
//! gates then use their ordinary bounds at that error: the significance-level approach of Jennison &
//! Turnbull (*Group Sequential Methods with Applications to Clinical Trials*, 2000, ch. 3 and 7). Assumed is
//! that prompts come in an order that has nothing to do with the answers (a seeded choice has none).
//!
//! The two kinds of error have an account each. Passing spends late (ρ = 3, close to O'Brien and Fleming's
//! rule), so that a candidate that runs to the end passes almost as often as without looks. Failing spends
//! evenly (ρ = 1, close to Pocock's), so that a hopeless candidate goes early. Neither depends on when or why
//! the looking ends, so a later report may apply another policy to the same trace.

use std::collections::HashSet;

use infercost_core::run::Looks;
use infercost_core::{EvaluationKind, PromptId, RunRecord, VariantId, WindowRecord};

use infercost_stats::spending::tail;

/// Exponent of the spending of the error of passing what is not good enough.
const PASSING: f64 = 3.0;
/// Exponent of the spending of the error of failing what is good enough.
const FAILING: f64 = 1.0;
/// Fewest prompts at a look. A bootstrap of fewer says too little about its own tails.
const FEWEST_PROMPTS: usize = 20;
/// Fewest prompts at a look that may pass a candidate before the end: bounds far out in the tail of fewer let
/// through more than they say (in the simulations, up to twice the promised share).
const FEWEST_TO_PASS: usize = 40;
/// A look this close before the end saves nothing.
const LAST_LOOK: f64 = 0.9;
/// Looks before now that are taken into account; more than any plan holds.
const MOST_LOOKS: usize = 64;

/// The looks of a run over `prompts` prompts in blocks of `block`, of which `graded` have a grader: after
/// every block at first, then after ever more of them, each look about 1.3 to 1.5 times as far as the one
/// before; the last is the end.
pub fn planned_looks(prompts: usize, block: usize, graded: usize) -> Looks {
    let (block, mut blocks, mut after) = (block.max(1), 1_usize, Vec::new());
    let last = LAST_LOOK * prompts as f64;
    while let Some(seen) = blocks.checked_mul(block).filter(|seen| (*seen as f64) < last) {
        if seen >= FEWEST_PROMPTS {
            after.push(whole(seen));
        }

        // 1, 2, 3, 4, 6, 8, 12, 16, 24 …
        blocks = if blocks.is_power_of_two() {
            blocks + (blocks / 2).max(1)
        } else {
            (blocks + 1).next_power_of_two()
        };
    }

    after.push(whole(prompts));
    Looks { after, graded: whole(graded) }
}

pub(crate) fn whole(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// One-sided errors at which the bounds of one look are read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Levels {
    /// For passing at the full error rate, then at a half of it, a third …
    passing: Vec<f64>,
    /// Whether this look may pass a candidate.
    may_pass: bool,
    /// False at the end of the plan.
    is_early: bool,
    /// For failing.
    failing: f64,
    /// For the lower and the upper bound of a two-sided interval.
    two_sided: (f64, f64),
    /// For passing at the end of the plan, as `passing`, and for failing there.
    at_the_end: (Vec<f64>, f64),
}

impl Levels {
    /// Levels after `seen` of `planned` prompts, for up to `claims` claims that are corrected together, with
    /// one-sided error `alpha` in all.
    pub(crate) fn at(looks: &Looks, seen: usize, planned: usize, claims: usize, alpha: f64) -> Self {
        let planned = planned.max(seen).max(1) as f64;
        let now = seen.max(1) as f64;
        let mut shares: Vec<f64> = Vec::new();
        for after in looks.after.iter().take(MOST_LOOKS).map(|after| f64::from(*after)) {
            // A look that is all but this one was this one.
            if after >= 1.0 && after < 0.995 * now && shares.last().is_none_or(|last| after / planned > *last)
            {
                shares.push(after / planned);
            }
        }

        shares.push(now / planned);

        // Looks that cannot pass a candidate spend nothing on it.
        let first = shares.partition_point(|share| share * planned < FEWEST_TO_PASS as f64);
        let may_pass = first < shares.len() || now >= planned;
        let passing = shares.get(first.min(shares.len() - 1)..).unwrap_or_default();

        // The plan as it would be at its end.
        let mut all = shares.clone();
        for after in looks.after.iter().take(MOST_LOOKS).map(|after| f64::from(*after) / planned) {
            if all.last().is_none_or(|last| after > 1.005 * *last) && after <= 1.0 {
                all.push(after);
            }
        }

        let passing_of_all = all.get(first.min(all.len() - 1)..).unwrap_or_default();
        Self {
            at_the_end: (by_claims(passing_of_all, alpha, claims), tail(&all, alpha, FAILING)),
            passing: by_claims(passing, alpha, claims),
            may_pass,
            is_early: now < planned,
            failing: tail(&shares, alpha, FAILING),
            two_sided: (tail(passing, alpha / 2.0, PASSING), tail(&shares, alpha / 2.0, FAILING)),
        }
    }

    /// For a claim that is one of `claims` still open.
    pub(crate) fn passing(&self, claims: usize) -> f64 {
        let last = self.passing.last().copied().unwrap_or(0.0);
        self.passing.get(claims.saturating_sub(1)).copied().unwrap_or(last)
    }

    /// For passing at the end of the plan, as one of `claims` still open, and for failing there.
    pub(crate) fn at_the_end(&self, claims: usize) -> (f64, f64) {
        let (passing, failing) = &self.at_the_end;
        let passing = passing.get(claims.saturating_sub(1)).or(passing.last()).copied();
        (passing.unwrap_or(0.0), *failing)
    }

    /// False at a look too early to pass a candidate.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// False at the end of the plan.
    pub(crate) fn is_early(&self) -> bool {
        self.is_early
    }

    /// For failing.
    pub(crate) fn failing(&self) -> f64 {
        self.failing
    }

    /// For the lower and the upper bound of a saving.
    pub(crate) fn two_sided(&self) -> (f64, f64) {
        self.two_sided
    }
}

/// The error of passing at the full rate, then at a half of it, a third … for up to `claims` claims.
fn by_claims(shares: &[f64], alpha: f64, claims: usize) -> Vec<f64> {
    (1..=claims.max(1)).map(|claims| tail(shares, alpha / claims as f64, PASSING)).collect()
}

/// How far one variant came in a run that may stop early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Prompts from the first on that it answered, and on which it was compared with the baseline where it
    /// ever was.
    pub(crate) seen: usize,
    /// Of those, the ones before the last look that it reached: what it is judged by. All where it reached
    /// none.
    pub(crate) look: usize,
    /// Prompts of the plan.
    pub(crate) planned: usize,
}

impl Progress {
    /// Of a variant; `None` where the run has no looks or the variant answered nothing.
    pub(crate) fn of(run: &RunRecord, variant: &VariantId) -> Option<Self> {
        let looks = run.header.looks.as_ref()?;
        let windows = run.windows.iter().filter(|window| window.id.variant == *variant);
        let answered: HashSet<&PromptId> =
            windows.flat_map(|window| &window.inferences).map(|inference| &inference.prompt).collect();
        let evaluations = run.evaluations.iter().filter(|evaluation| evaluation.variant == *variant);
        let compared: HashSet<&PromptId> = evaluations
            .filter(|one| one.result.kind() == EvaluationKind::Divergence)
            .map(|one| &one.prompt)
            .collect();

        let chosen = &run.header.prompts.chosen;
        let seen = chosen
            .iter()
            .take_while(|prompt| {
                answered.contains(prompt) && (compared.is_empty() || compared.contains(prompt))
            })
            .count();

        let planned = chosen.len();
        let reached = looks.after.iter().filter_map(|after| usize::try_from(*after).ok());
        let look = reached.filter(|after| *after <= seen).max().filter(|after| *after > 0).unwrap_or(seen);
        (seen > 0).then_some(Self { seen, look, planned })
    }

    /// True where it stopped, or stands, before the end.
    pub(crate) fn is_early(&self) -> bool {
        self.look < self.planned
    }
}

/// The part of a run that concerns its first `prompts` prompts.
pub(crate) fn first_prompts(run: &RunRecord, prompts: usize) -> RunRecord {
    let mut header = run.header.clone();
    header.prompts.chosen.truncate(prompts);
    let kept: HashSet<&PromptId> = header.prompts.chosen.iter().collect();
    let windows = run.windows.iter().filter_map(|window| {
        let inferences = window.inferences.iter().filter(|one| kept.contains(&one.prompt));
        let inferences: Vec<_> = inferences.cloned().collect();
        (!inferences.is_empty()).then(|| WindowRecord { inferences, ..window.clone() })
    });

    let evaluations = run.evaluations.iter().filter(|evaluation| kept.contains(&evaluation.prompt));
    let (windows, evaluations) = (windows.collect(), evaluations.cloned().collect());
    let (loads, idles, finished_at) = (run.loads.clone(), run.idles.clone(), run.finished_at);
    RunRecord { header, loads, idles, windows, evaluations, finished_at }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
