//! The level with 256-bit registers: AVX2, FMA and F16C.
//!
//! One panel at a time is unpacked to a byte a code, or a float a weight, and multiplied with tiles of tokens.
//! `vpmaddubsw` adds pairs of products in 16 bits: 2 x 63 x 127 fits, 2 x 255 x 127 would not. So codes of Q8_0 become
//! signed, and the product takes their magnitudes and the activations with their signs: 2 x 128 x 127 fits.
//!
//! Operations and their order are those of the AVX-512 level, so the bits of results are the same.

#![allow(clippy::needless_range_loop, reason = "tiles are indexed by panel and token")]

mod float;
mod int;
mod unpack;

use std::ops::Range;

use crate::job::Job;
use crate::{PANEL_ROWS, Scratch, WeightType};

/// Multiplies the panels with the job's tokens.
///
/// # Safety
/// The processor has AVX2, FMA and F16C. The job's shapes fit, the panels exist, nobody else uses their columns of the
/// result, and there is room in `scratch`.
pub(crate) unsafe fn multiply(job: &Job<'_>, panels: Range<usize>, scratch: &mut Scratch) {
    for panel in panels {
        // SAFETY: the caller's promises, handed on.
        unsafe {
            match job.matrix.weight_type {
                WeightType::F32 => float::multiply(job, panel, job.matrix.panel(panel).as_ptr().cast()),
                WeightType::F16 | WeightType::BF16 => {
                    unpack::floats(job, panel, scratch);
                    float::multiply(job, panel, scratch.floats.as_ptr());
                }
                WeightType::Q4K | WeightType::Q5K => {
                    unpack::panel(job, panel, scratch);
                    int::multiply_256::<false>(job, panel, scratch);
                }
                WeightType::Q6K => {
                    unpack::panel(job, panel, scratch);
                    int::multiply_256::<true>(job, panel, scratch);
                }
                WeightType::Q8_0 => {
                    unpack::panel(job, panel, scratch);
                    int::multiply_32::<true, false>(job, panel, scratch);
                }
                WeightType::Q5_0 | WeightType::Q4_0 => {
                    unpack::panel(job, panel, scratch);
                    int::multiply_32::<false, false>(job, panel, scratch);
                }
                WeightType::Q5_1 | WeightType::Q4_1 => {
                    unpack::panel(job, panel, scratch);
                    int::multiply_32::<false, true>(job, panel, scratch);
                }
            }
        }
    }
}

/// Writes the products of a panel with a token.
///
/// # Safety
/// As [`Job::panel_row`].
#[inline(always)]
unsafe fn store(job: &Job<'_>, token: usize, panel: usize, products: &[f32; PANEL_ROWS]) {
    // SAFETY: the caller's promise.
    let row = unsafe { job.panel_row(token, panel) };
    row.copy_from_slice(products.get(..row.len()).unwrap_or(&[]));
}
