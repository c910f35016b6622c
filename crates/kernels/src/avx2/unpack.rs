//! From packed panels to one byte a code, or one float a weight.

use std::arch::x86_64::{
    __m256, __m256i, _mm_cvtsi32_si128, _mm_load_si128, _mm_loadl_epi64, _mm256_and_si256,
    _mm256_castsi256_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32,
    _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_load_si256, _mm256_mul_ps, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_setzero_ps, _mm256_slli_epi16, _mm256_slli_epi32, _mm256_srl_epi16,
    _mm256_store_ps, _mm256_store_si256, _mm256_sub_ps, _mm256_xor_si256,
};

use crate::format::{has_minimum, scale_columns};
use crate::job::Job;
use crate::layout::{BLOCK, BLOCK_CODES};
use crate::{PANEL_ROWS, Scratch, WeightType};

/// Unpacks half-precision or BF16 weights into `scratch`.
///
/// # Safety
/// The processor has AVX2 and F16C; the job's matrix has the panel, and `scratch` room for it.
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn floats(job: &Job<'_>, panel: usize, scratch: &mut Scratch) {
    let start = job.matrix.panel(panel).as_ptr();
    let floats = scratch.floats.as_mut_slice().as_mut_ptr();
    let half = job.matrix.weight_type == WeightType::F16;

    // SAFETY: a panel has 16 weights of two bytes for every column.
    unsafe {
        for place in (0..job.matrix.columns * PANEL_ROWS).step_by(8) {
            let stored = _mm_load_si128(start.add(2 * place).cast());
            let values = if half {
                _mm256_cvtph_ps(stored)
            } else {
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(stored)))
            };
            _mm256_store_ps(floats.add(place), values);
        }
    }
}

/// Unpacks codes, scales and minima into `scratch`; codes of Q8_0 become signed.
///
/// # Safety
/// The processor has AVX2 and F16C; the job's matrix has the panel, and `scratch` room for it.
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn panel(job: &Job<'_>, panel: usize, scratch: &mut Scratch) {
    let weight_type = job.matrix.weight_type;
    let layout = &job.matrix.layout;
    let start = job.matrix.panel(panel).as_ptr();
    let blocks = job.matrix.columns / BLOCK;

    // SAFETY: the panel has as many blocks in the order of `layout`, and `scratch` has room for them.
    unsafe {
        let codes = scratch.codes.as_mut_slice().as_mut_ptr();
        for b in 0..blocks {
            let codes = codes.add(b * BLOCK_CODES);
            match weight_type {
                WeightType::Q8_0 => signed(start.add(layout.codes + b * BLOCK_CODES), codes),
                WeightType::Q4_0 | WeightType::Q4_1 | WeightType::Q4K => {
                    nibbles(start.add(layout.codes + b * 256), codes);
                }
                WeightType::Q6K => {
                    nibbles(start.add(layout.codes + b * 256), codes);
                    for half in 0..2 {
                        let high = start.add(layout.high + b * 128 + half * 64);
                        add_bits::<2>(high, codes.add(half * 256), 4);
                    }
                }
                _ => {
                    nibbles(start.add(layout.codes + b * 256), codes);
                    add_bits::<1>(start.add(layout.high + b * 64), codes, 8);
                }
            }
        }
        scales(job, start, scratch);
    }
}

/// # Safety
/// The processor has AVX2; 512 bytes at both, on lines.
#[inline(always)]
unsafe fn signed(stored: *const u8, codes: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let sign = _mm256_set1_epi8(i8::MIN);
        for place in (0..BLOCK_CODES).step_by(32) {
            store(codes.add(place), _mm256_xor_si256(load(stored.add(place)), sign));
        }
    }
}

/// # Safety
/// The processor has AVX2; 256 bytes at `stored`, 512 at `codes`, on lines.
#[inline(always)]
unsafe fn nibbles(stored: *const u8, codes: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm256_set1_epi8(15);
        for pair in 0..4 {
            for half in [0, 32] {
                let shared = load(stored.add(pair * 64 + half));
                let codes = codes.add(pair * 128 + half);
                store(codes, _mm256_and_si256(shared, low));
                let high = _mm256_srl_epi16(shared, _mm_cvtsi32_si128(4));
                store(codes.add(64), _mm256_and_si256(high, low));
            }
        }
    }
}

/// Adds `BITS` upper bits a group to `groups` groups of codes of 4 bits.
///
/// # Safety
/// The processor has AVX2; 64 bytes at `high`, 64 a group at `codes`, on lines.
#[inline(always)]
unsafe fn add_bits<const BITS: i32>(high: *const u8, codes: *mut u8, groups: i32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mask = _mm256_set1_epi8(if BITS == 1 { 1 } else { 3 });
        for half in [0, 32] {
            let high = load(high.add(half));
            for group in 0..groups {
                let place = codes.add(group as usize * 64 + half);
                let bits = _mm256_and_si256(_mm256_srl_epi16(high, _mm_cvtsi32_si128(BITS * group)), mask);
                store(place, _mm256_or_si256(load(place), _mm256_slli_epi16::<4>(bits)));
            }
        }
    }
}

/// Scales and minima in single precision, those of sub-blocks multiplied out.
///
/// # Safety
/// As [`panel`].
#[inline(always)]
unsafe fn scales(job: &Job<'_>, start: *const u8, scratch: &mut Scratch) {
    let weight_type = job.matrix.weight_type;
    let layout = &job.matrix.layout;
    let columns = job.matrix.columns;
    let width = scale_columns(weight_type);
    let subs = weight_type.block_elements() / width;

    // SAFETY: the caller's promise: parts of the panel and of `scratch` have as many numbers.
    unsafe {
        let scales = scratch.scales.as_mut_slice().as_mut_ptr();
        let minima = scratch.minima.as_mut_slice().as_mut_ptr();
        for half in [0, 8] {
            for j in 0..columns / width {
                let scale = halves(start.add(layout.scales + 2 * (j / subs * PANEL_ROWS + half)));
                let sub_scale = layout.sub_scales + j * PANEL_ROWS + half;
                let scale = match weight_type {
                    WeightType::Q4K | WeightType::Q5K => _mm256_mul_ps(scale, bytes(start.add(sub_scale))),
                    WeightType::Q6K => _mm256_mul_ps(scale, signed_bytes(start.add(sub_scale))),
                    _ => scale,
                };
                _mm256_store_ps(scales.add(j * PANEL_ROWS + half), scale);
            }

            for b in 0..if has_minimum(weight_type) { columns / BLOCK } else { 0 } {
                let mut minimum = halves(start.add(layout.minima + 2 * (b / subs * PANEL_ROWS + half)));
                if subs > 1 {
                    let product =
                        _mm256_mul_ps(minimum, bytes(start.add(layout.sub_minima + b * PANEL_ROWS + half)));
                    minimum = _mm256_sub_ps(_mm256_setzero_ps(), product);
                }
                _mm256_store_ps(minima.add(b * PANEL_ROWS + half), minimum);
            }
        }
    }
}

/// # Safety
/// The processor has F16C; 16 bytes lie at `start`, which is a multiple of 16.
#[inline(always)]
unsafe fn halves(start: *const u8) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cvtph_ps(_mm_load_si128(start.cast())) }
}

/// # Safety
/// The processor has AVX2; 8 bytes lie at `start`.
#[inline(always)]
unsafe fn bytes(start: *const u8) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(start.cast()))) }
}

/// # Safety
/// The processor has AVX2; 8 bytes lie at `start`.
#[inline(always)]
unsafe fn signed_bytes(start: *const u8) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(start.cast()))) }
}

/// # Safety
/// The processor has AVX2; 32 bytes lie at `start`, which is a multiple of 32.
#[inline(always)]
unsafe fn load(start: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_load_si256(start.cast()) }
}

/// # Safety
/// The processor has AVX2; there is room for 32 bytes at `place`, which is a multiple of 32.
#[inline(always)]
unsafe fn store(place: *mut u8, codes: __m256i) {
    // SAFETY: the caller's promise.
    unsafe { _mm256_store_si256(place.cast(), codes) }
}
