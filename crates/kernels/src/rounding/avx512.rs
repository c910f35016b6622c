//! The same with 512-bit registers.

use std::arch::x86_64::{
    __m128i, __m512, __m512i, _CMP_EQ_OQ, _CMP_UNORD_Q, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT,
    _mm_cvtph_ps, _mm_cvtps_ph, _mm_cvtss_f32, _mm_set_ss, _mm_storeu_si128, _mm512_abs_ps,
    _mm512_cmp_ps_mask, _mm512_cvt_roundps_epi32, _mm512_cvtsepi32_epi8, _mm512_loadu_ps, _mm512_max_ps,
    _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_reduce_max_ps, _mm512_set1_ps, _mm512_setzero_ps,
};

/// As [`super::quantize_32`]: codes, scale and sum of codes.
///
/// # Safety
/// The processor has AVX-512 F and F16C; 32 values lie at `values`, and `codes` has room for 32.
#[target_feature(enable = "avx512f,f16c")]
pub(crate) unsafe fn quantize_32(values: *const f32, codes: *mut i8) -> (f32, i32) {
    // SAFETY: the caller's promise.
    unsafe {
        let first = _mm512_loadu_ps(values);
        let second = _mm512_loadu_ps(values.add(16));
        let unordered = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(first, second);
        let largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(first), _mm512_abs_ps(second)));

        let scale = half_precision(largest / 127.0);
        if unordered != 0 || scale == 0.0 || !scale.is_finite() {
            codes.write_bytes(0, 32);
            let finite = unordered == 0 && scale == 0.0;
            return (if finite { 0.0 } else { f32::NAN }, 0);
        }

        let inverse = _mm512_set1_ps(127.0 / largest);
        let first = round(_mm512_mul_ps(first, inverse));
        let second = round(_mm512_mul_ps(second, inverse));
        store(first, codes);
        store(second, codes.add(16));
        (scale, _mm512_reduce_add_epi32(first) + _mm512_reduce_add_epi32(second))
    }
}

/// As [`super::quantize_256`]: codes, sums of 16 codes and scale.
///
/// # Safety
/// The processor has AVX-512 F; 256 values lie at `values`, and `codes` has room for 256.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn quantize_256(values: *const f32, codes: *mut i8, sums: &mut [i32; 16]) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        let mut largest = _mm512_setzero_ps();
        let mut unordered = 0;
        for part in 0..16 {
            let values = _mm512_loadu_ps(values.add(part * 16));
            unordered |= _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(values, values);
            largest = _mm512_max_ps(largest, _mm512_abs_ps(values));
        }

        let largest = _mm512_reduce_max_ps(largest);
        let finite = unordered == 0 && largest.is_finite();
        let inverse = if finite { -127.0 / first_of_magnitude(values, largest) } else { f32::NAN };
        if !inverse.is_finite() {
            codes.write_bytes(0, 256);
            sums.fill(0);
            return if finite { 0.0 } else { f32::NAN };
        }

        for (part, sum) in sums.iter_mut().enumerate() {
            let values = _mm512_loadu_ps(values.add(part * 16));
            let rounded = round(_mm512_mul_ps(_mm512_set1_ps(inverse), values));
            store(rounded, codes.add(part * 16));
            *sum = _mm512_reduce_add_epi32(rounded);
        }
        1.0 / inverse
    }
}

/// The nearest number of half precision.
///
/// # Safety
/// The processor has F16C.
#[inline(always)]
unsafe fn half_precision(value: f32) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        let half = _mm_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm_set_ss(value));
        _mm_cvtss_f32(_mm_cvtph_ps(half))
    }
}

/// The first of 256 values that has this magnitude, which one of them has.
///
/// # Safety
/// The processor has AVX-512 F; 256 values lie at `values`.
#[inline(always)]
unsafe fn first_of_magnitude(values: *const f32, magnitude: f32) -> f32 {
    // SAFETY: the caller's promise; the place found is one of the 256.
    unsafe {
        for part in 0..16 {
            let start = values.add(part * 16);
            let mask = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(
                _mm512_abs_ps(_mm512_loadu_ps(start)),
                _mm512_set1_ps(magnitude),
            );
            if mask != 0 {
                return *start.add(mask.trailing_zeros() as usize);
            }
        }
    }
    magnitude
}

/// To the nearest integer, ties to even, whatever the processor is set to.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn round(values: __m512) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(values) }
}

/// # Safety
/// The processor has AVX-512 F; `codes` has room for 16.
#[inline(always)]
unsafe fn store(integers: __m512i, codes: *mut i8) {
    // SAFETY: the caller's promise.
    unsafe { _mm_storeu_si128(codes.cast::<__m128i>(), _mm512_cvtsepi32_epi8(integers)) }
}
