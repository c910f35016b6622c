//! Batches with weights in blocks of 32.

use std::arch::x86_64::{
    _mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512, _mm512_mul_ps, _mm512_set1_ps,
    _mm512_setzero_ps,
};
use std::ops::Range;

use super::tiles::{PAIR, TILE_TOKENS, Tiles, gather, keep_order};
use super::with_tile_tokens;
use crate::avx512::codes::Codes;
use crate::avx512::{int32::unpack, store};
use crate::format::zero_point;
use crate::layout::{BLOCK, BLOCK_CODES};
use crate::matmul::Job;
use crate::{PANEL_ROWS, Scratch};

/// # Safety
/// As [`super::multiply`], for a weight type in blocks of 32 that packs codes as `C` and has a minimum or not.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply<C: Codes, const MINIMUM: bool>(
    job: &Job<'_>,
    panels: Range<usize>,
    scratch: &mut Scratch,
) {
    // Codes become signed: 128 below zero is the least of a byte.
    let zero = zero_point(job.matrix.weight_type).cast_signed();

    // SAFETY: the caller's promises, handed on; tiles keep to the tokens and panels that there are.
    unsafe {
        let blocks = job.matrix.columns / BLOCK;
        let first = job.first_token * blocks;
        gather(job.tokens, blocks, &job.activations.scales.as_slice()[first..], &mut scratch.input_scales);
        if MINIMUM {
            gather(job.tokens, blocks, &job.activations.sums.as_slice()[first..], &mut scratch.input_sums);
        }

        let tiles = Tiles::new(BLOCK, job.tokens % TILE_TOKENS);
        for panel in panels {
            unpack::<C, MINIMUM>(job, panel, 0, zero, scratch);
            for token in (0..job.tokens).step_by(TILE_TOKENS) {
                let tokens = (job.tokens - token).min(TILE_TOKENS);
                with_tile_tokens!(tokens, T => tile::<MINIMUM, T>(job, &tiles, token, panel, scratch));
            }
        }
    }
}

/// An unpacked panel with `T` tokens.
///
/// # Safety
/// As [`multiply`]; `scratch` holds the panel, and the job has the tokens from `token` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile<const MINIMUM: bool, const T: usize>(
    job: &Job<'_>,
    tiles: &Tiles,
    token: usize,
    panel: usize,
    scratch: &mut Scratch,
) {
    let columns = job.matrix.columns;
    let blocks = columns / BLOCK;
    let first = job.first_token + token;
    let integers = scratch.integers.as_mut_slice().as_mut_ptr();
    let weights = scratch.codes.as_ptr();
    let mut sums = [_mm512_setzero_ps(); T];

    // SAFETY: the panel and the tokens' inputs have `blocks` blocks; `integers` holds two pairs of tiles.
    unsafe {
        let inputs = job.activations.codes.as_ptr().add(first * columns);
        let scales = scratch.input_scales.as_ptr().add(token * blocks);
        let input_sums = scratch.input_sums.as_ptr().add(if MINIMUM { token * blocks } else { 0 });

        // Products of two blocks are under way while those of the two before are scaled.
        let multiply_pair = |pair: usize| {
            let (b, next) = (2 * pair, (2 * pair + 1).min(blocks - 1));
            let integers = integers.add(pair % 2 * PAIR);
            if T == TILE_TOKENS {
                tiles.two_products(
                    [inputs.add(b * BLOCK), inputs.add(next * BLOCK)],
                    columns,
                    [weights.add(b * BLOCK_CODES), weights.add(next * BLOCK_CODES)],
                    integers,
                );
            } else {
                tiles.rest_product(inputs.add(b * BLOCK), columns, weights.add(b * BLOCK_CODES), integers);
                let second = integers.add(PAIR / 2);
                tiles.rest_product(inputs.add(next * BLOCK), columns, weights.add(next * BLOCK_CODES), second);
            }
        };

        multiply_pair(0);
        for b in 0..blocks {
            if b % 2 == 0 && b + 2 < blocks {
                multiply_pair(b / 2 + 1);
            }

            let integers = integers.add(b % 4 * (PAIR / 2));
            let scale = _mm512_load_ps(scratch.scales.as_ptr().add(b * PANEL_ROWS));
            let minimum = _mm512_load_ps(scratch.minima.as_ptr().add(b * PANEL_ROWS));
            for (t, sum) in sums.iter_mut().enumerate() {
                if t % 8 == 0 {
                    keep_order();
                }
                let products = _mm512_cvtepi32_ps(_mm512_load_si512(integers.add(t * PANEL_ROWS).cast()));
                let at = b * TILE_TOKENS + t;
                let scaled = _mm512_mul_ps(products, _mm512_set1_ps(*scales.add(at)));
                *sum = _mm512_fmadd_ps(scaled, scale, *sum);
                if MINIMUM {
                    *sum = _mm512_fmadd_ps(minimum, _mm512_set1_ps(*input_sums.add(at)), *sum);
                }
            }
        }

        for (t, sum) in sums.into_iter().enumerate() {
            store(job, token + t, panel, sum);
        }
    }
}
