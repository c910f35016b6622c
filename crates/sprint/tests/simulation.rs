//! How often a sprint finds what is planted, and how often it claims what is not there. docs/optimize.md holds the table
//! of the longer simulation (`cargo run --release -p infercost-sprint --example simulate`).

mod world;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use world::{Tally, World, normal, worlds};

/// Sprints in each world: enough to tell an error rate of 5 % from one of 15 %.
const SPRINTS: u32 = 60;

/// The most claims of `of` that an error rate of 5 % gives by chance, at two standard deviations.
fn most(of: u32) -> u32 {
    let expected = 0.05 * f64::from(of);
    (expected + 2.0 * (expected * 0.95).sqrt()).ceil() as u32
}

#[test]
fn a_sprint_finds_what_is_planted_and_claims_nothing_else() {
    for world in worlds() {
        let tally = world.tally(SPRINTS);
        let Tally { found, false_claims, bad_claims, interval_misses, unsettled, visits, grid } = tally;
        let best = world.savings.iter().copied().fold(0.0, f64::max);
        let name = world.name;
        assert!(false_claims <= most(SPRINTS), "{name}: {false_claims} false claims");
        assert_eq!(bad_claims, 0, "{name}");
        assert!(interval_misses <= 2 * most(SPRINTS), "{name}: {interval_misses} intervals miss the truth");
        if best >= 0.15 && world.noise < 0.05 {
            assert!(
                f64::from(found) >= 0.9 * f64::from(SPRINTS),
                "{name}: found {found}, {unsettled} not settled"
            );
        }
        // a third of the grid where there is something to find, though all that confirms it is counted
        if best >= 0.2 && world.noise < 0.05 && !world.outliers {
            assert!(visits * 3 <= grid, "{name}: {visits} of {grid}");
        }
    }
}

/// The test above sees a race that decides on too little: this one takes the first winner without a fresh pair.
#[test]
fn the_winner_of_a_race_alone_would_claim_too_much() {
    let world = worlds().into_iter().find(|world| world.noise > 0.05);
    let optimistic = world.map_or(0, |world| best_of_one_round(&world, SPRINTS));
    assert!(optimistic > most(SPRINTS), "{optimistic}");
}

/// How often the setting that looks best after one measurement each seems to save a tenth.
fn best_of_one_round(world: &World, rounds: u32) -> u32 {
    let mut claims = 0;
    for seed in 0..u64::from(rounds) {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let present = world.noise * normal(&mut chance);
        let mut best = f64::INFINITY;
        for saving in &world.savings {
            best = best.min((1.0 - saving).ln() + world.noise * normal(&mut chance));
        }
        claims += u32::from(1.0 - (best - present).exp() >= 0.1);
    }
    claims
}
