//! In which order variants take turns.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
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

/// What is known of a prompt before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its kind; empty where it has none.
    pub kind: &'a str,
    /// How long it is, in any unit that is the same for all.
    pub length: usize,
}

/// A seeded choice of `count` items, in a seeded order. The whole in its own order where `count` covers it.
///
/// Every item is as likely as every other. The choice has each kind, and long and short ones of it, in the shares that
/// the whole has: items stand sorted by kind and length, the list is cut into `count` equal cells, and one item is drawn
/// from each (Cochran, *Sampling Techniques*, 3rd ed. 1977, section 8.4, stratified with one unit a stratum). Any stretch
/// of the order is spread over that list as well (van der Corput's sequence), so that a block of prompts, and all that
/// came before a look, is a small picture of the whole.
pub fn choose(items: &[Item<'_>], count: usize, seed: u64) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..items.len()).collect();
    if count >= items.len() {
        return sorted;
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);

    // Shuffled first, so that items alike come in no order of their own.
    sorted.shuffle(&mut random);
    sorted.sort_by_key(|index| items.get(*index).map(|item| (item.kind, item.length)));

    let cell = items.len() as f64 / count.max(1) as f64;
    let mut taken = vec![false; items.len()];
    let mut drawn = Vec::with_capacity(count);
    for number in 0..count {
        let place = (number as f64 + random.random_range(0.0..1.0)) * cell;

        // An item on the edge of two cells may have been drawn already: then its neighbor is.
        let mut place = (place as usize).min(items.len() - 1);
        while taken.get(place).copied().unwrap_or(false) {
            place = (place + 1) % items.len();
        }
        if let (Some(slot), Some(index)) = (taken.get_mut(place), sorted.get(place)) {
            *slot = true;
            drawn.push(*index);
        }
    }

    let shift = random.random_range(0..count.max(1));
    let mut order = Vec::with_capacity(count);
    for place in spread(count) {
        order.extend(drawn.get((place + shift) % count.max(1)).copied());
    }
    order
}

/// The places below `count` in such an order that each stretch of it covers them evenly: bits reversed.
fn spread(count: usize) -> Vec<usize> {
    let bits = count.next_power_of_two().trailing_zeros();
    let mut places = Vec::with_capacity(count);
    for number in 0..count.next_power_of_two() {
        let place = if bits == 0 { 0 } else { number.reverse_bits() >> (usize::BITS - bits) };
        if place < count {
            places.push(place);
        }
    }
    places
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

    fn chosen(items: &[Item<'_>], count: usize, seed: u64) -> Vec<usize> {
        let mut chosen = choose(items, count, seed);
        assert_eq!(chosen.len(), count.min(items.len()));
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), count.min(items.len()), "an item was chosen twice");
        chosen
    }

    /// Items of three kinds, in the shares 50, 30 and 20 %, each of every length.
    fn items(count: usize) -> Vec<Item<'static>> {
        let kind = |index: usize| match index % 10 {
            0..5 => "fact",
            5..8 => "letter",
            _ => "label",
        };
        (0..count).map(|index| Item { kind: kind(index), length: (index * 37) % 101 }).collect()
    }

    #[test]
    fn a_choice_is_seeded_and_distinct() {
        let items = items(100);
        assert_eq!(choose(&items, 40, 7), choose(&items, 40, 7));
        assert_ne!(chosen(&items, 40, 7), chosen(&items, 40, 8));
        for count in [1, 2, 39, 64, 99] {
            chosen(&items, count, 7);
        }
        assert_eq!(choose(&items[..3], 5, 7), [0, 1, 2]);
        assert_eq!(choose(&[], 5, 7), [0; 0]);
    }

    #[test]
    fn each_item_is_as_likely_as_every_other() {
        let items = items(30);
        let mut times = vec![0_u32; items.len()];
        for seed in 0..3000 {
            choose(&items, 7, seed).into_iter().for_each(|index| times[index] += 1);
        }
        // 700 each on average, with a standard deviation of 23
        assert!(times.iter().all(|times| (600..800).contains(times)), "{times:?}");
    }

    /// The choice, and each half of it, has every kind in its share, and its lengths.
    #[test]
    fn a_part_is_a_small_picture_of_the_whole() {
        let items = items(300);
        for seed in 0..20 {
            let chosen = choose(&items, 40, seed);
            for part in [&chosen[..], &chosen[..20], &chosen[20..]] {
                let of = |kind: &str| {
                    part.iter().filter(|index| items[**index].kind == kind).count() * 40 / part.len()
                };
                for (kind, wanted) in [("fact", 20_usize), ("letter", 12), ("label", 8)] {
                    assert!(of(kind).abs_diff(wanted) <= 4, "seed {seed}: {} of {kind}", of(kind));
                }
                let length: usize = part.iter().map(|index| items[*index].length).sum();
                let mean = length as f64 / part.len() as f64;
                assert!((mean - 50.0).abs() < 10.0, "seed {seed}: mean length {mean}");
            }
        }
    }
}
