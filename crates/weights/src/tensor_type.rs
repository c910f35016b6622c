//! The number formats a GGUF file can hold.

/// A tensor's number format, by the number that GGUF gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorType(u32);

/// Number, name, elements per block, bytes per block. From the GGUF specification's `ggml_type`.
const KNOWN: &[(u32, &str, u64, u64)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
];

impl TensorType {
    /// 32-bit floating point.
    pub const F32: Self = Self(0);
    /// 16-bit floating point.
    pub const F16: Self = Self(1);
    /// 4 bits with a scale for each 32.
    pub const Q4_0: Self = Self(2);
    /// 4 bits with a scale and a minimum for each 32.
    pub const Q4_1: Self = Self(3);
    /// 5 bits with a scale for each 32.
    pub const Q5_0: Self = Self(6);
    /// 5 bits with a scale and a minimum for each 32.
    pub const Q5_1: Self = Self(7);
    /// 8 bits with a scale for each 32.
    pub const Q8_0: Self = Self(8);
    /// 4 bits in blocks of 256.
    pub const Q4_K: Self = Self(12);
    /// 5 bits in blocks of 256.
    pub const Q5_K: Self = Self(13);
    /// 6 bits in blocks of 256.
    pub const Q6_K: Self = Self(14);
    /// 16 bits with the exponent of 32.
    pub const BF16: Self = Self(30);

    /// The format with that number in a GGUF file; `None` where it is not known.
    pub fn from_number(number: u32) -> Option<Self> {
        KNOWN.iter().any(|known| known.0 == number).then_some(Self(number))
    }

    /// Every format that is known.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|known| Self(known.0))
    }

    /// The number in a GGUF file.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The name llama.cpp gives it: `Q4_K`.
    pub fn name(self) -> &'static str {
        self.known().map_or("unknown", |known| known.1)
    }

    /// Elements in a block; a row's width must be a multiple of it.
    pub fn block_elements(self) -> u64 {
        self.known().map_or(1, |known| known.2)
    }

    /// Bytes of that many elements; `None` where they are no whole number of blocks, or overflow.
    pub fn bytes_for(self, elements: u64) -> Option<u64> {
        let (_, _, block, bytes) = self.known()?;
        if elements.is_multiple_of(*block) { (elements / block).checked_mul(*bytes) } else { None }
    }

    /// Whether each number is stored on its own, at 16 bits or more.
    pub fn is_full_precision(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16)
    }

    fn known(self) -> Option<&'static (u32, &'static str, u64, u64)> {
        KNOWN.iter().find(|known| known.0 == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_whole_blocks() {
        let check = |kind: TensorType, elements, wanted| assert_eq!(kind.bytes_for(elements), wanted);
        check(TensorType::F32, 3, Some(12));
        check(TensorType::Q4_0, 64, Some(36));
        check(TensorType::Q4_0, 65, None);
        check(TensorType::Q6_K, 576, None);
        check(TensorType::F32, u64::MAX, None);
        assert_eq!(TensorType::from_number(999), None);
    }
}
