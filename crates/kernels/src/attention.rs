//! Causal attention with grouped queries, <https://arxiv.org/abs/2305.13245>, and a softmax that is computed along the
//! way, <https://arxiv.org/abs/2205.14135>.
//!
//! Queries that share a key head are rows of one block, so that keys and values are read once for all of them. What a
//! query sees (the past, or a window of it) is a pair of bounds of loops; there is no mask.

mod block;

use std::ops::Range;

use block::{Block, Softmax, rows_at_once};

use crate::kv_cache::KvCache;
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

#[cfg(test)]
mod tests;
