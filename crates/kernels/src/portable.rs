//! The level that runs everywhere, and the meaning of the packed layout: plain Rust, without `unsafe`.

use half::{bf16, f16};

use crate::activations::Activations;
use crate::format::{has_minimum, scale_columns, zero_point};
use crate::layout::{BLOCK, BLOCK_CODES, Layout};
use crate::panel::unpack_codes;
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
