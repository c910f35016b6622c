//! What `compare` claims of costs, by seeded simulation of whole runs: windows that are fast or slow as a whole, prompts
//! of any length, looks on the way; judged by what the report shows.

use std::time::Duration;

use infercost_analyzer::early_stop::{StopReason, early_stopped};
use infercost_analyzer::sequential::planned_looks;
use infercost_core::*;
use infercost_stats::normal;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::scenario::{later, prices, run_in_blocks};
use crate::{analyze, faster, full};

const TRIALS: usize = 1_000;

/// How a machine varies, as standard deviations of logarithms.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    /// Of the time of a whole window.
    pub(crate) windows: f64,
    /// Of the watts of a whole window.
    watts: f64,
    /// Of a single inference.
    inferences: f64,
}

const STEADY: Machine = Machine { windows: 0.0, watts: 0.0, inferences: 0.02 };
pub(crate) const SHARED: Machine = Machine { windows: 0.03, watts: 0.04, inferences: 0.02 };

#[derive(Clone, Copy)]
struct Plan {
    prompts: usize,
    block: usize,
    looks: bool,
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    normal::quantile(random.random_range(1e-9..1.0))
}

/// Lets the machine vary under a made-up run. All variants answer a prompt at the same length.
pub(crate) fn varied(mut record: RunRecord, machine: Machine, random: &mut ChaCha8Rng) -> RunRecord {
    let lengths: Vec<f64> =
        record.header.prompts.chosen.iter().map(|_| (0.7 * normal(random)).exp()).collect();
    let place = |prompt: &PromptId| prompt.as_str().trim_start_matches('p').parse::<usize>().unwrap();
    for window in &mut record.windows {
        let of_window = (machine.windows * normal(random)).exp();
        let mut clock = window.started_at;
        for inference in &mut window.inferences {
            let own = (machine.inferences * normal(random)).exp();
            let factor = of_window * own * lengths[place(&inference.prompt)];
            let Outcome::Completed { arrivals, latency, .. } = &mut inference.outcome else { continue };
            *latency = latency.mul_f64(factor);
            *arrivals = later(arrivals, factor);
            inference.issued_at = clock;
            clock += *latency;
        }
        window.wall_time = clock.duration_since(window.started_at).unwrap() + Duration::from_micros(1);
        let watts = Watts::new(50.0 * (machine.watts * normal(random)).exp());
        if let EnergyReading::Measured { energy, .. } = &mut window.energy {
            *energy = watts * window.wall_time;
        }
    }
    record
}

/// The run as far as it had come after so many prompts.
fn until(record: &RunRecord, prompts: usize) -> RunRecord {
    let mut part = record.clone();
    let chosen = &record.header.prompts.chosen[..prompts];
    part.windows.retain(|window| window.inferences.iter().all(|one| chosen.contains(&one.prompt)));
    part.evaluations.retain(|evaluation| chosen.contains(&evaluation.prompt));
    part
}

/// What the product says of the saving: from the first look that stops the candidate, or else from the end.
pub(crate) fn claim(record: &RunRecord) -> Option<Estimate> {
    let looks: Vec<usize> =
        record.header.looks.iter().flat_map(|looks| &looks.after).map(|after| *after as usize).collect();
    for seen in looks.iter().copied().filter(|seen| *seen < record.header.prompts.chosen.len()) {
        let part = until(record, seen);
        let stopped = early_stopped(&part).unwrap();
        if stopped.iter().any(|(_, why)| *why != StopReason::NothingToCompare) {
            return analyze(&[part], &prices()).unwrap().candidates[1].saving;
        }
    }
    analyze(std::slice::from_ref(record), &prices()).unwrap().candidates[1].saving
}

/// Savings claimed and extra costs claimed, of so many simulated comparisons.
fn claims(trials: usize, plan: Plan, machine: Machine, slowness: f64) -> (usize, usize) {
    let mut random = ChaCha8Rng::seed_from_u64(17);
    let (mut cheaper, mut dearer) = (0, 0);
    for _ in 0..trials {
        let mut record = run_in_blocks("r1", plan.prompts, plan.block, &[full(), faster("other", slowness)]);
        record.header.looks = plan.looks.then(|| planned_looks(plan.prompts, plan.block, plan.prompts));
        let saving = claim(&varied(record, machine, &mut random));
        cheaper += usize::from(saving.is_some_and(|saving| saving.lower > 0.0));
        dearer += usize::from(saving.is_some_and(|saving| saving.upper < 0.0));
    }
    (cheaper, dearer)
}

/// The same model under two names.
#[test]
fn no_saving_is_claimed_where_there_is_none() {
    for (plan, machine) in [
        (Plan { prompts: 40, block: 10, looks: true }, SHARED),
        (Plan { prompts: 60, block: 5, looks: false }, SHARED),
        (Plan { prompts: 60, block: 5, looks: true }, STEADY),
    ] {
        let (cheaper, dearer) = claims(TRIALS, plan, machine, 1.0);
        let Plan { prompts, block, looks } = plan;
        let claimed = cheaper + dearer;
        let case =
            format!("{prompts} prompts in blocks of {block}, looks {looks}, windows {}", machine.windows);
        assert!(claimed <= TRIALS * 5 / 100, "{case}: {cheaper} cheaper, {dearer} dearer of {TRIALS}");
    }
}

/// A saving that pays is found all the same.
#[test]
fn a_real_saving_is_found() {
    for plan in [Plan { prompts: 40, block: 10, looks: true }, Plan { prompts: 40, block: 5, looks: true }] {
        let (cheaper, dearer) = claims(200, plan, SHARED, 0.8);
        assert!(cheaper >= 160 && dearer == 0, "{cheaper} cheaper, {dearer} dearer of 200");
    }
}
