//! Phases of a forward pass: what a team does with the rows of many tokens, each function one phase.
//!
//! With a single token, everything but the products is done by the caller alone: it is a microsecond's work, and
//! starting the other threads takes as long.

use std::ops::Range;

use crate::team::Workspace;
use crate::{Inputs, KvCache, Output, PackedMatrix, Projection, Team};

/// Weights that a member multiplies with at least before it claims the next piece.
const BYTES_PER_PIECE: usize = 16 * 1024;

/// Pieces for each thread, so that no thread waits long for the last piece.
const PIECES_PER_THREAD: usize = 8;

/// Most tokens with which a product is bound by reading its weights.
const FEW_TOKENS: usize = 4;

/// Panels that stay together with few tokens.
const PANELS_OF_FEW: usize = 2;

/// Panels of a piece with many tokens: kernels unpack two or three at a time.
const PANELS_OF_MANY: usize = 6;

/// Tokens of a piece of work that goes through rows.
const TOKENS_PER_PIECE: usize = 4;

/// Where the keys and the values of a token lie in its row.
pub struct KeyAndValue {
    /// Keys of all heads.
    pub key: Range<usize>,
    /// Values of all heads.
    pub value: Range<usize>,
}

/// Rows of memory that members of a team fill, each its own.
struct Rows {
    start: *mut f32,
    width: usize,
}

// SAFETY: each row is used by one piece of work; see where it is used.
unsafe impl Sync for Rows {}

impl Rows {
    fn new(memory: &mut [f32], width: usize, rows: usize) -> Self {
        let needed = rows.checked_mul(width);
        assert!(needed.is_some_and(|needed| needed <= memory.len()), "memory of all rows");
        Self { start: memory.as_mut_ptr(), width }
    }

    /// A row.
    ///
    /// # Safety
    /// It is one of the rows, and nobody else uses it.
    #[allow(clippy::mut_from_ref, reason = "the caller promises that rows are not shared")]
    unsafe fn row(&self, index: usize) -> &mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(index * self.width), self.width) }
    }
}

impl Team {
    /// Multiplies the first `tokens` tokens of the input: row `i` of `result`, as long as the projection has rows,
    /// becomes the product with token `i`.
    ///
    /// # Panics
    /// The input lacks a form that the projection takes, or shapes do not fit.
    pub fn multiply(&mut self, projection: &Projection, inputs: &Inputs, tokens: usize, result: &mut [f32]) {
        let result = Output::new(result, projection.rows(), 0);
        let threads = self.threads();
        let pieces =
            projection.parts().iter().map(|part| Cut::new(&part.matrix, tokens, threads).pieces).sum();

        self.run(pieces, &|piece, workspace| {
            let mut piece = piece;
            for part in projection.parts() {
                let matrix = &*part.matrix;
                let cut = Cut::new(matrix, tokens, threads);
                if piece >= cut.pieces {
                    piece -= cut.pieces;
                    continue;
                }

                let Some(input) = inputs.of_form(part.form) else {
                    panic!("inputs in the form of the weights")
                };
                // SAFETY: the parts of a projection lie side by side, and so do the panels of its pieces.
                unsafe {
                    let result = result.at_column(part.column);
                    let scratch = &mut workspace.matmul;
                    matrix.multiply_panels(input, 0..tokens, cut.panels(piece), &result, scratch);
                }
                return;
            }
        });
    }

    /// Computes the input of a projection, token by token: `compute` gets the number of a token, its row of `rows`, which
    /// it may change, and the row that it fills, as long as the input.
    ///
    /// # Panics
    /// `rows` is shorter than `tokens` rows of `width`, or the input has no room for the tokens.
    pub fn fill<F>(
        &mut self,
        projection: &Projection,
        inputs: &mut Inputs,
        tokens: usize,
        rows: &mut [f32],
        width: usize,
        compute: F,
    ) where
        F: Fn(usize, &mut [f32], &mut [f32]) + Sync,
    {
        let rows = Rows::new(rows, width, tokens);
        let inputs = &*inputs;
        let columns = inputs.columns();

        self.for_tokens(tokens, &|token, workspace| {
            if workspace.floats.len() < columns {
                workspace.floats.resize(columns, 0.0);
            }
            let computed = &mut workspace.floats[..columns];
            // SAFETY: there are `tokens` rows, and each token is computed by one piece.
            compute(token, unsafe { rows.row(token) }, computed);

            for input in inputs.forms().iter().filter(|input| projection.takes(input.form())) {
                // SAFETY: `&mut` excludes others, and each token is filled by one piece.
                unsafe { input.fill_shared(token, computed) };
            }
        });
    }

    /// Changes rows, token by token: `change` gets the number of a token, its row, and a row as long of anything.
    ///
    /// # Panics
    /// `rows` is shorter than `tokens` rows of `width`.
    pub fn change<F>(&mut self, tokens: usize, rows: &mut [f32], width: usize, change: F)
    where
        F: Fn(usize, &mut [f32], &mut [f32]) + Sync,
    {
        let rows = Rows::new(rows, width, tokens);
        self.for_tokens(tokens, &|token, workspace| {
            if workspace.floats.len() < width {
                workspace.floats.resize(width, 0.0);
            }
            // SAFETY: there are `tokens` rows, and each token is changed by one piece.
            change(token, unsafe { rows.row(token) }, &mut workspace.floats[..width]);
        });
    }

    /// Writes keys and values of new tokens to a layer's cache, the first at `first`: `split` gets the number of a token
    /// and its row of `rows`, which it may change, and says where keys and values lie in it.
    ///
    /// # Panics
    /// There is no room for the tokens, or `rows` is shorter than `tokens` rows of `width`.
    pub fn cache<F>(
        &mut self,
        tokens: usize,
        rows: &mut [f32],
        width: usize,
        cache: &mut KvCache,
        first: usize,
        split: F,
    ) where
        F: Fn(usize, &mut [f32]) -> KeyAndValue + Sync,
    {
        let rows = Rows::new(rows, width, tokens);
        let cache = &*cache;
        self.for_tokens(tokens, &|token, _| {
            // SAFETY: there are `tokens` rows, and each token is computed by one piece.
            let row = unsafe { rows.row(token) };
            let KeyAndValue { key, value } = split(token, row);
            // SAFETY: `&mut` excludes others, and each token is written by one piece.
            unsafe { cache.write_shared(first + token, &row[key], &row[value]) };
        });
    }

    /// Calls `work` for each token, with a few tokens a piece.
    fn for_tokens(&mut self, tokens: usize, work: &(dyn Fn(usize, &mut Workspace) + Sync)) {
        if tokens == 1 {
            work(0, self.own_workspace());
            return;
        }
        self.run(tokens.div_ceil(TOKENS_PER_PIECE), &|piece, workspace| {
            for token in piece * TOKENS_PER_PIECE..tokens.min((piece + 1) * TOKENS_PER_PIECE) {
                work(token, workspace);
            }
        });
    }
}

/// How the panels of a product are cut into pieces.
struct Cut {
    pieces: usize,
    /// Panels that stay together, since kernels take so many at a time.
    unit: usize,
    panels: usize,
}

impl Cut {
    fn new(matrix: &PackedMatrix, tokens: usize, threads: usize) -> Self {
        let panels = matrix.panels();
        if tokens > FEW_TOKENS {
            return Self { pieces: panels.div_ceil(PANELS_OF_MANY), unit: PANELS_OF_MANY, panels };
        }

        let by_size = matrix.bytes_in_memory() / BYTES_PER_PIECE;
        let units = panels.div_ceil(PANELS_OF_FEW);
        let pieces = by_size.clamp(1, PIECES_PER_THREAD * threads).min(units.max(1));
        Self { pieces, unit: PANELS_OF_FEW, panels }
    }

    fn panels(&self, piece: usize) -> Range<usize> {
        let units = self.panels.div_ceil(self.unit);
        let start = units * piece / self.pieces * self.unit;
        let end = units * (piece + 1) / self.pieces * self.unit;
        start.min(self.panels)..end.min(self.panels)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Isa, WeightType};

    fn noise(seed: usize, length: usize) -> Vec<f32> {
        (0..length).map(|i| (((i + seed) * 2_654_435_761) % 10_007) as f32 / 5003.5 - 1.0).collect()
    }

    fn packed(isa: Isa, rows: usize, columns: usize, seed: usize) -> (Arc<PackedMatrix>, Vec<f32>) {
        let numbers = noise(seed, rows * columns);
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        (Arc::new(PackedMatrix::pack(isa, WeightType::F32, rows, columns, &bytes).unwrap()), numbers)
    }

    #[test]
    fn projections_fill_one_row_side_by_side() {
        let columns = 64;
        for isa in Isa::available() {
            let (first, first_numbers) = packed(isa, 40, columns, 1);
            let (second, second_numbers) = packed(isa, 7, columns, 2);
            let projection = Projection::new([first, second]);
            assert_eq!((projection.rows(), projection.columns()), (47, columns));
            let all = [first_numbers, second_numbers].concat();

            for tokens in [1, 2, 9] {
                let rows = noise(5, tokens * columns);
                let mut first_bits: Option<Vec<u32>> = None;
                for threads in [1, 2, 5] {
                    let mut team = Team::new(threads).unwrap();
                    let mut inputs = Inputs::new(isa, 16, [&projection]);
                    let mut doubled = rows.clone();
                    team.fill(&projection, &mut inputs, tokens, &mut doubled, columns, |_, row, input| {
                        for (input, value) in input.iter_mut().zip(row) {
                            *value *= 2.0;
                            *input = *value;
                        }
                    });
                    let mut result = vec![f32::NAN; tokens * 47];
                    team.multiply(&projection, &inputs, tokens, &mut result);

                    for (token, result) in result.chunks_exact(47).enumerate() {
                        for (weights, found) in all.chunks_exact(columns).zip(result) {
                            let input = &doubled[token * columns..][..columns];
                            let wanted: f64 =
                                weights.iter().zip(input).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                            assert!((f64::from(*found) - wanted).abs() < 1e-4, "{isa:?} {tokens} {threads}");
                        }
                    }
                    let bits: Vec<u32> = result.iter().map(|value| value.to_bits()).collect();
                    assert_eq!(*first_bits.get_or_insert(bits.clone()), bits, "at any number of threads");
                }
            }
        }
    }

    #[test]
    fn every_panel_is_in_one_piece() {
        for (panels, pieces, unit) in
            [(1, 1, 2), (36, 7, 2), (36, 6, 6), (13, 3, 6), (3072, 16, 2), (5, 1, 6)]
        {
            let cut = Cut { pieces, unit, panels };
            let mut next = 0;
            for piece in 0..pieces {
                let range = cut.panels(piece);
                assert_eq!(range.start, next, "{panels} {pieces} {unit}");
                next = range.end;
            }
            assert_eq!(next, panels, "{panels} {pieces} {unit}");
        }
    }

    #[test]
    fn tokens_go_to_the_cache() {
        let mut team = Team::new(3).unwrap();
        let mut cache = KvCache::new(crate::CacheType::F32, 1, 2);
        cache.reserve(30, 0, 30);
        let mut rows = noise(1, 21 * 5);
        team.cache(21, &mut rows, 5, &mut cache, 9, |token, row| {
            row[0] = token as f32;
            KeyAndValue { key: 0..2, value: 3..5 }
        });
        team.change(21, &mut rows, 5, |token, row, _| {
            assert!((row[0] - token as f32).abs() < f32::EPSILON);
            row[0] = -1.0;
        });
        assert!(rows.chunks_exact(5).all(|row| (row[0] + 1.0).abs() < f32::EPSILON));
    }
}
