//! Products of floating-point weights: one multiply-add a column, in order.

use std::arch::x86_64::{
    __m256i, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_load_si256, _mm512_castsi512_ps,
    _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_slli_epi32, _mm512_store_ps,
};
use std::ops::Range;

use super::{FEW_TOKENS, store, with_tokens};
use crate::job::Job;
use crate::{PANEL_ROWS, Scratch};

/// Panels that are multiplied as packed at a time: as many sums hide the time of a multiply-add.
const PACKED_PANELS: usize = 4;

/// How far ahead of the weights of each panel memory is asked for.
const PREFETCH_BYTES: usize = 2048;

/// Panels of a tile of unpacked panels.
const TILE_PANELS: usize = 3;

/// Tokens of a tile of unpacked panels.
const TILE_TOKENS: usize = 8;

/// A floating-point encoding.
pub(super) trait Element {
    /// Bytes of an element.
    const BYTES: usize;

    /// The weights of 16 rows.
    ///
    /// # Safety
    /// The processor has AVX-512 F and F16C; 16 elements lie at `start`, which is a multiple of their size.
    unsafe fn load(start: *const u8) -> __m512;
}

/// Single precision.
pub(super) struct Single;
/// Half precision.
pub(super) struct Half;
/// BF16.
pub(super) struct Brain;

impl Element for Single {
    const BYTES: usize = 4;

    #[inline(always)]
    unsafe fn load(start: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_load_ps(start.cast()) }
    }
}

impl Element for Half {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn load(start: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_cvtph_ps(_mm256_load_si256(start.cast::<__m256i>())) }
    }
}

impl Element for Brain {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn load(start: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_load_si256(start.cast::<__m256i>()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }
}

/// # Safety
/// As [`super::multiply`], for weights of encoding `E`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,f16c")]
pub(super) unsafe fn multiply<E: Element>(job: &Job<'_>, panels: Range<usize>, scratch: &mut Scratch) {
    // SAFETY: the caller's promises, handed on; tiles keep to the tokens and panels that there are.
    unsafe {
        if job.tokens <= FEW_TOKENS {
            for first in panels.clone().step_by(PACKED_PANELS) {
                let count = (panels.end - first).min(PACKED_PANELS);
                packed::<E>(job, first, count);
            }
            return;
        }

        for first in panels.clone().step_by(TILE_PANELS) {
            let count = (panels.end - first).min(TILE_PANELS);

            let starts: [*const u8; TILE_PANELS] = std::array::from_fn(|place| {
                // Places beyond the last panel are not read.
                let panel = first + place.min(count - 1);
                if E::BYTES == 4 {
                    job.matrix.panel(panel).as_ptr()
                } else {
                    unpack::<E>(job, panel, place, scratch)
                }
            });

            for token in (0..job.tokens).step_by(TILE_TOKENS) {
                let tokens = (job.tokens - token).min(TILE_TOKENS);
                unpacked(job, token, tokens, first, count, starts);
            }
        }
    }
}

/// Up to four packed panels with all tokens of the job.
///
/// # Safety
/// As [`multiply`]; the job has few tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,f16c")]
unsafe fn packed<E: Element>(job: &Job<'_>, first: usize, count: usize) {
    let starts: [*const u8; PACKED_PANELS] =
        std::array::from_fn(|place| job.matrix.panel(first + place.min(count - 1)).as_ptr());

    // SAFETY: the caller's promises, handed on.
    unsafe {
        match count {
            4 => with_tokens!(job.tokens, T in [1, 2, 3, 4] => tile::<E, 4, 4, T>(job, 0, first, starts)),
            3 => with_tokens!(job.tokens, T in [1, 2, 3, 4] => tile::<E, 4, 3, T>(job, 0, first, starts)),
            2 => with_tokens!(job.tokens, T in [1, 2, 3, 4] => tile::<E, 4, 2, T>(job, 0, first, starts)),
            _ => with_tokens!(job.tokens, T in [1, 2, 3, 4] => tile::<E, 4, 1, T>(job, 0, first, starts)),
        }
    }
}

/// Up to three panels in single precision with up to eight tokens from `token` on.
///
/// # Safety
/// As [`multiply`]; `starts` are the panels from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,f16c")]
unsafe fn unpacked(
    job: &Job<'_>,
    token: usize,
    tokens: usize,
    first: usize,
    count: usize,
    starts: [*const u8; TILE_PANELS],
) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match count {
            3 => {
                with_tokens!(tokens, T in [1, 2, 3, 4, 5, 6, 7, 8] => tile::<Single, 3, 3, T>(job, token, first, starts));
            }
            2 => {
                with_tokens!(tokens, T in [1, 2, 3, 4, 5, 6, 7, 8] => tile::<Single, 3, 2, T>(job, token, first, starts));
            }
            _ => {
                with_tokens!(tokens, T in [1, 2, 3, 4, 5, 6, 7, 8] => tile::<Single, 3, 1, T>(job, token, first, starts));
            }
        }
    }
}

/// Unpacks a panel into a place of `scratch`, and returns where that starts.
///
/// # Safety
/// As [`multiply`]; `place` is below 3.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,f16c")]
unsafe fn unpack<E: Element>(job: &Job<'_>, panel: usize, place: usize, scratch: &mut Scratch) -> *const u8 {
    let start = job.matrix.panel(panel).as_ptr();
    let columns = job.matrix.columns;

    // SAFETY: the panel has `columns` times 16 elements; `scratch` has room for three such panels.
    unsafe {
        let floats = scratch.floats.as_mut_slice().as_mut_ptr().add(place * columns * PANEL_ROWS);
        for k in 0..columns {
            _mm512_store_ps(floats.add(k * PANEL_ROWS), E::load(start.add(k * PANEL_ROWS * E::BYTES)));
        }
        floats.cast_const().cast()
    }
}

/// The first `P` of some panels with `T` tokens.
///
/// # Safety
/// As [`multiply`]; `starts` are panels of encoding `E` from `first` on, and the job has the tokens from `token` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,f16c")]
unsafe fn tile<E: Element, const N: usize, const P: usize, const T: usize>(
    job: &Job<'_>,
    token: usize,
    first: usize,
    starts: [*const u8; N],
) {
    let columns = job.matrix.columns;
    let mut sums = [[_mm512_setzero_ps(); T]; P];

    // SAFETY: panels and inputs have `columns` columns.
    unsafe {
        let inputs = job.activations.floats.as_ptr().add((job.first_token + token) * columns);
        for k in 0..columns {
            if T <= FEW_TOKENS && (k * PANEL_ROWS * E::BYTES).is_multiple_of(64) {
                for start in starts.iter().take(P) {
                    let ahead = start.wrapping_add(k * PANEL_ROWS * E::BYTES + PREFETCH_BYTES);
                    _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                }
            }

            let mut weights = [_mm512_setzero_ps(); P];
            for (weights, start) in weights.iter_mut().zip(starts) {
                *weights = E::load(start.add(k * PANEL_ROWS * E::BYTES));
            }
            for t in 0..T {
                let input = _mm512_set1_ps(*inputs.add(t * columns + k));
                for p in 0..P {
                    sums[p][t] = _mm512_fmadd_ps(weights[p], input, sums[p][t]);
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
