//! Products of weights in blocks of 32.
//!
//! For a row and a token, block by block: `sum += scale_w * (scale_a * integers)`, and where weights have a minimum
//! `sum += minimum_w * sum_a`. Integer sums start at the bits of a large float, see [`MAGIC_BITS`], so that one
//! multiply-add both converts and scales them.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_castsi512_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps,
    _mm512_load_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_store_ps, _mm512_store_si512,
};
use std::ops::Range;

use super::codes::Codes;
use super::{FEW_TOKENS, halves, prefetch, store, with_tokens};
use crate::activations::{Activations, MAGIC_BITS, ZERO_POINTS};
use crate::format::zero_point;
use crate::job::Job;
use crate::layout::{BLOCK, BLOCK_CODES};
use crate::{PANEL_ROWS, Scratch, WeightType};

/// Tokens of a tile of unpacked panels.
const TILE_TOKENS: usize = 6;

/// The activations of some tokens.
#[derive(Clone, Copy)]
struct Inputs {
    columns: usize,
    blocks: usize,
    codes: *const i8,
    scales: *const f32,
    offsets: *const f32,
    sums: *const f32,
    starts: *const i32,
}

impl Inputs {
    /// From one token on.
    ///
    /// # Safety
    /// The activations hold the token.
    unsafe fn new(activations: &Activations, weight_type: WeightType, token: usize) -> Self {
        let columns = activations.columns();
        let blocks = columns / BLOCK;
        let zero = i32::from(zero_point(weight_type));
        let part = ZERO_POINTS.iter().position(|point| *point == zero).unwrap_or(0);

        // SAFETY: the caller's promise.
        unsafe {
            Self {
                columns,
                blocks,
                codes: activations.codes.as_ptr().add(token * columns),
                scales: activations.scales.as_ptr().add(token * blocks),
                offsets: activations.offsets.as_ptr().add(token * blocks),
                sums: activations.sums.as_ptr().add(token * blocks),
                starts: activations.starts.as_ptr().add(part * activations.scales.len() + token * blocks),
            }
        }
    }
}

/// # Safety
/// As [`super::multiply`], for a weight type in blocks of 32 that packs codes as `C` and has a minimum or not.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply<C: Codes, const MINIMUM: bool>(
    job: &Job<'_>,
    panels: Range<usize>,
    scratch: &mut Scratch,
) {
    // SAFETY: the caller's promises, handed on; tiles keep to the tokens and panels that there are.
    unsafe {
        if job.tokens <= FEW_TOKENS {
            let inputs = Inputs::new(job.activations, job.matrix.weight_type, job.first_token);
            for panel in panels {
                with_tokens!(job.tokens, T in [1, 2, 3, 4] => packed::<C, MINIMUM, T>(job, inputs, panel));
            }
            return;
        }

        for first in panels.clone().step_by(2) {
            let count = (panels.end - first).min(2);
            for place in 0..count {
                unpack::<C, MINIMUM>(job, first + place, place, scratch);
            }

            for token in (0..job.tokens).step_by(TILE_TOKENS) {
                let tokens = (job.tokens - token).min(TILE_TOKENS);
                let inputs = Inputs::new(job.activations, job.matrix.weight_type, job.first_token + token);
                if count == 2 {
                    with_tokens!(tokens, T in [1, 2, 3, 4, 5, 6] => tile::<MINIMUM, 2, T>(job, inputs, token, first, scratch));
                } else {
                    with_tokens!(tokens, T in [1, 2, 3, 4, 5, 6] => tile::<MINIMUM, 1, T>(job, inputs, token, first, scratch));
                }
            }
        }
    }
}

/// A packed panel with all tokens of the job.
///
/// # Safety
/// As [`multiply`]; the job has `T` tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn packed<C: Codes, const MINIMUM: bool, const T: usize>(job: &Job<'_>, inputs: Inputs, panel: usize) {
    let layout = &job.matrix.layout;
    let start = job.matrix.panel(panel).as_ptr();
    let mut sums = [_mm512_setzero_ps(); T];

    // SAFETY: the panel has `inputs.blocks` blocks in the order of `layout`, and so have the tokens' inputs.
    unsafe {
        for b in 0..inputs.blocks {
            prefetch(start, layout.panel, b, inputs.blocks);
            let codes = C::block(start.add(layout.codes), start.add(layout.high), b);
            let scale = halves(start.add(layout.scales + 2 * PANEL_ROWS * b));
            let minimum = if MINIMUM {
                halves(start.add(layout.minima + 2 * PANEL_ROWS * b))
            } else {
                _mm512_setzero_ps()
            };

            for (t, sum) in sums.iter_mut().enumerate() {
                let mut integers = integer_start::<MINIMUM>(inputs, t, b);
                for (group, codes) in codes.iter().enumerate() {
                    integers = _mm512_dpbusd_epi32(integers, *codes, input_codes(inputs, t, b, group));
                }
                *sum = add_block::<MINIMUM>(*sum, integers, inputs, t, b, scale, minimum);
            }
        }

        for (t, sum) in sums.into_iter().enumerate() {
            store(job, t, panel, sum);
        }
    }
}

/// Unpacks a panel into a place of `scratch`.
///
/// # Safety
/// As [`multiply`]; `place` is below 3.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn unpack<C: Codes, const MINIMUM: bool>(
    job: &Job<'_>,
    panel: usize,
    place: usize,
    scratch: &mut Scratch,
) {
    let layout = &job.matrix.layout;
    let start = job.matrix.panel(panel).as_ptr();
    let blocks = job.matrix.columns / BLOCK;

    // SAFETY: the panel has as many blocks in the order of `layout`; `scratch` has room for three panels.
    unsafe {
        let codes = scratch.codes.as_mut_slice().as_mut_ptr().add(place * blocks * BLOCK_CODES);
        let scales = scratch.scales.as_mut_slice().as_mut_ptr().add(place * blocks * PANEL_ROWS);
        let minima = scratch.minima.as_mut_slice().as_mut_ptr().add(place * blocks * PANEL_ROWS);

        for b in 0..blocks {
            let block = C::block(start.add(layout.codes), start.add(layout.high), b);
            for (group, register) in block.into_iter().enumerate() {
                _mm512_store_si512(codes.add(b * BLOCK_CODES + group * 64).cast(), register);
            }

            let half = 2 * PANEL_ROWS * b;
            _mm512_store_ps(scales.add(b * PANEL_ROWS), halves(start.add(layout.scales + half)));
            if MINIMUM {
                _mm512_store_ps(minima.add(b * PANEL_ROWS), halves(start.add(layout.minima + half)));
            }
        }
    }
}

/// `P` unpacked panels with `T` tokens.
///
/// # Safety
/// As [`multiply`]; `scratch` holds the panels from `first` on, `inputs` the tokens from `token` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile<const MINIMUM: bool, const P: usize, const T: usize>(
    job: &Job<'_>,
    inputs: Inputs,
    token: usize,
    first: usize,
    scratch: &Scratch,
) {
    let codes = scratch.codes.as_ptr();
    let scales = scratch.scales.as_ptr();
    let minima = scratch.minima.as_ptr();
    let mut sums = [[_mm512_setzero_ps(); T]; P];

    // SAFETY: `scratch` holds `P` panels of `inputs.blocks` blocks, and the tokens' inputs as many.
    unsafe {
        for b in 0..inputs.blocks {
            let mut integers = [[_mm512_setzero_si512(); T]; P];
            for t in 0..T {
                let start = integer_start::<MINIMUM>(inputs, t, b);
                for integers in &mut integers {
                    integers[t] = start;
                }
            }

            for group in 0..8 {
                let mut weights = [_mm512_setzero_si512(); P];
                for (p, weights) in weights.iter_mut().enumerate() {
                    let at = (p * inputs.blocks + b) * BLOCK_CODES + group * 64;
                    *weights = _mm512_load_si512(codes.add(at).cast());
                }
                for t in 0..T {
                    let input = input_codes(inputs, t, b, group);
                    for p in 0..P {
                        integers[p][t] = _mm512_dpbusd_epi32(integers[p][t], weights[p], input);
                    }
                }
            }

            for p in 0..P {
                let at = (p * inputs.blocks + b) * PANEL_ROWS;
                let scale = _mm512_load_ps(scales.add(at));
                let minimum = if MINIMUM { _mm512_load_ps(minima.add(at)) } else { _mm512_setzero_ps() };
                for t in 0..T {
                    sums[p][t] =
                        add_block::<MINIMUM>(sums[p][t], integers[p][t], inputs, t, b, scale, minimum);
                }
            }
        }

        for (p, sums) in sums.into_iter().enumerate() {
            for (t, sum) in sums.into_iter().enumerate() {
                store(job, token + t, first + p, sum);
            }
        }
    }
}

/// Where the integer sum of token `t` and block `b` starts.
///
/// # Safety
/// The processor has AVX-512 F; `inputs` has the token and the block.
#[inline(always)]
unsafe fn integer_start<const MINIMUM: bool>(inputs: Inputs, t: usize, b: usize) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        // Codes with a minimum have no zero point.
        let start = if MINIMUM { MAGIC_BITS } else { *inputs.starts.add(t * inputs.blocks + b) };
        _mm512_set1_epi32(start)
    }
}

/// Four codes of token `t`, for all rows.
///
/// # Safety
/// The processor has AVX-512 F; `inputs` has the token and the block.
#[inline(always)]
unsafe fn input_codes(inputs: Inputs, t: usize, b: usize, group: usize) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let start = inputs.codes.add(t * inputs.columns + b * BLOCK + group * 4);
        _mm512_set1_epi32(start.cast::<i32>().read_unaligned())
    }
}

/// Adds a block's integer sum, scaled, to the sum of a row and a token.
///
/// # Safety
/// The processor has AVX-512 F; `inputs` has the token and the block.
#[inline(always)]
unsafe fn add_block<const MINIMUM: bool>(
    sum: __m512,
    integers: __m512i,
    inputs: Inputs,
    t: usize,
    b: usize,
    scale: __m512,
    minimum: __m512,
) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let at = t * inputs.blocks + b;
        let scale_a = _mm512_set1_ps(*inputs.scales.add(at));
        let offset = _mm512_set1_ps(*inputs.offsets.add(at));

        let scaled = _mm512_fmadd_ps(_mm512_castsi512_ps(integers), scale_a, offset);
        let sum = _mm512_fmadd_ps(scaled, scale, sum);
        if MINIMUM { _mm512_fmadd_ps(minimum, _mm512_set1_ps(*inputs.sums.add(at)), sum) } else { sum }
    }
}
