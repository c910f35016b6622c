//! The level with tiles: registers of 16 rows of 64 bytes, and an instruction that multiplies two of them.
//!
//! A tile of weights is a part of an unpacked panel as it is, `[group of 4 columns][row][column in the group]`; a tile
//! of activations is 16 tokens of row-major codes. Scales change every 32 columns (16 in Q6_K), so a product covers
//! as many, half of what a tile could hold, and its 16 x 16 integer sums go through memory to be scaled. Even so this
//! is more than twice as fast as VNNI. Integer sums are exact and are scaled in the order of the AVX-512 kernels:
//! results have the same bits.
//!
//! Rust has no stable intrinsics for tiles, hence `asm!`. Every block of it loads, multiplies and stores: no tile
//! outlives a block. Tiles are configured for a call and released at its end.

mod int256;
mod int32;
mod tiles;

use std::ops::Range;

use crate::matmul::Job;
use crate::{Scratch, WeightType, avx512};
use avx512::codes::{Bytes, FiveBits, Nibbles, SixBits};
pub(crate) use tiles::is_available;

/// Fewest tokens for which tiles are used.
const FEWEST_TOKENS: usize = 5;

/// Multiplies the panels with the job's tokens.
///
/// # Safety
/// As [`avx512::multiply`], and [`is_available`].
pub(crate) unsafe fn multiply(job: &Job<'_>, panels: Range<usize>, scratch: &mut Scratch) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        if job.tokens < FEWEST_TOKENS {
            return avx512::multiply(job, panels, scratch);
        }

        match job.matrix.weight_type {
            WeightType::F32 | WeightType::F16 | WeightType::BF16 => avx512::multiply(job, panels, scratch),
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

/// Evaluates an expression with the number of tokens of a tile, 1 to 16, as a constant.
macro_rules! with_tile_tokens {
    ($tokens:expr, $name:ident => $call:expr) => {
        crate::avx512::with_tokens!(
            $tokens, $name in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] => $call
        )
    };
}
use with_tile_tokens;
