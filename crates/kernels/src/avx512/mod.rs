//! The level with 512-bit registers and VNNI.
//!
//! Weights are unsigned, activations signed, as `vpdpbusd` wants them; a zero point is in the start of an integer sum.
//! A register holds 16 rows, so results need no sums across lanes and leave as 16 neighbors.
//!
//! Up to [`FEW_TOKENS`] tokens are multiplied with the packed panel as it is read from memory. For more, two panels
//! are unpacked to a byte a code (three to a float a weight) and multiplied with all tokens from there. Both do the
//! same operations in the same order for one result.

#![allow(clippy::needless_range_loop, reason = "tiles are indexed by panel and token")]

mod codes;
mod float;
mod int256;
mod int32;

/// Evaluates an expression with the number of tokens as a constant.
macro_rules! with_tokens {
    ($tokens:expr, $name:ident in [$($count:literal),+] => $call:expr) => {
        match $tokens {
            $($count => {
                const $name: usize = $count;
                $call
            })+
            _ => unreachable!("tiles have a bounded number of tokens"),
        }
    };
}
pub(crate) use with_tokens;

use std::arch::x86_64::{
    __m256i, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_load_si256, _mm512_cvtph_ps, _mm512_mask_storeu_ps,
};
use std::ops::Range;

use crate::job::Job;
use crate::{PANEL_ROWS, Scratch, WeightType};
use codes::{Bytes, FiveBits, Nibbles, SixBits};

/// Most tokens that are multiplied without unpacking.
const FEW_TOKENS: usize = 4;

/// Multiplies the panels with the job's tokens.
///
/// # Safety
/// The processor has AVX-512 F, BW, DQ, VL and VNNI. The job's shapes fit, the panels exist, nobody else uses their
/// columns of the result, and there is room in `scratch`.
pub(crate) unsafe fn multiply(job: &Job<'_>, panels: Range<usize>, scratch: &mut Scratch) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match job.matrix.weight_type {
            WeightType::F32 => float::multiply::<float::Single>(job, panels, scratch),
            WeightType::F16 => float::multiply::<float::Half>(job, panels, scratch),
            WeightType::BF16 => float::multiply::<float::Brain>(job, panels, scratch),
            WeightType::Q8_0 => int32::multiply::<Bytes, false>(job, panels, scratch),
            WeightType::Q5_0 => int32::multiply::<FiveBits, false>(job, panels, scratch),
            WeightType::Q5_1 => int32::multiply::<FiveBits, true>(job, panels, scratch),
            WeightType::Q4_0 => int32::multiply::<Nibbles, false>(job, panels, scratch),
            WeightType::Q4_1 => int32::multiply::<Nibbles, true>(job, panels, scratch),
            WeightType::Q4K => int256::multiply::<Nibbles, false>(job, panels, scratch),
            WeightType::Q5K => int256::multiply::<FiveBits, false>(job, panels, scratch),
            WeightType::Q6K => int256::multiply::<SixBits, true>(job, panels, scratch),
        }
    }
}

/// 16 half-precision numbers of a panel.
///
/// # Safety
/// The processor has AVX-512 F, and 32 bytes lie at `start`, which is a multiple of 32.
#[inline(always)]
unsafe fn halves(start: *const u8) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { _mm512_cvtph_ps(_mm256_load_si256(start.cast::<__m256i>())) }
}

/// How far ahead of the codes that are being multiplied memory is asked for.
const PREFETCH_BYTES: usize = 8192;

/// Asks for the part of a panel that is [`PREFETCH_BYTES`] behind the `index`-th of `parts`.
///
/// Panels lie one after the other, so what is behind a panel's end is the next one. The processor's own prefetching
/// stops at pages, of which a panel touches few.
///
/// # Safety
/// Addresses may be anything: nothing is read.
#[inline(always)]
unsafe fn prefetch(panel: *const u8, bytes: usize, index: usize, parts: usize) {
    let size = bytes / parts;
    let start = panel.wrapping_add(index * size + PREFETCH_BYTES);
    for line in 0..size.div_ceil(64) {
        // SAFETY: a hint, which cannot fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line * 64).cast()) };
    }
}

/// Stores the products of a panel with a token.
///
/// # Safety
/// The processor has AVX-512 F; the rest as [`Job::panel_row`].
#[inline(always)]
unsafe fn store(job: &Job<'_>, token: usize, panel: usize, products: __m512) {
    let mask = (0xFFFF_u32 >> (PANEL_ROWS - job.panel_rows(panel))) as u16;
    // SAFETY: the caller's promise; the mask keeps to the rows that there are.
    unsafe { _mm512_mask_storeu_ps(job.panel_row(token, panel).as_mut_ptr(), mask, products) }
}
