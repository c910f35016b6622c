//! What a packed panel holds: the codes of its columns, and the weights of one of its rows.

use half::{bf16, f16};

use crate::format::{scale_columns, zero_point};
use crate::layout::{BLOCK, BLOCK_CODES, Layout};
use crate::{PANEL_ROWS, WeightType};

/// The codes of 32 columns, one byte each.
pub(crate) fn unpack_codes(
    weight_type: WeightType,
    layout: &Layout,
    panel: &[u8],
    block: usize,
    codes: &mut [u8],
) {
    if weight_type == WeightType::Q8_0 {
        let start = layout.codes + block * BLOCK_CODES;
        codes.copy_from_slice(panel.get(start..start + BLOCK_CODES).unwrap_or(&[0; BLOCK_CODES]));
        return;
    }

    let shared = panel.get(layout.codes + block * 256..).unwrap_or(&[]);
    for (groups, shared) in codes.chunks_exact_mut(128).zip(shared.chunks_exact(64)) {
        let (first, second) = groups.split_at_mut(64);
        for ((first, second), shared) in first.iter_mut().zip(second).zip(shared) {
            *first = shared & 15;
            *second = shared >> 4;
        }
    }

    match weight_type {
        WeightType::Q5_0 | WeightType::Q5_1 | WeightType::Q5K => {
            let high = panel.get(layout.high + block * 64..).unwrap_or(&[]);
            for (g, group) in codes.chunks_exact_mut(64).enumerate() {
                for (code, high) in group.iter_mut().zip(high) {
                    *code |= ((high >> g) & 1) << 4;
                }
            }
        }
        WeightType::Q6K => {
            let high = panel.get(layout.high + block * 128..).unwrap_or(&[]);
            for (groups, high) in codes.chunks_exact_mut(256).zip(high.chunks_exact(64)) {
                for (g, group) in groups.chunks_exact_mut(64).enumerate() {
                    for (code, high) in group.iter_mut().zip(high) {
                        *code |= ((high >> (2 * g)) & 3) << 4;
                    }
                }
            }
        }
        _ => {}
    }
}

/// The weights of one row of a panel.
pub(crate) fn decode_lane(
    weight_type: WeightType,
    layout: &Layout,
    panel: &[u8],
    lane: usize,
    row: &mut [f32],
) {
    match weight_type {
        WeightType::F32 | WeightType::F16 | WeightType::BF16 => {
            decode_float_lane(weight_type, panel.get(layout.codes..).unwrap_or(&[]), lane, row);
        }
        _ => {
            for (b, elements) in row.chunks_exact_mut(BLOCK).enumerate() {
                decode_block_lane(weight_type, layout, panel, b, lane, elements);
            }
        }
    }
}

fn decode_float_lane(weight_type: WeightType, stored: &[u8], lane: usize, row: &mut [f32]) {
    let width = weight_type.block_bytes();
    for (element, stored) in row.iter_mut().zip(stored.chunks_exact(width * PANEL_ROWS)) {
        *element = match (weight_type, stored.chunks_exact(width).nth(lane)) {
            (WeightType::F32, Some(&[a, b, c, d])) => f32::from_le_bytes([a, b, c, d]),
            (WeightType::F16, Some(&[a, b])) => f16::from_le_bytes([a, b]).to_f32(),
            (_, Some(&[a, b])) => bf16::from_le_bytes([a, b]).to_f32(),
            _ => f32::NAN,
        };
    }
}

/// The weights of one row in a block of 32, with the operations of the file's definition.
fn decode_block_lane(
    weight_type: WeightType,
    layout: &Layout,
    panel: &[u8],
    block: usize,
    lane: usize,
    elements: &mut [f32],
) {
    let mut codes = [0; BLOCK_CODES];
    unpack_codes(weight_type, layout, panel, block, &mut codes);
    let zero = f32::from(zero_point(weight_type));
    let width = scale_columns(weight_type);

    for (k, element) in elements.iter_mut().enumerate() {
        let j = (block * BLOCK + k) / width;
        let code = codes.get(k / 4 * 64 + lane * 4 + k % 4).copied().unwrap_or(0);
        let scale = scale_at(weight_type, layout, panel, j, lane);
        let minimum = minimum_at(weight_type, layout, panel, block, lane);
        *element = (f32::from(code) - zero) * scale + minimum;
    }
}

/// The scale of sub-block `j` in one row.
fn scale_at(weight_type: WeightType, layout: &Layout, panel: &[u8], j: usize, lane: usize) -> f32 {
    let subs = weight_type.block_elements() / scale_columns(weight_type);
    let scale = half_at(panel, layout.scales, j / subs, lane);
    let sub_scale = byte(panel, layout.sub_scales + j * PANEL_ROWS + lane);

    match weight_type {
        WeightType::Q4K | WeightType::Q5K => scale * f32::from(sub_scale),
        WeightType::Q6K => scale * f32::from(sub_scale.cast_signed()),
        _ => scale,
    }
}

/// What is added to the weights of a block of 32 in one row; -0 where that is nothing, which changes no number.
fn minimum_at(weight_type: WeightType, layout: &Layout, panel: &[u8], block: usize, lane: usize) -> f32 {
    match weight_type {
        WeightType::Q4_1 | WeightType::Q5_1 => half_at(panel, layout.minima, block, lane),
        WeightType::Q4K | WeightType::Q5K => {
            let sub_minimum = byte(panel, layout.sub_minima + block * PANEL_ROWS + lane);
            -(half_at(panel, layout.minima, block / 8, lane) * f32::from(sub_minimum))
        }
        _ => -0.0,
    }
}

fn half_at(panel: &[u8], part: usize, block: usize, lane: usize) -> f32 {
    let start = part + 2 * (block * PANEL_ROWS + lane);
    f16::from_le_bytes([byte(panel, start), byte(panel, start + 1)]).to_f32()
}

fn byte(panel: &[u8], index: usize) -> u8 {
    panel.get(index).copied().unwrap_or_default()
}
