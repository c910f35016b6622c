//! Products of floating-point weights: one multiply-add a column, in order.

use std::arch::x86_64::{
    _mm256_fmadd_ps, _mm256_load_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::store;
use crate::PANEL_ROWS;
use crate::avx512::with_tokens;
use crate::job::Job;

/// Tokens of a tile.
const TILE_TOKENS: usize = 6;

/// Multiplies an unpacked panel with the job's tokens.
///
/// # Safety
/// As [`super::multiply`]; at `weights` lies the panel, `[column][row]`.
pub(super) unsafe fn multiply(job: &Job<'_>, panel: usize, weights: *const f32) {
    for token in (0..job.tokens).step_by(TILE_TOKENS) {
        let tokens = (job.tokens - token).min(TILE_TOKENS);
        // SAFETY: the caller's promise; the tile keeps to the tokens that there are.
        unsafe { with_tokens!(tokens, T in [1, 2, 3, 4, 5, 6] => tile::<T>(job, token, panel, weights)) }
    }
}

/// `T` tokens from `token` on.
///
/// # Safety
/// As [`multiply`]; the job has the tokens.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const T: usize>(job: &Job<'_>, token: usize, panel: usize, weights: *const f32) {
    let columns = job.matrix.columns;
    let mut sums = [[_mm256_setzero_ps(); 2]; T];

    // SAFETY: the panel and the tokens' inputs have `columns` columns.
    unsafe {
        let inputs = job.activations.floats.as_ptr().add((job.first_token + token) * columns);
        for k in 0..columns {
            let low = _mm256_load_ps(weights.add(k * PANEL_ROWS));
            let high = _mm256_load_ps(weights.add(k * PANEL_ROWS + 8));
            for (t, sums) in sums.iter_mut().enumerate() {
                let input = _mm256_set1_ps(*inputs.add(t * columns + k));
                sums[0] = _mm256_fmadd_ps(low, input, sums[0]);
                sums[1] = _mm256_fmadd_ps(high, input, sums[1]);
            }
        }

        for (t, sums) in sums.into_iter().enumerate() {
            let mut products = [0.0; PANEL_ROWS];
            _mm256_storeu_ps(products.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(products.as_mut_ptr().add(8), sums[1]);
            store(job, token + t, panel, &products);
        }
    }
}
