//! Where the parts of a packed matrix lie.
//!
//! A panel holds 16 rows, and all of one kind of number lies together in it, each kind from a cache line on:
//! scales, minima, scales and minima of sub-blocks, codes, upper bits of codes. Inside, the 16 rows are neighbors:
//! codes lie as `[group of 4 columns][row][column in the group]`, 64 bytes a group, so that one register of
//! 512 bits holds four products for every row, and sums of rows need no shuffling.
//!
//! Codes of 4 bits share bytes: the lower halves of 64 bytes are one group, the upper halves the next. Fifth bits lie
//! in 64 bytes for every 32 columns, bit `g` of a byte for group `g`. Sixth and fifth bits of Q6_K lie in two times
//! 64 bytes for every 32 columns, bits `2 g` and `2 g + 1` of a byte for group `g` of four.

use crate::{PANEL_ROWS, WeightType};

/// Columns that the layout treats together: a block, or a part of a block of 256.
pub(crate) const BLOCK: usize = 32;

/// Bytes of the codes of a block of 16 rows once unpacked, one byte a code.
pub(crate) const BLOCK_CODES: usize = BLOCK * PANEL_ROWS;

/// Offsets in bytes from the start of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Half precision, `[block][row]`; a block has 256 columns in K formats.
    pub(crate) scales: usize,
    /// Half precision, `[block][row]`.
    pub(crate) minima: usize,
    /// Bytes, `[sub-block][row]`.
    pub(crate) sub_scales: usize,
    /// Bytes, `[sub-block][row]`.
    pub(crate) sub_minima: usize,
    /// Codes, or floating-point numbers as `[column][row]`.
    pub(crate) codes: usize,
    /// Upper bits of codes.
    pub(crate) high: usize,
    /// Bytes of a panel.
    pub(crate) panel: usize,
}

/// Bytes of each part.
struct Sizes {
    scales: usize,
    minima: usize,
    sub_scales: usize,
    sub_minima: usize,
    codes: usize,
    high: usize,
}

impl Layout {
    /// The layout of rows of `columns`, which are whole blocks.
    pub(crate) fn new(weight_type: WeightType, columns: usize) -> Self {
        let sizes = Sizes::new(weight_type, columns);
        let scales = 0;
        let minima = scales + sizes.scales.next_multiple_of(64);
        let sub_scales = minima + sizes.minima.next_multiple_of(64);
        let sub_minima = sub_scales + sizes.sub_scales.next_multiple_of(64);
        let codes = sub_minima + sizes.sub_minima.next_multiple_of(64);
        let high = codes + sizes.codes.next_multiple_of(64);
        let panel = high + sizes.high.next_multiple_of(64);
        Self { scales, minima, sub_scales, sub_minima, codes, high, panel }
    }
}

impl Sizes {
    fn new(weight_type: WeightType, columns: usize) -> Self {
        let none = Self { scales: 0, minima: 0, sub_scales: 0, sub_minima: 0, codes: 0, high: 0 };
        let halves = 2 * PANEL_ROWS * (columns / weight_type.block_elements());
        let bytes = columns * PANEL_ROWS;

        match weight_type {
            WeightType::F32 => Self { codes: 4 * bytes, ..none },
            WeightType::F16 | WeightType::BF16 => Self { codes: 2 * bytes, ..none },
            WeightType::Q8_0 => Self { scales: halves, codes: bytes, ..none },
            WeightType::Q4_0 => Self { scales: halves, codes: bytes / 2, ..none },
            WeightType::Q4_1 => Self { scales: halves, minima: halves, codes: bytes / 2, ..none },
            WeightType::Q5_0 => Self { scales: halves, codes: bytes / 2, high: bytes / 8, ..none },
            WeightType::Q5_1 => {
                Self { scales: halves, minima: halves, codes: bytes / 2, high: bytes / 8, ..none }
            }
            WeightType::Q4K => Self {
                scales: halves,
                minima: halves,
                sub_scales: bytes / 32,
                sub_minima: bytes / 32,
                codes: bytes / 2,
                high: 0,
            },
            WeightType::Q5K => Self {
                scales: halves,
                minima: halves,
                sub_scales: bytes / 32,
                sub_minima: bytes / 32,
                codes: bytes / 2,
                high: bytes / 8,
            },
            WeightType::Q6K => {
                Self { scales: halves, sub_scales: bytes / 16, codes: bytes / 2, high: bytes / 4, ..none }
            }
        }
    }
}
