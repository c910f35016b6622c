//! Batches with weights in blocks of 256.

use std::arch::x86_64::{
    _mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512, _mm512_set1_ps, _mm512_setzero_ps,
};
use std::ops::Range;

use super::tiles::{PAIR, TILE_TOKENS, Tiles, gather, keep_order};
use super::with_tile_tokens;
use crate::avx512::codes::Codes;
use crate::avx512::{int256::unpack, store};
use crate::format::zero_point;
use crate::layout::BLOCK;
use crate::matmul::Job;
use crate::{PANEL_ROWS, Scratch};

/// # Safety
/// As [`super::multiply`], for a K format that packs codes as `C`; `SIX` for Q6_K.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply<C: Codes, const SIX: bool>(
    job: &Job<'_>,
    panels: Range<usize>,
    scratch: &mut Scratch,
) {
    let zero = zero_point(job.matrix.weight_type).cast_signed();
    let width = if SIX { BLOCK / 2 } else { BLOCK };

    // SAFETY: the caller's promises, handed on; tiles keep to the tokens and panels that there are.
    unsafe {
        let subs = job.matrix.columns / BLOCK;
        let first = job.first_token * subs;
        let numbers = &job.activations.scales.as_slice()[first / 8..];
        gather(job.tokens, subs / 8, numbers, &mut scratch.input_scales);
        if !SIX {
            gather(job.tokens, subs, &job.activations.sums.as_slice()[first..], &mut scratch.input_sums);
        }

        let tiles = Tiles::new(width, job.tokens % TILE_TOKENS);
        for panel in panels {
            unpack::<C, SIX>(job, panel, 0, zero, scratch);
            for token in (0..job.tokens).step_by(TILE_TOKENS) {
                let tokens = (job.tokens - token).min(TILE_TOKENS);
                with_tile_tokens!(tokens, T => tile::<SIX, T>(job, &tiles, token, panel, scratch));
            }
        }
    }
}

/// An unpacked panel with `T` tokens.
///
/// # Safety
/// As [`multiply`]; `scratch` holds the panel, and the job has the tokens from `token` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile<const SIX: bool, const T: usize>(
    job: &Job<'_>,
    tiles: &Tiles,
    token: usize,
    panel: usize,
    scratch: &mut Scratch,
) {
    let columns = job.matrix.columns;
    let width = if SIX { BLOCK / 2 } else { BLOCK };
    let first = job.first_token + token;
    let integers = scratch.integers.as_mut_slice().as_mut_ptr();
    let weights = scratch.codes.as_ptr();
    let mut sums = [_mm512_setzero_ps(); T];
    let mut block = [_mm512_setzero_ps(); T];

    // SAFETY: the panel and the tokens' inputs have `columns` columns; `integers` holds two pairs of tiles.
    unsafe {
        let inputs = job.activations.codes.as_ptr().add(first * columns);
        let scales = scratch.input_scales.as_ptr().add(token * (columns / 256));
        let input_sums = scratch.input_sums.as_ptr().add(if SIX { 0 } else { token * (columns / BLOCK) });
        let subs = columns / width;
        let subs_of_block = 256 / width;

        // Products of two sub-blocks are under way while those of the two before are scaled.
        let multiply_pair = |sub: usize| {
            let integers = integers.add(sub % 4 * (PAIR / 2));
            let codes = [weights.add(sub * width * PANEL_ROWS), weights.add((sub + 1) * width * PANEL_ROWS)];
            let inputs = [inputs.add(sub * width), inputs.add((sub + 1) * width)];
            if T == TILE_TOKENS {
                tiles.two_products(inputs, columns, codes, integers);
            } else {
                tiles.rest_product(inputs[0], columns, codes[0], integers);
                tiles.rest_product(inputs[1], columns, codes[1], integers.add(PAIR / 2));
            }
        };

        multiply_pair(0);
        for sub in 0..subs {
            if sub % 2 == 0 && sub + 2 < subs {
                multiply_pair(sub + 2);
            }

            let integers = integers.add(sub % 4 * (PAIR / 2));
            let scale = _mm512_load_ps(scratch.scales.as_ptr().add(sub * PANEL_ROWS));
            for (t, block) in block.iter_mut().enumerate() {
                if t % 8 == 0 {
                    keep_order();
                }
                let products = _mm512_cvtepi32_ps(_mm512_load_si512(integers.add(t * PANEL_ROWS).cast()));
                *block = _mm512_fmadd_ps(products, scale, *block);
                if !SIX {
                    let minimum = _mm512_load_ps(scratch.minima.as_ptr().add(sub * PANEL_ROWS));
                    let input = _mm512_set1_ps(*input_sums.add(sub * TILE_TOKENS + t));
                    *block = _mm512_fmadd_ps(minimum, input, *block);
                }
            }

            if (sub + 1) % subs_of_block == 0 {
                for (t, (sum, block)) in sums.iter_mut().zip(&mut block).enumerate() {
                    let scale = _mm512_set1_ps(*scales.add(sub / subs_of_block * TILE_TOKENS + t));
                    *sum = _mm512_fmadd_ps(*block, scale, *sum);
                    *block = _mm512_setzero_ps();
                }
            }
        }

        for (t, sum) in sums.into_iter().enumerate() {
            store(job, token + t, panel, sum);
        }
    }
}
