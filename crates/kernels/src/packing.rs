//! From the rows of a file to panels.

use crate::format::{Block32, Block256, sub_block};
use crate::layout::{BLOCK, Layout};
use crate::{PANEL_ROWS, WeightType};

/// Packs one row into its place in a panel.
///
/// `lane` is the row's place among the 16.
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

/// Packs 32 codes of a row: four bytes a group, or a pair of groups, at a time.
fn pack_codes(
    weight_type: WeightType,
    layout: &Layout,
    block: usize,
    codes: &[u8],
    lane: usize,
    panel: &mut [u8],
) {
    let groups = codes.as_chunks::<4>().0;
    let byte = lane * 4;

    if weight_type == WeightType::Q8_0 {
        for (group, codes) in groups.iter().enumerate() {
            put(panel, layout.codes + (block * 8 + group) * 64 + byte, codes);
        }
        return;
    }

    for (pair, [a, b, c, d, e, f, g, h]) in codes.as_chunks::<8>().0.iter().enumerate() {
        let shared = [(a, e), (b, f), (c, g), (d, h)].map(|(first, second)| (first & 15) | (second << 4));
        put(panel, layout.codes + (block * 4 + pair) * 64 + byte, &shared);
    }

    match weight_type {
        WeightType::Q5_0 | WeightType::Q5_1 | WeightType::Q5K => {
            put(panel, layout.high + block * 64 + byte, &upper_bits(groups, 1));
        }
        WeightType::Q6K => {
            for (half, groups) in groups.chunks_exact(4).enumerate() {
                put(panel, layout.high + (block * 2 + half) * 64 + byte, &upper_bits(groups, 2));
            }
        }
        _ => {}
    }
}

/// The bits above the fourth of some groups, `width` a group, from the lowest on.
fn upper_bits(groups: &[[u8; 4]], width: usize) -> [u8; 4] {
    let mut bits = [0; 4];
    for (group, codes) in groups.iter().enumerate() {
        for (bits, code) in bits.iter_mut().zip(codes) {
            *bits |= (code >> 4) << (width * group);
        }
    }
    bits
}

/// Writes bytes; none where they would not fit, which no layout lets happen.
fn put(panel: &mut [u8], start: usize, bytes: &[u8]) {
    if let Some(place) = panel.get_mut(start..start + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
