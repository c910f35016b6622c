//! Products of weights in blocks of 256.
//!
//! For a row and a token, block by block: `sum += scale_a * block`, where `block` adds `scale_w * integers` for every
//! sub-block, and `minimum_w * sum of codes` where weights have a minimum. Q6_K has 16 sub-blocks of 16 with a zero
//! point, Q4_K and Q5_K 8 of 32 with a minimum.

use std::arch::x86_64::{
    __m128i, __m512, __m512i, _mm_load_si128, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_store_ps,
    _mm512_store_si512, _mm512_sub_ps,
};
use std::ops::Range;

use super::codes::Codes;
use super::{FEW_TOKENS, halves, prefetch, store, with_tokens};
use crate::activations::Activations;
use crate::job::Job;
use crate::layout::{BLOCK, BLOCK_CODES, Layout};
use crate::{PANEL_ROWS, Scratch};

/// Tokens of a tile of unpacked panels.
const TILE_TOKENS: usize = 4;

/// Parts of 32 columns in a block.
const PARTS: usize = 8;

/// The activations of some tokens.
#[derive(Clone, Copy)]
struct Inputs {
    columns: usize,
    codes: *const i8,
    scales: *const f32,
    sums: *const f32,
    starts: *const i32,
}

impl Inputs {
    /// From one token on.
    ///
    /// # Safety
    /// The activations hold the token.
    unsafe fn new(activations: &Activations, token: usize) -> Self {
        let columns = activations.columns();

        // SAFETY: the caller's promise.
        unsafe {
            Self {
                columns,
                codes: activations.codes.as_ptr().add(token * columns),
                scales: activations.scales.as_ptr().add(token * (columns / 256)),
                sums: activations.sums.as_ptr().add(token * (columns / BLOCK)),
                starts: activations.starts.as_ptr().add(token * (columns / 16)),
            }
        }
    }

    /// The `part`-th 32 columns of token `t`.
    ///
    /// # Safety
    /// There are that token and those columns.
    #[inline(always)]
    unsafe fn part(&self, t: usize, part: usize) -> PartInputs {
        // SAFETY: the caller's promise.
        unsafe {
            PartInputs {
                codes: self.codes.add(t * self.columns + part * BLOCK),
                sum: self.sums.add(t * (self.columns / BLOCK) + part),
                starts: self.starts.add(t * (self.columns / 16) + part * 2),
            }
        }
    }
}

/// The activations of 32 columns.
#[derive(Clone, Copy)]
struct PartInputs {
    codes: *const i8,
    sum: *const f32,
    starts: *const i32,
}

/// Scales of 32 columns and 16 rows.
#[derive(Clone, Copy)]
struct PartScales {
    /// Of the first 16 columns, or of all.
    first: __m512,
    /// Of the second 16 columns of Q6_K.
    second: __m512,
    /// What is added for a sum of activations of 1.
    minimum: __m512,
}

/// # Safety
/// As [`super::multiply`], for a K format that packs codes as `C`; `SIX` for Q6_K.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply<C: Codes, const SIX: bool>(
    job: &Job<'_>,
    panels: Range<usize>,
    scratch: &mut Scratch,
) {
    // SAFETY: the caller's promises, handed on; tiles keep to the tokens and panels that there are.
    unsafe {
        if job.tokens <= FEW_TOKENS {
            let inputs = Inputs::new(job.activations, job.first_token);
            for panel in panels {
                with_tokens!(job.tokens, T in [1, 2, 3, 4] => packed::<C, SIX, T>(job, inputs, panel));
            }
            return;
        }

        for first in panels.clone().step_by(2) {
            let count = (panels.end - first).min(2);
            for place in 0..count {
                unpack::<C, SIX>(job, first + place, place, scratch);
            }

            for token in (0..job.tokens).step_by(TILE_TOKENS) {
                let tokens = (job.tokens - token).min(TILE_TOKENS);
                let inputs = Inputs::new(job.activations, job.first_token + token);
                if count == 2 {
                    with_tokens!(tokens, T in [1, 2, 3, 4] => tile::<SIX, 2, T>(job, inputs, token, first, scratch));
                } else {
                    with_tokens!(tokens, T in [1, 2, 3, 4] => tile::<SIX, 1, T>(job, inputs, token, first, scratch));
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
unsafe fn packed<C: Codes, const SIX: bool, const T: usize>(job: &Job<'_>, inputs: Inputs, panel: usize) {
    let layout = &job.matrix.layout;
    let start = job.matrix.panel(panel).as_ptr();
    let mut sums = [_mm512_setzero_ps(); T];

    // SAFETY: the panel has `columns / 256` blocks in the order of `layout`, and so have the tokens' inputs.
    unsafe {
        for b in 0..inputs.columns / 256 {
            let mut blocks = [_mm512_setzero_ps(); T];
            for part in PARTS * b..PARTS * (b + 1) {
                prefetch(start, layout.panel, part, inputs.columns / BLOCK);
                let codes = C::block(start.add(layout.codes), start.add(layout.high), part);
                let scales = packed_scales::<SIX>(layout, start, part);

                for (t, block) in blocks.iter_mut().enumerate() {
                    let inputs = inputs.part(t, part);
                    let mut integers = integer_starts::<SIX>(inputs);
                    for (group, codes) in codes.iter().enumerate() {
                        add_codes::<SIX>(&mut integers, group, *codes, input_codes(inputs, group));
                    }
                    *block = add_part::<SIX>(*block, integers, inputs, scales);
                }
            }
            add_blocks(&mut sums, &blocks, inputs, b);
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
unsafe fn unpack<C: Codes, const SIX: bool>(
    job: &Job<'_>,
    panel: usize,
    place: usize,
    scratch: &mut Scratch,
) {
    let layout = &job.matrix.layout;
    let start = job.matrix.panel(panel).as_ptr();
    let parts = job.matrix.columns / BLOCK;

    // SAFETY: the panel has as many parts in the order of `layout`; `scratch` has room for three panels.
    unsafe {
        let codes = scratch.codes.as_mut_slice().as_mut_ptr().add(place * parts * BLOCK_CODES);
        for part in 0..parts {
            let block = C::block(start.add(layout.codes), start.add(layout.high), part);
            for (group, register) in block.into_iter().enumerate() {
                _mm512_store_si512(codes.add(part * BLOCK_CODES + group * 64).cast(), register);
            }

            let scales = packed_scales::<SIX>(layout, start, part);
            let at = (place * parts + part) * PANEL_ROWS;
            if SIX {
                _mm512_store_ps(scratch.scales.as_mut_slice().as_mut_ptr().add(2 * at), scales.first);
                _mm512_store_ps(
                    scratch.scales.as_mut_slice().as_mut_ptr().add(2 * at + PANEL_ROWS),
                    scales.second,
                );
            } else {
                _mm512_store_ps(scratch.scales.as_mut_slice().as_mut_ptr().add(at), scales.first);
                _mm512_store_ps(scratch.minima.as_mut_slice().as_mut_ptr().add(at), scales.minimum);
            }
        }
    }
}

/// `P` unpacked panels with `T` tokens.
///
/// # Safety
/// As [`multiply`]; `scratch` holds the panels from `first` on, `inputs` the tokens from `token` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile<const SIX: bool, const P: usize, const T: usize>(
    job: &Job<'_>,
    inputs: Inputs,
    token: usize,
    first: usize,
    scratch: &Scratch,
) {
    let parts = inputs.columns / BLOCK;
    let codes = scratch.codes.as_ptr();
    let mut sums = [[_mm512_setzero_ps(); T]; P];

    // SAFETY: `scratch` holds `P` panels of `parts` parts, and the tokens' inputs as many.
    unsafe {
        for b in 0..inputs.columns / 256 {
            let mut blocks = [[_mm512_setzero_ps(); T]; P];
            for part in PARTS * b..PARTS * (b + 1) {
                let mut integers = [[[_mm512_setzero_si512(); 2]; T]; P];
                for t in 0..T {
                    let starts = integer_starts::<SIX>(inputs.part(t, part));
                    for integers in &mut integers {
                        integers[t] = starts;
                    }
                }

                for group in 0..8 {
                    let mut weights = [_mm512_setzero_si512(); P];
                    for (p, weights) in weights.iter_mut().enumerate() {
                        let at = (p * parts + part) * BLOCK_CODES + group * 64;
                        *weights = _mm512_load_si512(codes.add(at).cast());
                    }
                    for t in 0..T {
                        let input = input_codes(inputs.part(t, part), group);
                        for p in 0..P {
                            add_codes::<SIX>(&mut integers[p][t], group, weights[p], input);
                        }
                    }
                }

                for p in 0..P {
                    let scales = unpacked_scales::<SIX>(scratch, p * parts + part);
                    for t in 0..T {
                        let inputs = inputs.part(t, part);
                        blocks[p][t] = add_part::<SIX>(blocks[p][t], integers[p][t], inputs, scales);
                    }
                }
            }
            for p in 0..P {
                add_blocks(&mut sums[p], &blocks[p], inputs, b);
            }
        }

        for (p, sums) in sums.into_iter().enumerate() {
            for (t, sum) in sums.into_iter().enumerate() {
                store(job, token + t, first + p, sum);
            }
        }
    }
}

/// Scales of a part as they are packed, multiplied out.
///
/// # Safety
/// The processor has AVX-512 F; `start` is a panel of that layout that has the part.
#[inline(always)]
unsafe fn packed_scales<const SIX: bool>(layout: &Layout, start: *const u8, part: usize) -> PartScales {
    // SAFETY: the caller's promise.
    unsafe {
        let half = 2 * PANEL_ROWS * (part / PARTS);
        let scale = halves(start.add(layout.scales + half));
        if SIX {
            let subs = start.add(layout.sub_scales + 2 * PANEL_ROWS * part);
            let first = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes(subs)));
            let second = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes(subs.add(PANEL_ROWS))));
            return PartScales {
                first: _mm512_mul_ps(scale, first),
                second: _mm512_mul_ps(scale, second),
                minimum: _mm512_setzero_ps(),
            };
        }

        let minimum = halves(start.add(layout.minima + half));
        let sub_scale = bytes(start.add(layout.sub_scales + PANEL_ROWS * part));
        let sub_minimum = bytes(start.add(layout.sub_minima + PANEL_ROWS * part));
        let product = _mm512_mul_ps(minimum, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(sub_minimum)));
        PartScales {
            first: _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(sub_scale))),
            second: _mm512_setzero_ps(),
            minimum: _mm512_sub_ps(_mm512_setzero_ps(), product),
        }
    }
}

/// Scales of a part of the panels in `scratch`, counted over panels.
///
/// # Safety
/// The processor has AVX-512 F; `scratch` holds the part.
#[inline(always)]
unsafe fn unpacked_scales<const SIX: bool>(scratch: &Scratch, part: usize) -> PartScales {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = _mm512_setzero_ps();
        if SIX {
            let start = scratch.scales.as_ptr().add(2 * part * PANEL_ROWS);
            let (first, second) = (_mm512_load_ps(start), _mm512_load_ps(start.add(PANEL_ROWS)));
            return PartScales { first, second, minimum: zero };
        }
        PartScales {
            first: _mm512_load_ps(scratch.scales.as_ptr().add(part * PANEL_ROWS)),
            second: zero,
            minimum: _mm512_load_ps(scratch.minima.as_ptr().add(part * PANEL_ROWS)),
        }
    }
}

/// # Safety
/// 16 bytes lie at `start`, which is a multiple of 16.
#[inline(always)]
unsafe fn bytes(start: *const u8) -> __m128i {
    // SAFETY: the caller's promise.
    unsafe { _mm_load_si128(start.cast()) }
}

/// Where the integer sums of a part start: one of 32 columns, or two of 16.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn integer_starts<const SIX: bool>(inputs: PartInputs) -> [__m512i; 2] {
    // SAFETY: the caller's promise, and `inputs` is a part that there is.
    unsafe {
        if SIX {
            [_mm512_set1_epi32(*inputs.starts), _mm512_set1_epi32(*inputs.starts.add(1))]
        } else {
            [_mm512_setzero_si512(); 2]
        }
    }
}

/// Four codes of a part, for all rows.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn input_codes(inputs: PartInputs, group: usize) -> __m512i {
    // SAFETY: the caller's promise, and `inputs` is a part that there is.
    unsafe { _mm512_set1_epi32(inputs.codes.add(group * 4).cast::<i32>().read_unaligned()) }
}

/// Adds the products of a group of columns to the sum that it belongs to.
///
/// # Safety
/// The processor has AVX-512 VNNI.
#[inline(always)]
unsafe fn add_codes<const SIX: bool>(
    integers: &mut [__m512i; 2],
    group: usize,
    codes: __m512i,
    input: __m512i,
) {
    let half = if SIX { group / 4 } else { 0 };
    // SAFETY: the caller's promise.
    unsafe { integers[half] = _mm512_dpbusd_epi32(integers[half], codes, input) }
}

/// Adds a part's integer sums, scaled, to the sum of its block.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn add_part<const SIX: bool>(
    block: __m512,
    integers: [__m512i; 2],
    inputs: PartInputs,
    scales: PartScales,
) -> __m512 {
    // SAFETY: the caller's promise, and `inputs` is a part that there is.
    unsafe {
        let block = _mm512_fmadd_ps(_mm512_cvtepi32_ps(integers[0]), scales.first, block);
        if SIX {
            _mm512_fmadd_ps(_mm512_cvtepi32_ps(integers[1]), scales.second, block)
        } else {
            _mm512_fmadd_ps(scales.minimum, _mm512_set1_ps(*inputs.sum), block)
        }
    }
}

/// Adds the blocks' sums, scaled by the activations' scales, to the sums of the tokens.
///
/// # Safety
/// The processor has AVX-512 F; `inputs` has the block and `T` tokens.
#[inline(always)]
unsafe fn add_blocks<const T: usize>(sums: &mut [__m512; T], blocks: &[__m512; T], inputs: Inputs, b: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        for t in 0..T {
            let scale = _mm512_set1_ps(*inputs.scales.add(t * (inputs.columns / 256) + b));
            sums[t] = _mm512_fmadd_ps(blocks[t], scale, sums[t]);
        }
    }
}
