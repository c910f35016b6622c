//! In which order variants take turns.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The order of `variants` variants in the given block: a seeded shuffle in even blocks, and its mirror image in
/// the odd block that follows (A B … B A), so that slow drift of heat and neighbors cancels over each pair.
pub fn turn_order(variants: usize, block: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..variants).collect();
    let pair = u64::try_from(block / 2).unwrap_or(u64::MAX);
    order
        .shuffle(&mut ChaCha8Rng::seed_from_u64(seed.wrapping_add(pair.wrapping_mul(0x9E37_79B9_7F4A_7C15))));
    if block % 2 == 1 {
        order.reverse();
    }
    order
}

/// A seeded choice of `count` of `total` items, in a seeded order. The whole in its own order where `count`
/// covers it.
pub fn choose(total: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut items: Vec<usize> = (0..total).collect();
    if count < total {
        items.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        items.truncate(count);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_blocks_mirror_each_other() {
        for seed in 0..20 {
            let mut mirrored = turn_order(4, 6, seed);
            mirrored.reverse();
            assert_eq!(mirrored, turn_order(4, 7, seed));
        }
        assert!((0..20).any(|pair| turn_order(4, 2 * pair, 1) != turn_order(4, 0, 1)), "never shuffled");
    }

    #[test]
    fn a_choice_is_seeded_and_distinct() {
        let mut chosen = choose(100, 40, 7);
        assert_eq!(chosen, choose(100, 40, 7));
        assert_ne!(chosen, choose(100, 40, 8));
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 40);
        assert_eq!(choose(3, 5, 7), [0, 1, 2]);
    }
}
