//! A block of queries that share a key head: scores, softmax and weighted sums, level by level.

use std::ops::Range;

use super::{AttentionShape, KEYS_PER_BLOCK, MOST_ROWS, Queries, seen};
use crate::Isa;
use crate::gate::tanh;
use crate::kv_cache::{Element, KEYS_PER_PANEL, KvCache, Numbers, Store};
use crate::lanes::{Lanes, exp, levels};

/// What is seen so far by a row: the largest score, and the sum of exp(score − largest).
#[derive(Clone, Copy)]
pub(super) struct Softmax {
    pub(super) largest: f32,
    pub(super) sum: f32,
}

const NOTHING_SEEN: Softmax = Softmax { largest: f32::NEG_INFINITY, sum: 0.0 };

/// Up to [`MOST_ROWS`] queries of one key head. The sums of a row's values, not yet divided, come one after the other.
pub(super) struct Block<'a> {
    pub(super) shape: &'a AttentionShape,
    pub(super) queries: [*const f32; MOST_ROWS],
    /// What each row sees.
    pub(super) seen: [Range<usize>; MOST_ROWS],
    pub(super) rows: usize,
    /// The keys that are looked at.
    pub(super) keys: Range<usize>,
    pub(super) head_width: usize,
    pub(super) value_stride: usize,
    pub(super) softmax: [Softmax; MOST_ROWS],
}

/// Rows that a level keeps in registers.
pub(super) fn rows_at_once(isa: Isa) -> usize {
    match crate::lanes::runnable(isa) {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => crate::lanes::Lanes16::ROWS,
        _ => crate::lanes::PortableLanes::ROWS,
    }
}

impl<'a> Block<'a> {
    /// The rows whose tokens and heads `place` names.
    pub(super) fn new(
        shape: &'a AttentionShape,
        queries: Queries<'a>,
        cache: &KvCache,
        rows: usize,
        place: &dyn Fn(usize) -> (usize, usize),
    ) -> Self {
        let mut block = Self {
            shape,
            queries: [queries.rows.as_ptr(); MOST_ROWS],
            seen: std::array::from_fn(|_| 0..0),
            rows,
            keys: 0..0,
            head_width: cache.head_width(),
            value_stride: cache.value_stride(),
            softmax: [NOTHING_SEEN; MOST_ROWS],
        };

        for row in 0..rows {
            let (token, head) = place(row);
            let start = token * queries.stride + head * cache.head_width();
            block.queries[row] = queries.rows[start..start + cache.head_width()].as_ptr();
            block.seen[row] = seen(shape, queries.first_position + token);
        }

        let seen = &block.seen[..rows];
        let first = seen.iter().map(|seen| seen.start).min().unwrap_or(0);
        let end = seen.iter().map(|seen| seen.end).max().unwrap_or(0);
        block.keys = first..end;
        block
    }

    /// Fills `sums` with the weighted values of each row, and `softmax` with what divides them.
    pub(super) fn attend(&mut self, isa: Isa, cache: &KvCache, kv_head: usize, sums: &mut [f32]) {
        assert!(self.keys.end <= cache.capacity(), "keys that there are");
        assert!(sums.len() >= self.rows * self.value_stride, "room for the sums");
        sums[..self.rows * self.value_stride].fill(0.0);

        match &cache.store {
            Store::F32(numbers) => attend_f32(isa, self, cache, numbers, kv_head, sums),
            Store::F16(numbers) => attend_f16(isa, self, cache, numbers, kv_head, sums),
        }
    }
}

levels! {
    fn attend_f32(
        block: &mut Block<'_>,
        cache: &KvCache,
        numbers: &Numbers<f32>,
        kv_head: usize,
        sums: &mut [f32],
    ) = attend_f32_with
}

levels! {
    fn attend_f16(
        block: &mut Block<'_>,
        cache: &KvCache,
        numbers: &Numbers<u16>,
        kv_head: usize,
        sums: &mut [f32],
    ) = attend_f16_with
}

#[inline(always)]
fn attend_f32_with<L: Lanes>(
    block: &mut Block<'_>,
    cache: &KvCache,
    numbers: &Numbers<f32>,
    kv_head: usize,
    sums: &mut [f32],
) {
    attend_rows::<L, f32>(block, numbers.keys(cache, kv_head), numbers.values(cache, kv_head), sums);
}

#[inline(always)]
fn attend_f16_with<L: Lanes>(
    block: &mut Block<'_>,
    cache: &KvCache,
    numbers: &Numbers<u16>,
    kv_head: usize,
    sums: &mut [f32],
) {
    attend_rows::<L, u16>(block, numbers.keys(cache, kv_head), numbers.values(cache, kv_head), sums);
}

/// Chooses the code for the number of rows.
#[inline(always)]
fn attend_rows<L: Lanes, E: Element>(block: &mut Block<'_>, keys: &[E], values: &[E], sums: &mut [f32]) {
    match block.rows {
        1 => attend_some::<L, E, 1>(block, keys, values, sums),
        2 => attend_some::<L, E, 2>(block, keys, values, sums),
        3 => attend_some::<L, E, 3>(block, keys, values, sums),
        4 => attend_some::<L, E, 4>(block, keys, values, sums),
        _ if L::ROWS <= 4 => unreachable!("no more rows than the level keeps"),
        // Rows that there are not see nothing; code for every number would double the time to compile.
        _ => attend_some::<L, E, 8>(block, keys, values, sums),
    }
}

#[inline(always)]
fn attend_some<L: Lanes, E: Element, const R: usize>(
    block: &mut Block<'_>,
    keys: &[E],
    values: &[E],
    sums: &mut [f32],
) {
    let mut scores = [[0.0_f32; KEYS_PER_BLOCK]; R];
    let mut start = block.keys.start / KEYS_PER_PANEL * KEYS_PER_PANEL;

    while start < block.keys.end {
        let end = (start + KEYS_PER_BLOCK).min(block.keys.end);

        score::<L, E, R>(block, keys, start, end, &mut scores);
        for (row, scores) in scores.iter_mut().enumerate() {
            let seen = block.seen[row].start.max(block.keys.start)..block.seen[row].end.min(block.keys.end);
            weigh::<L>(block.shape, &seen, start, scores, &mut block.softmax[row], |factor| {
                let row = row * block.value_stride;
                rescale::<L>(&mut sums[row..row + block.value_stride], factor);
            });
        }
        mix::<L, E, R>(block, values, start.max(block.keys.start)..end, start, &scores, sums);

        start += KEYS_PER_BLOCK;
    }
}

/// Products of the rows with the keys from `start` to at least `end`, by whole panels.
#[inline(always)]
fn score<L: Lanes, E: Element, const R: usize>(
    block: &Block<'_>,
    keys: &[E],
    start: usize,
    end: usize,
    scores: &mut [[f32; KEYS_PER_BLOCK]; R],
) {
    let width = block.head_width;
    let panels = (end - start).div_ceil(KEYS_PER_PANEL);
    assert!((start + panels * KEYS_PER_PANEL) * width <= keys.len(), "whole panels of keys");
    let keys = keys[start * width..].as_ptr();

    let mut panel = 0;
    // Two panels at a time where there are two: each element of a query is spread over a vector once for both.
    while panel + 2 <= panels && L::COUNT == KEYS_PER_PANEL {
        let mut products = [[L::splat(0.0); 2]; R];
        for element in 0..width {
            // SAFETY: both panels lie inside the keys, as was asserted; rows are `width` long.
            unsafe {
                let place = keys.add((panel * width + element) * KEYS_PER_PANEL);
                let first = E::load::<L>(place);
                let second = E::load::<L>(place.add(width * KEYS_PER_PANEL));
                for (row, products) in products.iter_mut().enumerate() {
                    let query = L::splat(*block.queries[row].add(element));
                    products[0] = query.mul_add(first, products[0]);
                    products[1] = query.mul_add(second, products[1]);
                }
            }
        }
        for (products, scores) in products.iter().zip(scores.iter_mut()) {
            for (i, product) in products.iter().enumerate() {
                // SAFETY: a block of scores holds every panel.
                unsafe { product.store(scores[(panel + i) * KEYS_PER_PANEL..].as_mut_ptr()) };
            }
        }
        panel += 2;
    }

    while panel < panels {
        let mut part = 0;
        while part < KEYS_PER_PANEL {
            let mut products = [L::splat(0.0); R];
            for element in 0..width {
                // SAFETY: as above.
                unsafe {
                    let place = keys.add((panel * width + element) * KEYS_PER_PANEL + part);
                    let key = E::load::<L>(place);
                    for (row, product) in products.iter_mut().enumerate() {
                        *product = L::splat(*block.queries[row].add(element)).mul_add(key, *product);
                    }
                }
            }
            for (product, scores) in products.iter().zip(scores.iter_mut()) {
                // SAFETY: as above.
                unsafe { product.store(scores[panel * KEYS_PER_PANEL + part..].as_mut_ptr()) };
            }
            part += L::COUNT;
        }
        panel += 1;
    }
}

/// Turns the scores of one row into weights exp(score − largest), and brings what was summed before to the same base.
#[inline(always)]
fn weigh<L: Lanes>(
    shape: &AttentionShape,
    seen: &Range<usize>,
    start: usize,
    scores: &mut [f32; KEYS_PER_BLOCK],
    softmax: &mut Softmax,
    rescale: impl FnOnce(f32),
) {
    // What the row does not see has no weight.
    let visible = seen.start.saturating_sub(start).min(KEYS_PER_BLOCK)
        ..seen.end.saturating_sub(start).min(KEYS_PER_BLOCK);
    if visible.is_empty() {
        scores.fill(0.0);
        return;
    }
    scores[..visible.start].fill(f32::NEG_INFINITY);
    scores[visible.end..].fill(f32::NEG_INFINITY);

    let scale = L::splat(shape.scale);
    let mut largest = L::splat(f32::NEG_INFINITY);
    for chunk in scores.chunks_exact_mut(L::COUNT) {
        // SAFETY: the chunk is as long as a vector.
        unsafe {
            let mut score = L::load(chunk.as_ptr()).mul(scale);
            if let Some(cap) = shape.softcap {
                score = tanh(score.mul(L::splat(1.0 / cap))).mul(L::splat(cap));
            }
            score.store(chunk.as_mut_ptr());
        }
    }
    if shape.softcap.is_some() {
        // The cap has made finite numbers of what is not seen.
        scores[..visible.start].fill(f32::NEG_INFINITY);
        scores[visible.end..].fill(f32::NEG_INFINITY);
    }
    for chunk in scores.chunks_exact(L::COUNT) {
        // SAFETY: as above.
        largest = unsafe { L::load(chunk.as_ptr()) }.max(largest);
    }

    let largest = largest.largest().max(softmax.largest);
    if largest > softmax.largest && softmax.largest > f32::NEG_INFINITY {
        let factor = (softmax.largest - largest).exp();
        softmax.sum *= factor;
        rescale(factor);
    }
    softmax.largest = largest;

    let mut sum = L::splat(0.0);
    for chunk in scores.chunks_exact_mut(L::COUNT) {
        // SAFETY: as above.
        unsafe {
            let weight = exp(L::load(chunk.as_ptr()).sub(L::splat(largest)));
            sum = sum.add(weight);
            weight.store(chunk.as_mut_ptr());
        }
    }
    softmax.sum += sum.sum();
}

#[inline(always)]
fn rescale<L: Lanes>(sums: &mut [f32], factor: f32) {
    for sum in sums {
        *sum *= factor;
    }
}

/// Adds the values of some keys, weighted, to the sums of each row.
#[inline(always)]
fn mix<L: Lanes, E: Element, const R: usize>(
    block: &Block<'_>,
    values: &[E],
    keys: Range<usize>,
    start: usize,
    weights: &[[f32; KEYS_PER_BLOCK]; R],
    sums: &mut [f32],
) {
    let stride = block.value_stride;
    assert!(
        keys.end * stride <= values.len() && R * stride <= sums.len(),
        "values of all keys, sums of all rows"
    );
    assert!(keys.start >= start && keys.end - start <= KEYS_PER_BLOCK, "weights of all keys");

    // As many vectors of a value at once as leave room for the rows in the registers.
    let mut column = 0;
    while column < stride {
        if R <= 4 && L::ROWS > 4 && stride - column >= 4 * L::COUNT {
            mix_columns::<L, E, R, 4>(stride, values, keys.clone(), start, weights, sums, column);
            column += 4 * L::COUNT;
        } else if stride - column >= 2 * L::COUNT {
            mix_columns::<L, E, R, 2>(stride, values, keys.clone(), start, weights, sums, column);
            column += 2 * L::COUNT;
        } else {
            mix_columns::<L, E, R, 1>(stride, values, keys.clone(), start, weights, sums, column);
            column += L::COUNT;
        }
    }
}

#[inline(always)]
fn mix_columns<L: Lanes, E: Element, const R: usize, const C: usize>(
    stride: usize,
    values: &[E],
    keys: Range<usize>,
    start: usize,
    weights: &[[f32; KEYS_PER_BLOCK]; R],
    sums: &mut [f32],
    column: usize,
) {
    // SAFETY: `mix` has asserted that sums and values hold these rows and columns; the stride is a multiple of a vector.
    unsafe {
        let mut mixed = [[L::splat(0.0); C]; R];
        for (row, mixed) in mixed.iter_mut().enumerate() {
            for (i, mixed) in mixed.iter_mut().enumerate() {
                *mixed = L::load(sums.as_ptr().add(row * stride + column + i * L::COUNT));
            }
        }

        for key in keys {
            let place = values.as_ptr().add(key * stride + column);
            let value: [L; C] = std::array::from_fn(|i| E::load::<L>(place.add(i * L::COUNT)));
            for (mixed, weights) in mixed.iter_mut().zip(weights) {
                let weight = L::splat(*weights.get_unchecked(key - start));
                for (mixed, value) in mixed.iter_mut().zip(value) {
                    *mixed = weight.mul_add(value, *mixed);
                }
            }
        }

        for (row, mixed) in mixed.iter().enumerate() {
            for (i, mixed) in mixed.iter().enumerate() {
                mixed.store(sums.as_mut_ptr().add(row * stride + column + i * L::COUNT));
            }
        }
    }
}
