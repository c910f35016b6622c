//! The level that runs everywhere, and the meaning of the packed layout: plain Rust, without `unsafe`.

use half::{bf16, f16};

use crate::activations::Activations;
use crate::format::{has_minimum, zero_point};
use crate::layout::{BLOCK, BLOCK_CODES, Layout};
use crate::scratch::scale_columns;
use crate::{PANEL_ROWS, Scratch, WeightType};

/// One number for each row of a panel.
pub(crate) type Lanes = [f32; PANEL_ROWS];

/// Unpacks a panel into the first one of `scratch`.
pub(crate) fn unpack(
    weight_type: WeightType,
    layout: &Layout,
    columns: usize,
    panel: &[u8],
    scratch: &mut Scratch,
) {
    match weight_type {
        WeightType::F32 | WeightType::F16 | WeightType::BF16 => {
            unpack_floats(weight_type, panel.get(layout.codes..).unwrap_or(&[]), columns, scratch);
        }
        _ => {
            let codes = scratch.codes.as_mut_slice().chunks_exact_mut(BLOCK_CODES);
            for (b, codes) in codes.take(columns / BLOCK).enumerate() {
                unpack_codes(weight_type, layout, panel, b, codes);
            }
            unpack_scales(weight_type, layout, panel, columns, scratch);
        }
    }
}

/// Floating-point weights in single precision.
fn unpack_floats(weight_type: WeightType, stored: &[u8], columns: usize, scratch: &mut Scratch) {
    let floats = scratch.floats.as_mut_slice().iter_mut().take(columns * PANEL_ROWS);

    match weight_type {
        WeightType::F32 => {
            for (float, stored) in floats.zip(stored.as_chunks().0) {
                *float = f32::from_le_bytes(*stored);
            }
        }
        WeightType::F16 => {
            for (float, stored) in floats.zip(stored.as_chunks().0) {
                *float = f16::from_le_bytes(*stored).to_f32();
            }
        }
        _ => {
            for (float, stored) in floats.zip(stored.as_chunks().0) {
                *float = bf16::from_le_bytes(*stored).to_f32();
            }
        }
    }
}

/// The codes of 32 columns, one byte each.
fn unpack_codes(weight_type: WeightType, layout: &Layout, panel: &[u8], block: usize, codes: &mut [u8]) {
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

/// Scales and minima in single precision, those of sub-blocks multiplied out.
fn unpack_scales(
    weight_type: WeightType,
    layout: &Layout,
    panel: &[u8],
    columns: usize,
    scratch: &mut Scratch,
) {
    let width = scale_columns(weight_type);
    let subs = weight_type.block_elements() / width;
    let scales = scratch.scales.as_mut_slice().as_chunks_mut().0;

    for (j, lanes) in scales.iter_mut().take(columns / width).enumerate() {
        *lanes = half_lanes(panel, layout.scales, j / subs);
        match weight_type {
            WeightType::Q4K | WeightType::Q5K => {
                scale_lanes(lanes, panel, layout.sub_scales, j, f32::from);
            }
            WeightType::Q6K => {
                scale_lanes(lanes, panel, layout.sub_scales, j, |scale| f32::from(scale.cast_signed()));
            }
            _ => {}
        }
    }

    if !has_minimum(weight_type) {
        return;
    }
    let minima = scratch.minima.as_mut_slice().as_chunks_mut().0;
    for (j, lanes) in minima.iter_mut().take(columns / BLOCK).enumerate() {
        *lanes = half_lanes(panel, layout.minima, j / subs);
        if matches!(weight_type, WeightType::Q4K | WeightType::Q5K) {
            // K formats subtract their minima.
            scale_lanes(lanes, panel, layout.sub_minima, j, |minimum| -f32::from(minimum));
        }
    }
}

/// The half-precision numbers of a block.
fn half_lanes(panel: &[u8], part: usize, block: usize) -> Lanes {
    let stored = panel.get(part + block * 2 * PANEL_ROWS..).unwrap_or(&[]);
    let mut lanes = [0.0; PANEL_ROWS];
    for (lane, stored) in lanes.iter_mut().zip(stored.as_chunks().0) {
        *lane = f16::from_le_bytes(*stored).to_f32();
    }
    lanes
}

/// Multiplies lanes by the bytes of sub-block `j`.
fn scale_lanes(lanes: &mut Lanes, panel: &[u8], part: usize, j: usize, factor: fn(u8) -> f32) {
    let stored = panel.get(part + j * PANEL_ROWS..).unwrap_or(&[]);
    for (lane, stored) in lanes.iter_mut().zip(stored) {
        *lane *= factor(*stored);
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
    let sub_scale = number(panel, layout.sub_scales + j * PANEL_ROWS + lane);

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
            let sub_minimum = number(panel, layout.sub_minima + block * PANEL_ROWS + lane);
            -(half_at(panel, layout.minima, block / 8, lane) * f32::from(sub_minimum))
        }
        _ => -0.0,
    }
}

fn half_at(panel: &[u8], part: usize, block: usize, lane: usize) -> f32 {
    let start = part + 2 * (block * PANEL_ROWS + lane);
    f16::from_le_bytes([number(panel, start), number(panel, start + 1)]).to_f32()
}

/// The products of an unpacked panel with one token.
pub(crate) fn product(
    weight_type: WeightType,
    columns: usize,
    scratch: &Scratch,
    activations: &Activations,
    token: usize,
) -> Lanes {
    match weight_type {
        WeightType::F32 | WeightType::F16 | WeightType::BF16 => {
            float_product(columns, scratch, activations, token)
        }
        WeightType::Q4K | WeightType::Q5K | WeightType::Q6K => {
            product_256(weight_type, columns, scratch, activations, token)
        }
        _ => product_32(weight_type, columns, scratch, activations, token),
    }
}

fn float_product(columns: usize, scratch: &Scratch, activations: &Activations, token: usize) -> Lanes {
    let weights = scratch.floats.as_slice().as_chunks::<PANEL_ROWS>().0;
    let inputs = activations.floats.as_slice().iter().skip(token * columns);
    let mut sums = [0.0; PANEL_ROWS];

    for (weights, input) in weights.iter().take(columns).zip(inputs) {
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum += weight * input;
        }
    }
    sums
}

/// `sum over blocks of scale_w * (scale_a * integer sum) + minimum_w * (scale_a * sum of codes)`.
fn product_32(
    weight_type: WeightType,
    columns: usize,
    scratch: &Scratch,
    activations: &Activations,
    token: usize,
) -> Lanes {
    let first = token * columns / BLOCK;
    let zero = i32::from(zero_point(weight_type));
    let mut sums = [0.0; PANEL_ROWS];

    for b in 0..columns / BLOCK {
        let start = -zero * number(activations.code_sums.as_slice(), first + b);
        let products = integer_product::<8>(scratch, activations, b * 8, (first + b) * BLOCK, start);
        let scale = number(activations.scales.as_slice(), first + b);

        let weights = lanes(scratch.scales.as_slice(), b);
        for ((sum, product), weight) in sums.iter_mut().zip(products).zip(weights) {
            *sum += weight * (product as f32 * scale);
        }

        if has_minimum(weight_type) {
            let input = number(activations.sums.as_slice(), first + b);
            for (sum, minimum) in sums.iter_mut().zip(lanes(scratch.minima.as_slice(), b)) {
                *sum += minimum * input;
            }
        }
    }
    sums
}

/// `sum over blocks of scale_a * (sum over sub-blocks of scale_w * integer sum + minimum_w * sum of codes)`.
fn product_256(
    weight_type: WeightType,
    columns: usize,
    scratch: &Scratch,
    activations: &Activations,
    token: usize,
) -> Lanes {
    let first = token * columns / 256;
    let mut sums = [0.0; PANEL_ROWS];

    for b in 0..columns / 256 {
        let mut block = [0.0; PANEL_ROWS];
        if weight_type == WeightType::Q6K {
            for j in 16 * b..16 * b + 16 {
                let codes = token * columns + 16 * j;
                let start = -32 * number(activations.code_sums.as_slice(), codes / 16);
                let products = integer_product::<4>(scratch, activations, j * 4, codes, start);
                add_products(&mut block, products, lanes(scratch.scales.as_slice(), j));
            }
        } else {
            for j in 8 * b..8 * b + 8 {
                let codes = token * columns + 32 * j;
                let products = integer_product::<8>(scratch, activations, j * 8, codes, 0);
                add_products(&mut block, products, lanes(scratch.scales.as_slice(), j));

                let input = number(activations.sums.as_slice(), codes / 32);
                for (sum, minimum) in block.iter_mut().zip(lanes(scratch.minima.as_slice(), j)) {
                    *sum += minimum * input;
                }
            }
        }

        let scale = number(activations.scales.as_slice(), first + b);
        for (sum, block) in sums.iter_mut().zip(block) {
            *sum += block * scale;
        }
    }
    sums
}

fn add_products(sums: &mut Lanes, products: [i32; PANEL_ROWS], weights: Lanes) {
    for ((sum, product), weight) in sums.iter_mut().zip(products).zip(weights) {
        *sum += product as f32 * weight;
    }
}

/// Integer sums over `GROUPS` groups of four columns, for every row.
fn integer_product<const GROUPS: usize>(
    scratch: &Scratch,
    activations: &Activations,
    group: usize,
    first_code: usize,
    start: i32,
) -> [i32; PANEL_ROWS] {
    let groups = scratch.codes.as_slice().as_chunks::<64>().0;
    let inputs = activations.codes.as_slice().get(first_code..).unwrap_or(&[]).as_chunks::<4>().0;
    let mut sums = [start; PANEL_ROWS];

    for (codes, input) in groups.iter().skip(group).take(GROUPS).zip(inputs) {
        let input = input.map(i32::from);
        for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<4>().0) {
            let [a, b, c, d] = codes.map(i32::from);
            *sum += a * input[0] + b * input[1] + c * input[2] + d * input[3];
        }
    }
    sums
}

fn number<T: Copy + Default>(numbers: &[T], index: usize) -> T {
    numbers.get(index).copied().unwrap_or_default()
}

fn lanes(numbers: &[f32], index: usize) -> Lanes {
    numbers.as_chunks().0.get(index).copied().unwrap_or([0.0; PANEL_ROWS])
}
