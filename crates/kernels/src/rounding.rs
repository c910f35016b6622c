//! Rounding of activations to 8 bits: plain Rust, and with 512-bit registers.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;

use half::f16;

/// Codes of 32 values, their scale and the sum of the codes.
///
/// The largest magnitude becomes 127, and the scale is kept in half precision. Where that is 0, so are the codes.
/// Where it is not finite, or a value is NaN, the scale is NaN and so are products.
pub(crate) fn quantize_32(values: &[f32], codes: &mut [i8]) -> (f32, i32) {
    let largest = values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let scale = f16::from_f32(largest / 127.0).to_f32();
    let finite = scale.is_finite() && !values.iter().any(|value| value.is_nan());
    if !finite || scale == 0.0 {
        codes.fill(0);
        return (if finite { 0.0 } else { f32::NAN }, 0);
    }

    let inverse = 127.0 / largest;
    for (code, value) in codes.iter_mut().zip(values) {
        *code = (value * inverse).round_ties_even() as i8;
    }
    (scale, codes.iter().map(|code| i32::from(*code)).sum())
}

/// Codes of 256 values, the sums of 16 codes each, and the scale.
///
/// The first value of the largest magnitude becomes -127. Where the scale is too small for single precision, it is 0
/// and so are the codes. Where a value is not finite, the scale is NaN and so are products.
pub(crate) fn quantize_256(values: &[f32], codes: &mut [i8], sums: &mut [i32; 16]) -> f32 {
    codes.fill(0);
    sums.fill(0);
    if values.iter().any(|value| !value.is_finite()) {
        return f32::NAN;
    }

    let larger = |extreme: f32, value: &f32| if value.abs() > extreme.abs() { *value } else { extreme };
    let inverse = -127.0 / values.iter().fold(0.0, larger);
    if !inverse.is_finite() {
        return 0.0;
    }

    for (code, value) in codes.iter_mut().zip(values) {
        *code = (inverse * value).round_ties_even() as i8;
    }
    for (sum, codes) in sums.iter_mut().zip(codes.chunks_exact(16)) {
        *sum = codes.iter().map(|code| i32::from(*code)).sum();
    }
    1.0 / inverse
}
