//! From packed codes to one byte a code, in registers.

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_load_si512, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_slli_epi16,
    _mm512_srli_epi16, _mm512_ternarylogic_epi32,
};

/// `(a & b) | c` as a table of three bits.
const AND_OR: i32 = 0xEA;

/// How the codes of 32 columns are packed.
pub(super) trait Codes {
    /// The codes, one register for four columns.
    ///
    /// # Safety
    /// The processor has AVX-512 F and BW; `codes` and `high` are those parts of a panel that has the block.
    unsafe fn block(codes: *const u8, high: *const u8, block: usize) -> [__m512i; 8];
}

/// One byte a code.
pub(super) struct Bytes;
/// Two codes in a byte.
pub(super) struct Nibbles;
/// Two codes in a byte, fifth bits apart.
pub(super) struct FiveBits;
/// Two codes in a byte, fifth and sixth bits apart.
pub(super) struct SixBits;

impl Codes for Bytes {
    #[inline(always)]
    unsafe fn block(codes: *const u8, _high: *const u8, block: usize) -> [__m512i; 8] {
        // SAFETY: the caller's promise; a block takes 512 bytes.
        unsafe {
            let start = codes.add(block * 512);
            let mut groups = [_mm512_setzero_si512(); 8];
            for (group, codes) in groups.iter_mut().enumerate() {
                *codes = load(start.add(group * 64));
            }
            groups
        }
    }
}

impl Codes for Nibbles {
    #[inline(always)]
    unsafe fn block(codes: *const u8, _high: *const u8, block: usize) -> [__m512i; 8] {
        // SAFETY: the caller's promise; a block takes 256 bytes.
        unsafe {
            let start = codes.add(block * 256);
            let low = _mm512_set1_epi8(15);
            let mut groups = [_mm512_setzero_si512(); 8];
            for (pair, codes) in groups.chunks_exact_mut(2).enumerate() {
                let shared = load(start.add(pair * 64));
                codes[0] = _mm512_and_si512(shared, low);
                codes[1] = _mm512_and_si512(_mm512_srli_epi16::<4>(shared), low);
            }
            groups
        }
    }
}

impl Codes for FiveBits {
    #[inline(always)]
    unsafe fn block(codes: *const u8, high: *const u8, block: usize) -> [__m512i; 8] {
        // SAFETY: the caller's promise; a block takes 256 bytes, and 64 of fifth bits.
        unsafe {
            let mut groups = Nibbles::block(codes, high, block);
            let high = load(high.add(block * 64));
            let bit = _mm512_set1_epi8(16);

            // Shifts cross bytes, but bit 4 always comes from the same byte.
            let shifted = [
                _mm512_slli_epi16::<4>(high),
                _mm512_slli_epi16::<3>(high),
                _mm512_slli_epi16::<2>(high),
                _mm512_slli_epi16::<1>(high),
                high,
                _mm512_srli_epi16::<1>(high),
                _mm512_srli_epi16::<2>(high),
                _mm512_srli_epi16::<3>(high),
            ];
            for (codes, high) in groups.iter_mut().zip(shifted) {
                *codes = _mm512_ternarylogic_epi32::<AND_OR>(high, bit, *codes);
            }
            groups
        }
    }
}

impl Codes for SixBits {
    #[inline(always)]
    unsafe fn block(codes: *const u8, high: *const u8, block: usize) -> [__m512i; 8] {
        // SAFETY: the caller's promise; a block takes 256 bytes, and 128 of upper bits.
        unsafe {
            let mut groups = Nibbles::block(codes, high, block);
            let first = load(high.add(block * 128));
            let second = load(high.add(block * 128 + 64));
            let bits = _mm512_set1_epi8(48);

            let shifted = [
                _mm512_slli_epi16::<4>(first),
                _mm512_slli_epi16::<2>(first),
                first,
                _mm512_srli_epi16::<2>(first),
                _mm512_slli_epi16::<4>(second),
                _mm512_slli_epi16::<2>(second),
                second,
                _mm512_srli_epi16::<2>(second),
            ];
            for (codes, high) in groups.iter_mut().zip(shifted) {
                *codes = _mm512_ternarylogic_epi32::<AND_OR>(high, bits, *codes);
            }
            groups
        }
    }
}

/// # Safety
/// The processor has AVX-512 F; 64 bytes lie at `start`, which is a multiple of 64.
#[inline(always)]
unsafe fn load(start: *const u8) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_load_si512(start.cast()) }
}
