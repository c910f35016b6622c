//! Vectors of single precision, one type a level, so that a kernel is written once.
//!
//! A kernel is a function that is generic over [`Lanes`] and always inlined. The macro `levels!` compiles it three
//! times, each time under the instructions of one level, and chooses at run time.

use crate::Isa;

/// The level that may run: the one asked for, or the portable one where this processor lacks it.
///
/// Any caller can name any [`Isa`]; only this check makes it safe to enter its kernels.
#[inline]
pub(crate) fn runnable(isa: Isa) -> Isa {
    // Levels nest: what has the fastest has the others too.
    match (isa, Isa::best()) {
        (Isa::Avx512, Isa::Avx512) | (Isa::Avx2, Isa::Avx512 | Isa::Avx2) => isa,
        _ => Isa::Portable,
    }
}

/// Defines a function that runs a generic kernel at the level given as its first argument.
macro_rules! levels {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $kernel:ident) => {
        $(#[$meta])*
        $vis fn $name(isa: $crate::Isa, $($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments, reason = "the kernel's own arguments")]
            fn avx512($($arg: $type),*) $(-> $result)? {
                $kernel::<$crate::lanes::Lanes16>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            #[allow(clippy::too_many_arguments, reason = "the kernel's own arguments")]
            fn avx2($($arg: $type),*) $(-> $result)? {
                $kernel::<$crate::lanes::Lanes8>($($arg),*)
            }

            match $crate::lanes::runnable(isa) {
                // SAFETY: `runnable` names this level only where the processor has its instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx2 => unsafe { avx2($($arg),*) },
                _ => $kernel::<$crate::lanes::PortableLanes>($($arg),*),
            }
        }
    };
}
pub(crate) use levels;

/// A vector of numbers in single precision.
///
/// Every method is one instruction, or a few. Kernels call them only under the level that has these instructions,
/// which `levels!` sees to; memory is the caller's to check.
pub(crate) trait Lanes: Copy {
    /// Numbers in a vector; divides 16.
    const COUNT: usize;

    /// Query rows that attention keeps in registers at once.
    const ROWS: usize;

    /// `value` in every lane.
    fn splat(value: f32) -> Self;

    /// Reads [`Lanes::COUNT`] numbers.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load(from: *const f32) -> Self;

    /// Reads [`Lanes::COUNT`] numbers in half precision.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load_half(from: *const u16) -> Self;

    /// Writes [`Lanes::COUNT`] numbers.
    ///
    /// # Safety
    /// They can be written.
    unsafe fn store(self, to: *mut f32);

    /// The sum.
    fn add(self, other: Self) -> Self;

    /// The difference.
    fn sub(self, other: Self) -> Self;

    /// The product.
    fn mul(self, other: Self) -> Self;

    /// The quotient.
    fn div(self, other: Self) -> Self;

    /// `self * factor + addend`, rounded once where the level has the instruction.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// The larger one, and `other` where either is NaN.
    fn max(self, other: Self) -> Self;

    /// The smaller one, and `other` where either is NaN.
    fn min(self, other: Self) -> Self;

    /// The nearest integer, half to even. At most 2^22 in magnitude.
    fn round(self) -> Self;

    /// 2 to the power of an integer between -126 and 127.
    fn power_of_two(self) -> Self;

    /// `self` where `tested >= least` or either is NaN, else zero.
    fn or_zero_below(self, tested: Self, least: Self) -> Self;

    /// `self`, but NaN in the lanes where `tested` is NaN.
    fn or_nan(self, tested: Self) -> Self;

    /// The lanes, in memory.
    #[inline(always)]
    fn to_array(self) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        // SAFETY: a vector has at most 16 lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }

    /// The sum of all lanes.
    #[inline(always)]
    fn sum(self) -> f32 {
        let lanes = self.to_array();
        let mut width = Self::COUNT;
        let mut sums = lanes;
        while width > 1 {
            width /= 2;
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
        }
        sums[0]
    }

    /// The largest lane; NaN is passed over.
    #[inline(always)]
    fn largest(self) -> f32 {
        self.to_array()[..Self::COUNT].iter().fold(f32::NEG_INFINITY, |largest, lane| largest.max(*lane))
    }
}

/// e to the power of each lane, zero below -87.3; within 2 units in the last place of the true value.
///
/// The usual reduction, x = n ln 2 + r with |r| <= ln 2 / 2, and the Taylor polynomial of degree 7 for e^r, which leaves
/// out less than 6e-9 on that range. NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    let least = L::splat(-87.3);

    // NaN survives: `max` and `min` give their argument where either is NaN.
    let clamped = L::splat(88.3).min(least.max(x));
    let n = clamped.mul(L::splat(std::f32::consts::LOG2_E)).round();

    // ln 2 in two parts, of which the first has few enough bits for n times it to be exact.
    let r = n.mul_add(L::splat(-0.693_359_4), clamped);
    let r = n.mul_add(L::splat(2.121_944_4e-4), r);

    let p = L::splat(1.0 / 5040.0);
    let p = p.mul_add(r, L::splat(1.0 / 720.0));
    let p = p.mul_add(r, L::splat(1.0 / 120.0));
    let p = p.mul_add(r, L::splat(1.0 / 24.0));
    let p = p.mul_add(r, L::splat(1.0 / 6.0));
    let p = p.mul_add(r, L::splat(0.5));
    let p = p.mul_add(r, L::splat(1.0));
    let p = p.mul_add(r, L::splat(1.0));
    p.mul(n.power_of_two()).or_zero_below(x, least)
}

/// The portable level: eight numbers, in plain Rust.
#[derive(Clone, Copy)]
pub(crate) struct PortableLanes([f32; 8]);

impl PortableLanes {
    #[inline(always)]
    fn zip(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (lane, other) in lanes.iter_mut().zip(other.0) {
            *lane = operation(*lane, other);
        }
        Self(lanes)
    }
}

impl Lanes for PortableLanes {
    const COUNT: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises eight readable numbers; alignment is not assumed.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: the caller promises eight readable numbers.
        let bits = unsafe { from.cast::<[u16; 8]>().read_unaligned() };
        Self(bits.map(|bits| half::f16::from_bits(bits).to_f32()))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises eight writable numbers.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // `f32::mul_add` would call a library function on processors without the instruction.
        self.mul(factor).add(addend)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn round(self) -> Self {
        // 1.5 * 2^23: added to a smaller number, it leaves no place for a fraction.
        const MAGIC: f32 = 12_582_912.0;
        Self(self.0.map(|lane| (lane + MAGIC) - MAGIC))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Self(self.0.map(|lane| f32::from_bits(((lane as i32 + 127) as u32) << 23)))
    }

    #[inline(always)]
    fn or_zero_below(self, tested: Self, least: Self) -> Self {
        let mut lanes = self.0;
        for ((lane, tested), least) in lanes.iter_mut().zip(tested.0).zip(least.0) {
            *lane = if tested < least { 0.0 } else { *lane };
        }
        Self(lanes)
    }

    #[inline(always)]
    fn or_nan(self, tested: Self) -> Self {
        self.zip(tested, |lane, tested| if tested.is_nan() { tested } else { lane })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Lanes8, Lanes16};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Lanes;

    /// AVX2, FMA and F16C.
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes8(__m256);

    /// AVX-512 F, DQ and BW.
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes16(__m512);

    // SAFETY of every block below: `levels!` is the one way into a kernel of these types, and it enters it only where
    // the processor has the level's instructions; pointers are the caller's promise.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
    impl Lanes for Lanes8 {
        const COUNT: usize = 8;
        const ROWS: usize = 4;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            unsafe { Self(_mm256_set1_ps(value)) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Self(_mm256_loadu_ps(from)) }
        }

        #[inline(always)]
        unsafe fn load_half(from: *const u16) -> Self {
            unsafe { Self(_mm256_cvtph_ps(_mm_loadu_si128(from.cast()))) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm256_add_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            unsafe { Self(_mm256_sub_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm256_mul_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn div(self, other: Self) -> Self {
            unsafe { Self(_mm256_div_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm256_max_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm256_min_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn round(self) -> Self {
            unsafe { Self(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
        }

        #[inline(always)]
        fn power_of_two(self) -> Self {
            unsafe {
                let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
                Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
            }
        }

        #[inline(always)]
        fn or_zero_below(self, tested: Self, least: Self) -> Self {
            unsafe { Self(_mm256_and_ps(self.0, _mm256_cmp_ps::<_CMP_NLT_UQ>(tested.0, least.0))) }
        }

        #[inline(always)]
        fn or_nan(self, tested: Self) -> Self {
            unsafe { Self(_mm256_or_ps(self.0, _mm256_cmp_ps::<_CMP_UNORD_Q>(tested.0, tested.0))) }
        }
    }

    #[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all of them, above")]
    impl Lanes for Lanes16 {
        const COUNT: usize = 16;
        const ROWS: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            unsafe { Self(_mm512_set1_ps(value)) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Self(_mm512_loadu_ps(from)) }
        }

        #[inline(always)]
        unsafe fn load_half(from: *const u16) -> Self {
            unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm512_add_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn div(self, other: Self) -> Self {
            unsafe { Self(_mm512_div_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm512_max_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm512_min_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn round(self) -> Self {
            unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
        }

        #[inline(always)]
        fn power_of_two(self) -> Self {
            unsafe { Self(_mm512_scalef_ps(_mm512_set1_ps(1.0), self.0)) }
        }

        #[inline(always)]
        fn or_zero_below(self, tested: Self, least: Self) -> Self {
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(tested.0, least.0);
                Self(_mm512_maskz_mov_ps(kept, self.0))
            }
        }

        #[inline(always)]
        fn or_nan(self, tested: Self) -> Self {
            unsafe {
                let damaged = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(tested.0, tested.0);
                Self(_mm512_mask_mov_ps(self.0, damaged, tested.0))
            }
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            unsafe { _mm512_reduce_add_ps(self.0) }
        }

        #[inline(always)]
        fn largest(self) -> f32 {
            unsafe { _mm512_reduce_max_ps(self.0) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    levels! {
        fn exp_all(values: &mut [f32; 64]) = exp_all_with
    }

    #[inline(always)]
    fn exp_all_with<L: Lanes>(values: &mut [f32; 64]) {
        for chunk in values.chunks_exact_mut(L::COUNT) {
            // SAFETY: the chunk is as long as a vector.
            unsafe { exp(L::load(chunk.as_ptr())).store(chunk.as_mut_ptr()) };
        }
    }

    #[test]
    fn exp_is_that_of_the_library() {
        for isa in Isa::available() {
            let mut x = -87.29_f32;
            while x < 88.2 {
                let mut values = [0.0; 64];
                for (i, value) in values.iter_mut().enumerate() {
                    *value = x + i as f32 * 0.001_37;
                }
                let inputs = values;
                exp_all(isa, &mut values);
                for (input, found) in inputs.iter().zip(values) {
                    let wanted = f64::from(*input).exp();
                    let error = ((f64::from(found) - wanted) / wanted).abs();
                    assert!(error < 2.5e-7, "{isa:?}: exp({input}) = {found}, not {wanted}: {error:e}");
                }
                x += 0.0871;
            }
        }
    }

    #[test]
    fn exp_has_its_limits() {
        for isa in Isa::available() {
            let mut values = [0.0; 64];
            values[..6].copy_from_slice(&[f32::NEG_INFINITY, -1000.0, -88.0, f32::NAN, f32::INFINITY, 0.0]);
            exp_all(isa, &mut values);
            assert_eq!(&values[..3], &[0.0; 3], "{isa:?}");
            assert!(values[3].is_nan(), "{isa:?}");
            assert!(values[4] > 1e38, "{isa:?}");
            assert!((values[5] - 1.0).abs() < f32::EPSILON, "{isa:?}");
        }
    }
}
