//! From the rows of a file to panels.

use crate::format::{Block32, Block256, sub_block};
use crate::layout::{BLOCK, Layout};
use crate::{PANEL_ROWS, WeightType};

/// Packs one row into its place in a panel.
///
/// `lane` is the row's place among the 16. Bytes of upper bits and shared bytes are added to: a panel starts as zeros.
pub(crate) fn pack_row(weight_type: WeightType, layout: &Layout, row: &[u8], lane: usize, panel: &mut [u8]) {
    let blocks = row.chunks_exact(weight_type.block_bytes());

    match weight_type {
        WeightType::F32 | WeightType::F16 | WeightType::BF16 => {
            let width = weight_type.block_bytes();
            for (k, value) in blocks.enumerate() {
                let start = layout.codes + (k * PANEL_ROWS + lane) * width;
                put(panel, start, value);
            }
        }
        WeightType::Q8_0 | WeightType::Q5_0 | WeightType::Q5_1 | WeightType::Q4_0 | WeightType::Q4_1 => {
            for (b, block) in blocks.enumerate() {
                let block = Block32::read(weight_type, block);
                let half = 2 * (b * PANEL_ROWS + lane);
                put(panel, layout.scales + half, &block.scale.to_le_bytes());
                if matches!(weight_type, WeightType::Q4_1 | WeightType::Q5_1) {
                    put(panel, layout.minima + half, &block.minimum.to_le_bytes());
                }
                pack_codes(weight_type, layout, b, &block.codes, lane, panel);
            }
        }
        WeightType::Q4K | WeightType::Q5K | WeightType::Q6K => {
            for (b, block) in blocks.enumerate() {
                pack_256(weight_type, layout, b, &Block256::read(weight_type, block), lane, panel);
            }
        }
    }
}

/// Packs a block of 256.
fn pack_256(
    weight_type: WeightType,
    layout: &Layout,
    b: usize,
    block: &Block256,
    lane: usize,
    panel: &mut [u8],
) {
    let half = 2 * (b * PANEL_ROWS + lane);
    put(panel, layout.scales + half, &block.scale.to_le_bytes());

    let subs = 256 / sub_block(weight_type);
    for (j, scale) in block.scales.iter().take(subs).enumerate() {
        put(panel, layout.sub_scales + (b * subs + j) * PANEL_ROWS + lane, &[*scale]);
    }

    if weight_type != WeightType::Q6K {
        put(panel, layout.minima + half, &block.minimum.to_le_bytes());
        for (j, minimum) in block.minima.iter().enumerate() {
            put(panel, layout.sub_minima + (b * 8 + j) * PANEL_ROWS + lane, &[*minimum]);
        }
    }

    for (j, codes) in block.codes.chunks_exact(BLOCK).enumerate() {
        pack_codes(weight_type, layout, b * 8 + j, codes, lane, panel);
    }
}

/// Packs 32 codes of a row.
fn pack_codes(
    weight_type: WeightType,
    layout: &Layout,
    block: usize,
    codes: &[u8],
    lane: usize,
    panel: &mut [u8],
) {
    for (k, code) in codes.iter().enumerate() {
        let group = k / 4;
        let byte = lane * 4 + k % 4;

        if weight_type == WeightType::Q8_0 {
            put(panel, layout.codes + (block * 8 + group) * 64 + byte, &[*code]);
            continue;
        }

        let shared = layout.codes + (block * 4 + group / 2) * 64 + byte;
        add(panel, shared, (code & 15) << (4 * (group % 2)));
        match weight_type {
            WeightType::Q5_0 | WeightType::Q5_1 | WeightType::Q5K => {
                add(panel, layout.high + block * 64 + byte, (code >> 4) << group);
            }
            WeightType::Q6K => {
                let high = layout.high + (block * 2 + group / 4) * 64 + byte;
                add(panel, high, (code >> 4) << (2 * (group % 4)));
            }
            _ => {}
        }
    }
}

/// Writes bytes; none where they would not fit, which no layout lets happen.
fn put(panel: &mut [u8], start: usize, bytes: &[u8]) {
    if let Some(place) = panel.get_mut(start..start + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Sets bits of a byte.
fn add(panel: &mut [u8], index: usize, bits: u8) {
    if let Some(byte) = panel.get_mut(index) {
        *byte |= bits;
    }
}
