//! The blocks of GGUF files, read one at a time: the meaning of every format, without regard to speed.

use half::{bf16, f16};

use crate::WeightType;

/// A block of 32 elements: element `i` is `scale * (codes[i] - zero point) + minimum`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block32 {
    /// Bits of the scale, half precision.
    pub(crate) scale: u16,
    /// Bits of the minimum, half precision; zero where the format has none.
    pub(crate) minimum: u16,
    /// Unsigned codes in the order of elements.
    pub(crate) codes: [u8; 32],
}

/// A block of 256 elements: element `i` of sub-block `j` is
/// `scale * scales[j] * (codes[i] - zero point) - minimum * minima[j]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block256 {
    /// Bits of the scale of scales, half precision.
    pub(crate) scale: u16,
    /// Bits of the scale of minima, half precision; zero where the format has none.
    pub(crate) minimum: u16,
    /// Scales of the sub-blocks: 8 unsigned, or 16 signed ones in two's complement.
    pub(crate) scales: [u8; 16],
    /// Minima of 8 sub-blocks.
    pub(crate) minima: [u8; 8],
    /// Unsigned codes in the order of elements.
    pub(crate) codes: [u8; 256],
}

/// What stands for zero among the unsigned codes of a format.
pub(crate) fn zero_point(weight_type: WeightType) -> u8 {
    match weight_type {
        WeightType::Q8_0 => 128,
        WeightType::Q6K => 32,
        WeightType::Q5_0 => 16,
        WeightType::Q4_0 => 8,
        WeightType::F32
        | WeightType::F16
        | WeightType::BF16
        | WeightType::Q4_1
        | WeightType::Q5_1
        | WeightType::Q4K
        | WeightType::Q5K => 0,
    }
}

/// True where elements have a minimum.
pub(crate) fn has_minimum(weight_type: WeightType) -> bool {
    matches!(weight_type, WeightType::Q4_1 | WeightType::Q5_1 | WeightType::Q4K | WeightType::Q5K)
}

/// Decodes a row as its file holds it.
///
/// Bytes beyond the last whole block, and blocks beyond the end of `row`, are left alone.
pub fn decode_row(weight_type: WeightType, bytes: &[u8], row: &mut [f32]) {
    let blocks = bytes.chunks_exact(weight_type.block_bytes());
    let elements = row.chunks_exact_mut(weight_type.block_elements());

    match weight_type {
        WeightType::F32 => {
            for (value, element) in blocks.zip(row) {
                *element = f32::from_le_bytes(array(value, 0));
            }
        }
        WeightType::F16 => {
            for (value, element) in blocks.zip(row) {
                *element = f16::from_le_bytes(array(value, 0)).to_f32();
            }
        }
        WeightType::BF16 => {
            for (value, element) in blocks.zip(row) {
                *element = bf16::from_le_bytes(array(value, 0)).to_f32();
            }
        }
        WeightType::Q8_0 | WeightType::Q5_0 | WeightType::Q5_1 | WeightType::Q4_0 | WeightType::Q4_1 => {
            for (block, elements) in blocks.zip(elements) {
                decode_32(weight_type, &Block32::read(weight_type, block), elements);
            }
        }
        WeightType::Q4K | WeightType::Q5K | WeightType::Q6K => {
            for (block, elements) in blocks.zip(elements) {
                decode_256(weight_type, &Block256::read(weight_type, block), elements);
            }
        }
    }
}

/// Elements of a block of 32.
fn decode_32(weight_type: WeightType, block: &Block32, elements: &mut [f32]) {
    let zero = f32::from(zero_point(weight_type));
    let scale = f16::from_bits(block.scale).to_f32();
    let minimum = f16::from_bits(block.minimum).to_f32();

    for (element, code) in elements.iter_mut().zip(block.codes) {
        let product = (f32::from(code) - zero) * scale;
        *element = if has_minimum(weight_type) { product + minimum } else { product };
    }
}

/// Elements of a block of 256.
fn decode_256(weight_type: WeightType, block: &Block256, elements: &mut [f32]) {
    let zero = f32::from(zero_point(weight_type));
    let scale = f16::from_bits(block.scale).to_f32();
    let minimum = f16::from_bits(block.minimum).to_f32();
    let width = sub_block(weight_type);

    for (j, (elements, codes)) in elements.chunks_mut(width).zip(block.codes.chunks(width)).enumerate() {
        let scale = scale * sub_scale(weight_type, block, j);
        let minimum = minimum * f32::from(block.minima.get(j).copied().unwrap_or(0));

        for (element, code) in elements.iter_mut().zip(codes) {
            let product = scale * (f32::from(*code) - zero);
            *element = if has_minimum(weight_type) { product - minimum } else { product };
        }
    }
}

/// Elements that share a scale inside a block of 256.
pub(crate) fn sub_block(weight_type: WeightType) -> usize {
    if weight_type == WeightType::Q6K { 16 } else { 32 }
}

/// Columns that share a scale once sub-blocks are unpacked.
pub(crate) fn scale_columns(weight_type: WeightType) -> usize {
    match weight_type {
        WeightType::Q4K | WeightType::Q5K | WeightType::Q6K => sub_block(weight_type),
        _ => weight_type.block_elements(),
    }
}

/// The integer scale of sub-block `j`.
fn sub_scale(weight_type: WeightType, block: &Block256, j: usize) -> f32 {
    let scale = block.scales.get(j).copied().unwrap_or(0);
    if weight_type == WeightType::Q6K { f32::from(scale.cast_signed()) } else { f32::from(scale) }
}

impl Block32 {
    /// Reads a block; missing bytes are zeros.
    pub(crate) fn read(weight_type: WeightType, bytes: &[u8]) -> Self {
        let mut block = Self { scale: u16::from_le_bytes(array(bytes, 0)), minimum: 0, codes: [0; 32] };

        match weight_type {
            WeightType::Q8_0 => {
                let stored: [u8; 32] = array(bytes, 2);
                // Two's complement around 0 becomes unsigned around 128.
                block.codes = stored.map(|code| code ^ 0x80);
            }
            WeightType::Q4_0 => block.codes = nibbles(array(bytes, 2)),
            WeightType::Q4_1 => {
                block.minimum = u16::from_le_bytes(array(bytes, 2));
                block.codes = nibbles(array(bytes, 4));
            }
            WeightType::Q5_0 => {
                block.codes = fifth_bits(nibbles(array(bytes, 6)), u32::from_le_bytes(array(bytes, 2)));
            }
            _ => {
                block.minimum = u16::from_le_bytes(array(bytes, 2));
                block.codes = fifth_bits(nibbles(array(bytes, 8)), u32::from_le_bytes(array(bytes, 4)));
            }
        }
        block
    }
}

impl Block256 {
    /// Reads a block; missing bytes are zeros.
    pub(crate) fn read(weight_type: WeightType, bytes: &[u8]) -> Self {
        match weight_type {
            WeightType::Q4K => Self::read_q4_k(bytes),
            WeightType::Q5K => Self::read_q5_k(bytes),
            _ => Self::read_q6_k(bytes),
        }
    }

    fn read_q4_k(bytes: &[u8]) -> Self {
        let mut block = Self::read_scales(bytes);
        let codes: [u8; 128] = array(bytes, 16);

        // 32 bytes hold 64 elements: the lower halves first, then the upper ones.
        for (elements, stored) in block.codes.chunks_exact_mut(64).zip(codes.chunks_exact(32)) {
            let (low, high) = elements.split_at_mut(32);
            for ((low, high), stored) in low.iter_mut().zip(high).zip(stored) {
                *low = stored & 15;
                *high = stored >> 4;
            }
        }
        block
    }

    fn read_q5_k(bytes: &[u8]) -> Self {
        let mut block = Self::read_scales(bytes);
        let fifth: [u8; 32] = array(bytes, 16);
        let codes: [u8; 128] = array(bytes, 48);

        // Bit `2 j` of byte `l` belongs to element `l` of the j-th 64, bit `2 j + 1` to element `32 + l`.
        for (j, (elements, stored)) in
            block.codes.chunks_exact_mut(64).zip(codes.chunks_exact(32)).enumerate()
        {
            let (low, high) = elements.split_at_mut(32);
            for (((low, high), stored), fifth) in low.iter_mut().zip(high).zip(stored).zip(fifth) {
                *low = (stored & 15) | (((fifth >> (2 * j)) & 1) << 4);
                *high = (stored >> 4) | (((fifth >> (2 * j + 1)) & 1) << 4);
            }
        }
        block
    }

    /// Scale, minimum and the 6-bit scales and minima, which Q4K and Q5K pack alike.
    fn read_scales(bytes: &[u8]) -> Self {
        let packed: [u8; 12] = array(bytes, 4);
        let [first, second, third] = [0, 4, 8].map(|start| array::<4>(&packed, start));

        let mut scales = [0; 16];
        let mut minima = [0; 8];
        for j in 0..4 {
            let (first, second, third) = (at(&first, j), at(&second, j), at(&third, j));
            set(&mut scales, j, first & 63);
            set(&mut minima, j, second & 63);
            set(&mut scales, j + 4, (third & 15) | ((first >> 6) << 4));
            set(&mut minima, j + 4, (third >> 4) | ((second >> 6) << 4));
        }

        let scale = u16::from_le_bytes(array(bytes, 0));
        let minimum = u16::from_le_bytes(array(bytes, 2));
        Self { scale, minimum, scales, minima, codes: [0; 256] }
    }

    fn read_q6_k(bytes: &[u8]) -> Self {
        let low: [u8; 128] = array(bytes, 0);
        let high: [u8; 64] = array(bytes, 128);
        let scale = u16::from_le_bytes(array(bytes, 208));
        let mut codes = [0; 256];

        // Each half of 128 elements: 64 bytes of lower halves, 32 bytes of upper bits, four to a byte.
        for (half, elements) in codes.chunks_exact_mut(128).enumerate() {
            for (i, element) in elements.iter_mut().enumerate() {
                let low = at(&low, 64 * half + i % 64) >> (4 * (i / 64));
                let high = at(&high, 32 * half + i % 32) >> (2 * (i / 32));
                *element = (low & 15) | ((high & 3) << 4);
            }
        }
        Self { scale, minimum: 0, scales: array(bytes, 192), minima: [0; 8], codes }
    }
}

/// 16 bytes hold 32 elements: the lower halves first, then the upper ones.
fn nibbles(stored: [u8; 16]) -> [u8; 32] {
    let mut codes = [0; 32];
    let (low, high) = codes.split_at_mut(16);

    for ((low, high), stored) in low.iter_mut().zip(high).zip(stored) {
        *low = stored & 15;
        *high = stored >> 4;
    }
    codes
}

/// Adds bit `i` of `bits` to element `i` as its fifth bit.
fn fifth_bits(mut codes: [u8; 32], bits: u32) -> [u8; 32] {
    for (i, code) in codes.iter_mut().enumerate() {
        *code |= u8::from((bits >> i) & 1 == 1) << 4;
    }
    codes
}

/// `N` bytes from `start`; zeros where there are fewer.
fn array<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    bytes.get(start..start + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

fn at(bytes: &[u8], index: usize) -> u8 {
    bytes.get(index).copied().unwrap_or(0)
}

fn set(bytes: &mut [u8], index: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(index) {
        *byte = value;
    }
}
