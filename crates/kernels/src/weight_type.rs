//! The encodings of weights that have kernels.

use crate::{ActivationForm, Isa};

/// How the elements of a weight matrix are stored in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    BF16,
    /// Blocks of 32: scale, 8-bit signed codes.
    Q8_0,
    /// Blocks of 32: scale, 5-bit codes around 16.
    Q5_0,
    /// Blocks of 32: scale and minimum, 5-bit codes.
    Q5_1,
    /// Blocks of 32: scale, 4-bit codes around 8.
    Q4_0,
    /// Blocks of 32: scale and minimum, 4-bit codes.
    Q4_1,
    /// Blocks of 256: 8 sub-blocks with 6-bit scales and minima, 4-bit codes.
    Q4K,
    /// Blocks of 256: 8 sub-blocks with 6-bit scales and minima, 5-bit codes.
    Q5K,
    /// Blocks of 256: 16 sub-blocks with 8-bit signed scales, 6-bit codes around 32.
    Q6K,
}

impl WeightType {
    /// Every type, in the order of precision.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q6K,
        Self::Q5K,
        Self::Q5_1,
        Self::Q5_0,
        Self::Q4K,
        Self::Q4_1,
        Self::Q4_0,
    ];

    /// The type with this number in a GGUF file, or `None` where it has no kernel.
    #[must_use]
    pub fn from_ggml_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|weight_type| weight_type.ggml_id() == id)
    }

    /// The number of this type in a GGUF file.
    #[must_use]
    pub fn ggml_id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Q5K => 13,
            Self::Q6K => 14,
            Self::BF16 => 30,
        }
    }

    /// The name users know it by, such as `BF16` or `Q4K`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Elements in a block.
    #[must_use]
    pub fn block_elements(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q8_0 | Self::Q5_0 | Self::Q5_1 | Self::Q4_0 | Self::Q4_1 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes of a block in a file.
    #[must_use]
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q8_0 => 34,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a row in a file, or `None` where the row is no whole number of blocks or too long.
    #[must_use]
    pub fn row_bytes(self, columns: usize) -> Option<usize> {
        if !columns.is_multiple_of(self.block_elements()) {
            return None;
        }
        (columns / self.block_elements()).checked_mul(self.block_bytes())
    }

    /// The form of activations that this type is multiplied with at a level.
    ///
    /// Levels round alike, but for BF16: where the processor multiplies BF16 pairs, activations are rounded to
    /// BF16 too, as llama.cpp does.
    #[must_use]
    pub fn activation_form(self, _isa: Isa) -> ActivationForm {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => ActivationForm::Float,
            Self::Q8_0 | Self::Q5_0 | Self::Q5_1 | Self::Q4_0 | Self::Q4_1 => ActivationForm::Q8Block32,
            Self::Q4K | Self::Q5K | Self::Q6K => ActivationForm::Q8Block256,
        }
    }
}
