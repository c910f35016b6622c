//! Products of 8-bit codes.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_load_ps,
    _mm256_load_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_sign_epi8, _mm256_storeu_ps,
};

use super::store;
use crate::avx512::with_tokens;
use crate::format::zero_point;
use crate::job::Job;
use crate::layout::{BLOCK, BLOCK_CODES};
use crate::{PANEL_ROWS, Scratch};

/// Tokens of a tile.
const TILE_TOKENS: usize = 3;

/// 16 sums of a token.
type Sums = [__m256; 2];

/// Multiplies an unpacked panel in blocks of 32 with the job's tokens; `SIGNED` where its codes are.
///
/// # Safety
/// As [`super::multiply`]; `scratch` holds the panel.
pub(super) unsafe fn multiply_32<const SIGNED: bool, const MINIMUM: bool>(
    job: &Job<'_>,
    panel: usize,
    scratch: &Scratch,
) {
    for token in (0..job.tokens).step_by(TILE_TOKENS) {
        let tokens = (job.tokens - token).min(TILE_TOKENS);
        // SAFETY: the caller's promise; the tile keeps to the tokens that there are.
        unsafe {
            with_tokens!(tokens, T in [1, 2, 3] => tile_32::<SIGNED, MINIMUM, T>(job, token, panel, scratch));
        }
    }
}

/// Multiplies an unpacked panel in blocks of 256 with the job's tokens; `SIX` for Q6_K.
///
/// # Safety
/// As [`super::multiply`]; `scratch` holds the panel.
pub(super) unsafe fn multiply_256<const SIX: bool>(job: &Job<'_>, panel: usize, scratch: &Scratch) {
    for token in (0..job.tokens).step_by(TILE_TOKENS) {
        let tokens = (job.tokens - token).min(TILE_TOKENS);
        // SAFETY: as above.
        unsafe { with_tokens!(tokens, T in [1, 2, 3] => tile_256::<SIX, T>(job, token, panel, scratch)) }
    }
}

/// # Safety
/// As [`multiply_32`]; the job has `T` tokens from `token` on.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_32<const SIGNED: bool, const MINIMUM: bool, const T: usize>(
    job: &Job<'_>,
    token: usize,
    panel: usize,
    scratch: &Scratch,
) {
    let columns = job.matrix.columns;
    let blocks = columns / BLOCK;
    let zero = if SIGNED { 0 } else { i32::from(zero_point(job.matrix.weight_type)) };
    let first = job.first_token + token;
    let mut sums: [Sums; T] = [[_mm256_setzero_ps(); 2]; T];

    // SAFETY: the panel and the tokens' inputs have `blocks` blocks.
    unsafe {
        for b in 0..blocks {
            let inputs = job.activations.codes.as_ptr().add(first * columns + b * BLOCK);
            let at = first * blocks + b;
            let mut starts = [0; T];
            for (t, start) in starts.iter_mut().enumerate() {
                *start = -zero * *job.activations.code_sums.as_ptr().add(at + t * blocks);
            }
            let integers = integers::<SIGNED, 8, T>(
                scratch.codes.as_ptr().add(b * BLOCK_CODES),
                inputs,
                columns,
                starts,
            );

            for half in 0..2 {
                let scale = _mm256_load_ps(scratch.scales.as_ptr().add(b * PANEL_ROWS + half * 8));
                let minimum = _mm256_load_ps(scratch.minima.as_ptr().add(b * PANEL_ROWS + half * 8));
                for t in 0..T {
                    let at = at + t * blocks;
                    let scale_a = _mm256_set1_ps(*job.activations.scales.as_ptr().add(at));
                    let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(integers[t][half]), scale_a);
                    sums[t][half] = _mm256_fmadd_ps(scaled, scale, sums[t][half]);
                    if MINIMUM {
                        let input = _mm256_set1_ps(*job.activations.sums.as_ptr().add(at));
                        sums[t][half] = _mm256_fmadd_ps(minimum, input, sums[t][half]);
                    }
                }
            }
        }
        store_all(job, token, panel, sums);
    }
}

/// # Safety
/// As [`multiply_256`]; the job has `T` tokens from `token` on.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_256<const SIX: bool, const T: usize>(
    job: &Job<'_>,
    token: usize,
    panel: usize,
    scratch: &Scratch,
) {
    let columns = job.matrix.columns;
    let first = job.first_token + token;
    let mut sums: [Sums; T] = [[_mm256_setzero_ps(); 2]; T];

    // SAFETY: the panel and the tokens' inputs have `columns` columns.
    unsafe {
        for b in 0..columns / 256 {
            let mut block: [Sums; T] = [[_mm256_setzero_ps(); 2]; T];
            for part in 8 * b..8 * (b + 1) {
                let codes = scratch.codes.as_ptr().add(part * BLOCK_CODES);
                let inputs = job.activations.codes.as_ptr().add(first * columns + part * BLOCK);
                if SIX {
                    for sub in 0..2 {
                        let j = 2 * part + sub;
                        let mut starts = [0; T];
                        for (t, start) in starts.iter_mut().enumerate() {
                            *start = *job.activations.starts.as_ptr().add((first + t) * (columns / 16) + j);
                        }
                        let codes = codes.add(sub * BLOCK_CODES / 2);
                        let integers = integers::<false, 4, T>(codes, inputs.add(sub * 16), columns, starts);
                        add_scaled(&mut block, integers, scratch.scales.as_ptr().add(j * PANEL_ROWS));
                    }
                } else {
                    let integers = integers::<false, 8, T>(codes, inputs, columns, [0; T]);
                    add_scaled(&mut block, integers, scratch.scales.as_ptr().add(part * PANEL_ROWS));

                    let minima = scratch.minima.as_ptr().add(part * PANEL_ROWS);
                    for (t, block) in block.iter_mut().enumerate() {
                        let at = (first + t) * (columns / BLOCK) + part;
                        let input = _mm256_set1_ps(*job.activations.sums.as_ptr().add(at));
                        block[0] = _mm256_fmadd_ps(_mm256_load_ps(minima), input, block[0]);
                        block[1] = _mm256_fmadd_ps(_mm256_load_ps(minima.add(8)), input, block[1]);
                    }
                }
            }

            for (t, (sums, block)) in sums.iter_mut().zip(block).enumerate() {
                let at = (first + t) * (columns / 256) + b;
                let scale = _mm256_set1_ps(*job.activations.scales.as_ptr().add(at));
                sums[0] = _mm256_fmadd_ps(block[0], scale, sums[0]);
                sums[1] = _mm256_fmadd_ps(block[1], scale, sums[1]);
            }
        }
        store_all(job, token, panel, sums);
    }
}

/// Integer sums over `GROUPS` groups of four columns for `T` tokens.
///
/// # Safety
/// The processor has AVX2; `GROUPS` times 64 codes lie at `codes`, on a line, and `GROUPS` times 4 at `inputs` and at
/// each of the `T - 1` places `stride` further.
#[inline(always)]
unsafe fn integers<const SIGNED: bool, const GROUPS: usize, const T: usize>(
    codes: *const u8,
    inputs: *const i8,
    stride: usize,
    starts: [i32; T],
) -> [[__m256i; 2]; T] {
    // SAFETY: the caller's promise.
    unsafe {
        let ones = _mm256_set1_epi16(1);
        let mut sums = [[_mm256_set1_epi32(0); 2]; T];
        for (sums, start) in sums.iter_mut().zip(starts) {
            *sums = [_mm256_set1_epi32(start); 2];
        }

        for group in 0..GROUPS {
            for half in 0..2 {
                let weights = _mm256_load_si256(codes.add(group * 64 + half * 32).cast());
                for (t, sums) in sums.iter_mut().enumerate() {
                    let input = inputs.add(t * stride + group * 4).cast::<i32>().read_unaligned();
                    let input = _mm256_set1_epi32(input);
                    let pairs = if SIGNED {
                        _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(input, weights))
                    } else {
                        _mm256_maddubs_epi16(weights, input)
                    };
                    sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        sums
    }
}

/// `sums += integers * scales`.
///
/// # Safety
/// The processor has AVX2 and FMA; 16 scales lie at `scales`, on a line.
#[inline(always)]
unsafe fn add_scaled<const T: usize>(sums: &mut [Sums; T], integers: [[__m256i; 2]; T], scales: *const f32) {
    // SAFETY: the caller's promise.
    unsafe {
        for (sums, integers) in sums.iter_mut().zip(integers) {
            sums[0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(integers[0]), _mm256_load_ps(scales), sums[0]);
            sums[1] =
                _mm256_fmadd_ps(_mm256_cvtepi32_ps(integers[1]), _mm256_load_ps(scales.add(8)), sums[1]);
        }
    }
}

/// # Safety
/// As [`store`], for the tokens from `token` on.
#[inline(always)]
unsafe fn store_all<const T: usize>(job: &Job<'_>, token: usize, panel: usize, sums: [Sums; T]) {
    for (t, sums) in sums.into_iter().enumerate() {
        let mut products = [0.0; PANEL_ROWS];
        // SAFETY: the caller's promise; there is room for 16 numbers.
        unsafe {
            _mm256_storeu_ps(products.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(products.as_mut_ptr().add(8), sums[1]);
            store(job, token + t, panel, &products);
        }
    }
}
