//! Windows that are measured again, by seeded simulation of whole runs: a neighbor that comes and goes disturbs windows, and
//! what is measured in their place must claim no more than it may.

use infercost_analyzer::sequential::planned_looks;
use infercost_core::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::savings::{SHARED, claim, varied};
use crate::scenario::run_in_blocks;
use crate::{faster, full};

const PROMPTS: usize = 40;
const BLOCK: usize = 5;

/// A neighbor, by the share of windows that it disturbs; and how many windows may be measured again.
#[derive(Clone, Copy)]
struct Neighbor {
    disturbs: f64,
    budget: usize,
}

fn slower(chunk: ChunkArrival, factor: f64) -> ChunkArrival {
    ChunkArrival { at: chunk.at.mul_f64(factor), ..chunk }
}

/// Slows a window down, and says so as the machine would: another program took time, and threads waited.
fn disturb(window: &mut WindowRecord, random: &mut ChaCha8Rng) {
    let factor = random.random_range(1.3..3.0);
    let started_at = window.started_at;
    for inference in &mut window.inferences {
        let since = inference.issued_at.duration_since(started_at).unwrap();
        inference.issued_at = started_at + since.mul_f64(factor);
        if let Outcome::Completed { latency, arrivals, .. } = &mut inference.outcome {
            *latency = latency.mul_f64(factor);
            *arrivals = arrivals.iter().map(|chunk| slower(chunk, factor)).collect();
        }
    }
    window.wall_time = window.wall_time.mul_f64(factor);
    if let EnergyReading::Measured { energy, .. } = &mut window.energy {
        *energy = Watts::new(50.0) * window.wall_time;
    }
    window.interference = Some(Box::new(Interference {
        processors: Some(2),
        own: Some(window.wall_time),
        others: Some(window.wall_time.mul_f64(0.8)),
        queued: Some(window.wall_time.mul_f64(0.5)),
        ..Interference::default()
    }));
}

/// The same prompts again, under fresh repetitions.
fn again(window: &WindowRecord, index: u32) -> WindowRecord {
    let mut again = WindowRecord { remeasures: Some(window.id.index), ..window.clone() };
    again.id.index = index;
    again.inferences.iter_mut().for_each(|inference| inference.repetition += 1);
    again
}

/// A comparison beside that neighbor: up to two tries a window, while the budget lasts.
fn beside(neighbor: Neighbor, slowness: f64, random: &mut ChaCha8Rng) -> RunRecord {
    let mut record = run_in_blocks("r1", PROMPTS, BLOCK, &[full(), faster("other", slowness)]);
    record.header.looks = Some(planned_looks(PROMPTS, BLOCK, PROMPTS));

    let mut windows = Vec::new();
    let mut disturbed: Vec<u32> = Vec::new();
    let mut left = neighbor.budget;
    let mut next = 1000;
    for window in &record.windows {
        let mut window = window.clone();
        loop {
            let is_disturbed = random.random::<f64>() < neighbor.disturbs;
            windows.push(window.clone());
            if !is_disturbed {
                break;
            }
            disturbed.push(window.id.index);
            if left == 0 || window.inferences[0].repetition == 2 {
                break;
            }
            left -= 1;
            next += 1;
            window = again(&window, next);
        }
    }
    record.windows = windows;

    let mut record = varied(record, SHARED, random);
    for window in record.windows.iter_mut().filter(|window| disturbed.contains(&window.id.index)) {
        disturb(window, random);
    }
    record
}

/// Savings claimed, extra costs claimed, and half the median width of the interval, in points.
fn claims(trials: usize, neighbor: Neighbor, slowness: f64) -> (usize, usize, f64) {
    let mut random = ChaCha8Rng::seed_from_u64(23);
    let (mut cheaper, mut costlier, mut widths) = (0, 0, Vec::new());
    for _ in 0..trials {
        let Some(saving) = claim(&beside(neighbor, slowness, &mut random)) else { continue };
        cheaper += usize::from(saving.lower > 0.0);
        costlier += usize::from(saving.upper < 0.0);
        widths.push(50.0 * (saving.upper - saving.lower));
    }
    widths.sort_by(f64::total_cmp);
    (cheaper, costlier, widths.get(widths.len() / 2).copied().unwrap_or(f64::INFINITY))
}

const QUARTER: usize = 4;
const GONE: Neighbor = Neighbor { disturbs: 0.0, budget: QUARTER };
const COMES_AND_GOES: Neighbor = Neighbor { disturbs: 0.15, budget: QUARTER };
const UNANSWERED: Neighbor = Neighbor { disturbs: 0.15, budget: 0 };
const STAYS: Neighbor = Neighbor { disturbs: 1.0, budget: QUARTER };

/// The same model under two names, beside a neighbor that comes and goes, or stays.
#[test]
fn no_difference_is_claimed_beside_a_neighbor() {
    for (name, neighbor) in [("comes and goes", COMES_AND_GOES), ("unanswered", UNANSWERED), ("stays", STAYS)]
    {
        let (cheaper, costlier, _) = claims(400, neighbor, 1.0);
        // 5 % of 400 are 20, and 29 are two standard deviations more
        assert!(cheaper + costlier <= 29, "{name}: {cheaper} cheaper, {costlier} costlier of 400");
    }
}

/// Windows that are measured again give back most of what the neighbor took.
#[test]
fn measuring_again_narrows_the_interval() {
    let [gone, again, unanswered] =
        [GONE, COMES_AND_GOES, UNANSWERED].map(|neighbor| claims(100, neighbor, 0.8));
    assert!(
        again.2 < 0.7 * unanswered.2,
        "±{} after ±{}, ±{} without a neighbor",
        again.2,
        unanswered.2,
        gone.2
    );
    assert!(again.0 >= unanswered.0 && again.1 == 0, "{again:?} {unanswered:?}");
}

/// The table of docs/verdicts.md.
#[test]
#[ignore = "shows a table in its failure"]
fn the_table() {
    let mut lines = Vec::new();
    for (name, neighbor) in
        [("gone", GONE), ("comes and goes", COMES_AND_GOES), ("no budget", UNANSWERED), ("stays", STAYS)]
    {
        let none = claims(1_000, neighbor, 1.0);
        let some = claims(1_000, neighbor, 0.8);
        lines.push(format!(
            "{name}: claimed {} + {}, ±{:.1}; saving of 20 %: found {}, costlier {}, ±{:.1}",
            none.0, none.1, none.2, some.0, some.1, some.2
        ));
    }
    panic!("{}", lines.join("\n"));
}
