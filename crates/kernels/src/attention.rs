//! Causal attention with grouped queries, <https://arxiv.org/abs/2305.13245>, and a softmax that is computed along the
//! way, <https://arxiv.org/abs/2205.14135>.
//!
//! Queries that share a key head are rows of one block, so that keys and values are read once for all of them. What a
//! query sees (the past, or a window of it) is a pair of bounds of loops; there is no mask.

use std::ops::Range;

use crate::gate::tanh;
use crate::kv_cache::{Element, KEYS_PER_PANEL, KvCache, Numbers, Store};
use crate::lanes::{Lanes, exp, levels};
use crate::{Isa, Team};

/// Keys whose scores are held at once.
const KEYS_PER_BLOCK: usize = 64;

/// Most rows of a block, over all levels.
const MOST_ROWS: usize = 8;

/// Tokens of a piece of work in a pass over many.
const TOKENS_PER_PIECE: usize = 8;

/// Keys of a piece of work in a pass over one token.
const KEYS_PER_PIECE: usize = 256;

/// Multiplications below which starting other threads takes longer than it saves.
const SMALLEST_SHARED_WORK: usize = 150_000;

/// How a layer attends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Query heads; a multiple of the key heads.
    pub heads: usize,
    /// Factor on the product of a query and a key.
    pub scale: f32,
    /// `c` of `c · tanh(x / c)`, which scores go through.
    pub softcap: Option<f32>,
    /// A query sees itself and the `window - 1` tokens before it; `None` is no limit.
    pub window: Option<usize>,
}

/// Queries of the tokens of a pass, and where they stand.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    /// Rows that begin with the heads of a token.
    pub rows: &'a [f32],
    /// Numbers from one row to the next.
    pub stride: usize,
    /// Tokens.
    pub tokens: usize,
    /// Position of the first token; its key is in the cache at that place, as are all before it.
    pub first_position: usize,
}

/// Memory for the parts of one token's attention, kept from one call to the next.
#[derive(Default)]
pub struct AttentionParts {
    numbers: Vec<f32>,
}

/// What is seen so far by a row: the largest score, and the sum of exp(score − largest).
#[derive(Clone, Copy)]
struct Softmax {
    largest: f32,
    sum: f32,
}

const NOTHING_SEEN: Softmax = Softmax { largest: f32::NEG_INFINITY, sum: 0.0 };

/// Up to [`MOST_ROWS`] queries of one key head. The sums of a row's values, not yet divided, come one after the other.
struct Block<'a> {
    shape: &'a AttentionShape,
    queries: [*const f32; MOST_ROWS],
    /// What each row sees.
    seen: [Range<usize>; MOST_ROWS],
    rows: usize,
    /// The keys that are looked at.
    keys: Range<usize>,
    head_width: usize,
    value_stride: usize,
    softmax: [Softmax; MOST_ROWS],
}

/// A pointer to results that threads fill in parts.
struct Results(*mut f32);

// SAFETY: each piece of work writes its own part; see where it is used.
unsafe impl Sync for Results {}

impl Results {
    /// `length` results from `start` on.
    ///
    /// # Safety
    /// They exist, and nobody else uses them.
    #[allow(clippy::mut_from_ref, reason = "the caller promises that parts do not overlap")]
    unsafe fn part(&self, start: usize, length: usize) -> &mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), length) }
    }
}

impl Team {
    /// Attends with every query: row `t` of `output`, `heads · head_width` long, becomes the mixed values of token `t`.
    ///
    /// The bits of a result depend on positions alone, not on the number of threads.
    ///
    /// # Panics
    /// Shapes do not fit, or a token's place is beyond what the cache holds.
    pub fn attend(
        &mut self,
        isa: Isa,
        shape: &AttentionShape,
        queries: Queries<'_>,
        cache: &KvCache,
        parts: &mut AttentionParts,
        output: &mut [f32],
    ) {
        let width = shape.heads * cache.head_width();
        let tokens = queries.tokens;
        assert!(
            cache.kv_heads() > 0 && shape.heads.is_multiple_of(cache.kv_heads()),
            "whole groups of queries"
        );
        assert!(queries.stride >= width && output.len() == tokens * width, "rows of all heads");
        assert!(tokens == 0 || queries.rows.len() >= (tokens - 1) * queries.stride + width, "all queries");
        assert!(queries.first_position + tokens <= cache.capacity(), "keys of all tokens");

        match tokens {
            0 => {}
            1 => self.attend_one(isa, shape, queries, cache, parts, output),
            _ => self.attend_many(isa, shape, queries, cache, output),
        }
    }

    /// Many tokens: a piece of work is a few of them with one key head.
    fn attend_many(
        &mut self,
        isa: Isa,
        shape: &AttentionShape,
        queries: Queries<'_>,
        cache: &KvCache,
        output: &mut [f32],
    ) {
        let head_width = cache.head_width();
        let width = shape.heads * head_width;
        let group = shape.heads / cache.kv_heads();
        let stride = cache.value_stride();
        let runs = queries.tokens.div_ceil(TOKENS_PER_PIECE);
        let results = Results(output.as_mut_ptr());

        self.run(runs * cache.kv_heads(), &|piece, workspace| {
            // The last tokens see most: they come first, so that no long piece is left for the end.
            let run = runs - 1 - piece / cache.kv_heads();
            let kv_head = piece % cache.kv_heads();
            let first = run * TOKENS_PER_PIECE;
            let count = TOKENS_PER_PIECE.min(queries.tokens - first);
            if workspace.floats.len() < MOST_ROWS * stride {
                workspace.floats.resize(MOST_ROWS * stride, 0.0);
            }

            let rows_at_once = rows_at_once(isa);
            let mut done = 0;
            while done < count * group {
                let rows = rows_at_once.min(count * group - done);
                let place = |row: usize| {
                    let row = done + row;
                    (first + row / group, kv_head * group + row % group)
                };
                let mut block = Block::new(shape, queries, cache, rows, &place);
                let sums = &mut workspace.floats[..MOST_ROWS * stride];
                block.attend(isa, cache, kv_head, sums);

                for (row, sums) in sums.chunks_exact(stride).take(rows).enumerate() {
                    let (token, head) = place(row);
                    // SAFETY: the output holds all tokens and heads, and each is computed by one piece.
                    let result = unsafe { results.part(token * width + head * head_width, head_width) };
                    let sum = block.softmax[row].sum;
                    for (result, value) in result.iter_mut().zip(sums) {
                        *result = value / sum;
                    }
                }
                done += rows;
            }
        });
    }

    /// One token: a piece of work is a run of keys of one head, with as many queries as share it; the runs are joined
    /// afterwards.
    fn attend_one(
        &mut self,
        isa: Isa,
        shape: &AttentionShape,
        queries: Queries<'_>,
        cache: &KvCache,
        parts: &mut AttentionParts,
        output: &mut [f32],
    ) {
        let head_width = cache.head_width();
        let group = shape.heads / cache.kv_heads();
        let stride = cache.value_stride();
        let seen = seen(shape, queries.first_position);
        let first_run = seen.start / KEYS_PER_PIECE;
        let runs = seen.end.div_ceil(KEYS_PER_PIECE) - first_run;
        let rows_at_once = rows_at_once(isa);
        let blocks = group.div_ceil(rows_at_once);

        // A part is the sums of all rows of a head, then the largest score and the sum of each.
        let length = group * (stride + 2);
        let needed = cache.kv_heads() * runs * length;
        if parts.numbers.len() < needed {
            parts.numbers.resize(needed.next_power_of_two(), 0.0);
        }
        let results = Results(parts.numbers.as_mut_ptr());

        let work = |piece: usize, floats: &mut Vec<f32>| {
            let (run, kv_head) = (piece / cache.kv_heads(), piece % cache.kv_heads());
            let keys = (first_run + run) * KEYS_PER_PIECE..(first_run + run + 1) * KEYS_PER_PIECE;
            // SAFETY: the parts are long enough, and each belongs to one piece.
            let part = unsafe { results.part((kv_head * runs + run) * length, length) };
            let (all_sums, softmax) = part.split_at_mut(group * stride);
            if floats.len() < MOST_ROWS * stride {
                floats.resize(MOST_ROWS * stride, 0.0);
            }

            for number in 0..blocks {
                let first = number * rows_at_once;
                let rows = rows_at_once.min(group - first);
                let mut block =
                    Block::new(shape, queries, cache, rows, &|row| (0, kv_head * group + first + row));
                block.keys = block.keys.start.max(keys.start)..block.keys.end.min(keys.end);
                let sums = &mut floats[..MOST_ROWS * stride];
                block.attend(isa, cache, kv_head, sums);

                all_sums[first * stride..(first + rows) * stride].copy_from_slice(&sums[..rows * stride]);
                for (row, state) in block.softmax.iter().take(rows).enumerate() {
                    softmax[2 * (first + row)] = state.largest;
                    softmax[2 * (first + row) + 1] = state.sum;
                }
            }
        };

        let pieces = runs * cache.kv_heads();
        if shape.heads * seen.len() * head_width * 2 < SMALLEST_SHARED_WORK {
            for piece in 0..pieces {
                work(piece, &mut self.own_workspace().floats);
            }
        } else {
            self.run(pieces, &|piece, workspace| work(piece, &mut workspace.floats));
        }

        for (head, result) in output.chunks_exact_mut(head_width).enumerate() {
            let (kv_head, row) = (head / group, head % group);
            let runs = parts.numbers[kv_head * runs * length..].chunks_exact(length).take(runs);
            join(runs, group, stride, row, result);
        }
    }
}

/// Joins what was computed for runs of keys: with m the largest score of all, sums are weighted with exp(m_run − m).
fn join<'a>(
    parts: impl Iterator<Item = &'a [f32]> + Clone,
    group: usize,
    stride: usize,
    row: usize,
    result: &mut [f32],
) {
    let softmax = |part: &[f32]| Softmax {
        largest: part[group * stride + 2 * row],
        sum: part[group * stride + 2 * row + 1],
    };
    let largest = parts.clone().map(|part| softmax(part).largest).fold(f32::NEG_INFINITY, f32::max);

    let mut total = 0.0;
    result.fill(0.0);
    for part in parts {
        let state = softmax(part);
        // A run of which this query sees nothing has no largest score.
        if state.largest == f32::NEG_INFINITY && state.sum == 0.0 {
            continue;
        }
        let weight = (state.largest - largest).exp();
        total += weight * state.sum;
        for (result, value) in result.iter_mut().zip(&part[row * stride..]) {
            *result += weight * value;
        }
    }
    for result in result {
        *result /= total;
    }
}

/// The keys that a token sees.
fn seen(shape: &AttentionShape, position: usize) -> Range<usize> {
    let end = position + 1;
    end.saturating_sub(shape.window.unwrap_or(end))..end
}

/// Rows that a level keeps in registers.
fn rows_at_once(isa: Isa) -> usize {
    match crate::lanes::runnable(isa) {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => crate::lanes::Lanes16::ROWS,
        _ => crate::lanes::PortableLanes::ROWS,
    }
}

impl<'a> Block<'a> {
    /// The rows whose tokens and heads `place` names.
    fn new(
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
            keys: usize::MAX..0,
            head_width: cache.head_width(),
            value_stride: cache.value_stride(),
            softmax: [NOTHING_SEEN; MOST_ROWS],
        };

        for row in 0..rows {
            let (token, head) = place(row);
            let start = token * queries.stride + head * cache.head_width();
            block.queries[row] = queries.rows[start..start + cache.head_width()].as_ptr();
            block.seen[row] = seen(shape, queries.first_position + token);
            block.keys.start = block.keys.start.min(block.seen[row].start);
            block.keys.end = block.keys.end.max(block.seen[row].end);
        }
        block
    }

    /// Fills `sums` with the weighted values of each row, and `softmax` with what divides them.
    fn attend(&mut self, isa: Isa, cache: &KvCache, kv_head: usize, sums: &mut [f32]) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CacheType;

    struct Case {
        heads: usize,
        kv_heads: usize,
        width: usize,
        cached: usize,
        tokens: usize,
        window: Option<usize>,
        softcap: Option<f32>,
    }

    fn noise(seed: usize, length: usize) -> Vec<f32> {
        (0..length).map(|i| (((i + seed) * 2_654_435_761) % 10_007) as f32 / 5003.5 - 1.0).collect()
    }

    /// Attention in double precision, from rows of keys and values.
    fn expected(case: &Case, q: &[f32], k: &[f32], v: &[f32], scale: f32) -> Vec<f64> {
        let (width, group) = (case.width, case.heads / case.kv_heads);
        let mut output = Vec::new();
        for token in 0..case.tokens {
            for head in 0..case.heads {
                let position = case.cached + token;
                let first = (position + 1).saturating_sub(case.window.unwrap_or(usize::MAX));
                let row = |rows: &[f32], key: usize| -> Vec<f64> {
                    let start = (key * case.kv_heads + head / group) * width;
                    rows[start..start + width].iter().map(|x| f64::from(*x)).collect()
                };
                let query = &q[(token * case.heads + head) * width..][..width];
                let scores: Vec<f64> = (first..=position)
                    .map(|key| {
                        let dot: f64 = query.iter().zip(row(k, key)).map(|(a, b)| f64::from(*a) * b).sum();
                        let score = dot * f64::from(scale);
                        case.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
                    })
                    .collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
                let mut mixed = vec![0.0; width];
                for (key, score) in (first..=position).zip(&scores) {
                    for (mixed, value) in mixed.iter_mut().zip(row(v, key)) {
                        *mixed += (score - largest).exp() / total * value;
                    }
                }
                output.extend(mixed);
            }
        }
        output
    }

    fn check(case: &Case) {
        let total = case.cached + case.tokens;
        let row = case.kv_heads * case.width;
        let (mut k, mut v) = (noise(1, total * row), noise(2, total * row));
        // Numbers that half precision holds, so that both types of cache hold the same.
        for number in k.iter_mut().chain(&mut v) {
            *number = half::f16::from_f32(*number * 2.0).to_f32();
        }
        let q = noise(3, case.tokens * case.heads * case.width);
        let scale = 0.7;
        let wanted = expected(case, &q, &k, &v, scale);

        let shape = AttentionShape { heads: case.heads, scale, softcap: case.softcap, window: case.window };
        let queries = Queries {
            rows: &q,
            stride: case.heads * case.width,
            tokens: case.tokens,
            first_position: case.cached,
        };
        for isa in Isa::available() {
            for cache_type in [CacheType::F32, CacheType::F16] {
                let mut cache = KvCache::new(cache_type, case.kv_heads, case.width);
                for token in 0..total {
                    // In steps, so that growing is part of the test.
                    cache.reserve(token + 1, token, 100_000);
                    cache.write(token, &k[token * row..][..row], &v[token * row..][..row]);
                }
                let mut first_bits: Option<Vec<u32>> = None;
                for threads in [1, 3] {
                    let mut team = Team::new(threads).unwrap();
                    let mut output = vec![f32::NAN; wanted.len()];
                    let mut parts = AttentionParts::default();
                    team.attend(isa, &shape, queries, &cache, &mut parts, &mut output);
                    for (found, wanted) in output.iter().zip(&wanted) {
                        let error = (f64::from(*found) - wanted).abs();
                        assert!(error < 1e-4, "{isa:?} {cache_type:?}: {found}, not {wanted}");
                    }
                    let bits = output.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    assert_eq!(
                        *first_bits.get_or_insert(bits.clone()),
                        bits,
                        "the same bits at any number of threads"
                    );
                }
            }
        }
    }

    #[test]
    fn attention_is_that_of_double_precision() {
        let usual =
            Case { heads: 9, kv_heads: 3, width: 64, cached: 0, tokens: 1, window: None, softcap: None };
        for cached in [0, 1, 15, 16, 63, 64, 300, 700] {
            check(&Case { cached, ..usual });
        }
        for tokens in [2, 7, 8, 9, 65] {
            check(&Case { tokens, ..usual });
            check(&Case { tokens, cached: 71, ..usual });
        }
    }

    #[test]
    fn heads_of_any_width_and_number() {
        for width in [1, 8, 20, 48, 80, 256] {
            for (heads, kv_heads) in [(1, 1), (4, 1), (7, 1), (10, 2), (11, 1)] {
                for tokens in [1, 5] {
                    check(&Case { heads, kv_heads, width, cached: 20, tokens, window: None, softcap: None });
                }
            }
        }
    }

    #[test]
    fn windows_end_where_they_should() {
        for window in [1, 2, 16, 17, 100, 1000] {
            for (cached, tokens) in [(0, 40), (90, 1), (300, 1), (290, 20)] {
                let window = Some(window);
                check(&Case { heads: 4, kv_heads: 2, width: 32, cached, tokens, window, softcap: None });
            }
        }
    }

    #[test]
    fn scores_are_capped() {
        for (cached, tokens) in [(0, 30), (300, 1)] {
            let softcap = Some(1.5);
            check(&Case { heads: 4, kv_heads: 2, width: 32, cached, tokens, window: Some(77), softcap });
        }
    }

    #[test]
    fn damage_stays_visible() {
        for isa in Isa::available() {
            let mut cache = KvCache::new(CacheType::F32, 1, 16);
            cache.reserve(40, 0, 40);
            for token in 0..40 {
                let key = if token == 20 { f32::NAN } else { 1.0 };
                cache.write(token, &[key; 16], &[1.0; 16]);
            }
            let shape = AttentionShape { heads: 1, scale: 1.0, softcap: None, window: None };
            let mut output = [0.0; 16];
            let queries = Queries { rows: &[1.0; 16], stride: 16, tokens: 1, first_position: 39 };
            let mut team = Team::new(1).unwrap();
            team.attend(isa, &shape, queries, &cache, &mut AttentionParts::default(), &mut output);
            assert!(output.iter().all(|value| value.is_nan()), "{isa:?}: {output:?}");
        }
    }
}
