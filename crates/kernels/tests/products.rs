//! Products of every type at every level, against double precision.
#![expect(clippy::unwrap_used, reason = "a test that cannot pack has failed")]

mod common;

use common::{Noise, activations, products, weights, widths};
use infercost_kernels::{Isa, PackedMatrix, WeightType, decode_row};

/// Products in double precision, and the sums of magnitudes that their errors are measured by.
struct Reference {
    products: Vec<f64>,
    magnitudes: Vec<f64>,
}

fn reference(
    weight_type: WeightType,
    rows: usize,
    columns: usize,
    bytes: &[u8],
    inputs: &[f32],
) -> Reference {
    let mut row = vec![0.0; columns];
    let tokens = inputs.len() / columns;
    let mut reference =
        Reference { products: vec![0.0; tokens * rows], magnitudes: vec![0.0; tokens * rows] };

    for r in 0..rows {
        let size = weight_type.row_bytes(columns).unwrap();
        decode_row(weight_type, &bytes[r * size..(r + 1) * size], &mut row);
        for (t, input) in inputs.chunks_exact(columns).enumerate() {
            for (weight, input) in row.iter().zip(input) {
                let product = f64::from(*weight) * f64::from(*input);
                reference.products[t * rows + r] += product;
                reference.magnitudes[t * rows + r] += product.abs();
            }
        }
    }
    reference
}

fn check(isa: Isa, weight_type: WeightType, rows: usize, columns: usize, tokens: usize) {
    let case = format!("{isa:?} {weight_type:?} {rows} x {columns}, {tokens} tokens");
    let mut noise = Noise::new((rows * 31 + columns * 7 + tokens) as u64);
    let bytes = weights(weight_type, rows, columns, &mut noise);
    let inputs = noise.inputs(tokens * columns);

    let matrix = PackedMatrix::pack(isa, weight_type, rows, columns, &bytes).unwrap();
    let activations = activations(isa, weight_type, columns, &inputs);
    let got = products(&matrix, &activations, tokens);

    // The same rounded activations: only the order of additions differs.
    let mut rounded = vec![0.0; tokens * columns];
    for (t, row) in rounded.chunks_exact_mut(columns).enumerate() {
        activations.row_as_f32(t, row);
    }
    let same = reference(weight_type, rows, columns, &bytes, &rounded);
    for (i, got) in got.iter().enumerate() {
        let error = (f64::from(*got) - same.products[i]).abs();
        assert!(error <= 1e-5 * same.magnitudes[i] + 1e-30, "{case}: {i} is {got}, not {}", same.products[i]);
    }

    // The activations before rounding.
    let exact = reference(weight_type, rows, columns, &bytes, &inputs);
    let error: f64 =
        got.iter().zip(&exact.products).map(|(got, want)| (f64::from(*got) - want).powi(2)).sum();
    let power: f64 = exact.products.iter().map(|want| want.powi(2)).sum();
    let magnitude: f64 = exact.magnitudes.iter().map(|size| size.powi(2)).sum();
    // Few products can cancel; then the magnitudes of what was added are the measure.
    // One or two products may differ by chance.
    assert!(got.len() < 64 || error <= 5e-4 * power.max(magnitude / 100.0), "{case}: {error:e} of {power:e}");
}

/// Every shape of a type, at every level that this processor has.
fn check_type(weight_type: WeightType) {
    for isa in Isa::available() {
        for columns in widths(weight_type) {
            for rows in [1, 8, 15, 16, 17, 48] {
                for tokens in [1, 2, 3, 4, 5, 7, 8] {
                    check(isa, weight_type, rows, columns, tokens);
                }
            }
        }
        let columns = *widths(weight_type).last().unwrap();
        let narrow = if weight_type.block_elements() == 256 { 256 } else { 640 };
        for (rows, tokens) in [(576, 1), (576, 6), (81, 31), (33, 512)] {
            check(isa, weight_type, rows, narrow, tokens);
            check(isa, weight_type, rows, columns, tokens.min(31));
        }
    }
}

macro_rules! types {
    ($($name:ident: $weight_type:ident,)+) => {
        $(#[test]
        fn $name() {
            check_type(WeightType::$weight_type);
        })+
    };
}

types! {
    f32: F32,
    f16: F16,
    bf16: BF16,
    q8_0: Q8_0,
    q5_0: Q5_0,
    q5_1: Q5_1,
    q4_0: Q4_0,
    q4_1: Q4_1,
    q4_k: Q4K,
    q5_k: Q5K,
    q6_k: Q6K,
}

#[test]
fn floats_take_widths_of_any_number() {
    for isa in Isa::available() {
        for weight_type in [WeightType::F32, WeightType::F16, WeightType::BF16] {
            for columns in [1, 3, 17, 33, 65] {
                check(isa, weight_type, 17, columns, 9);
                check(isa, weight_type, 65, columns, 1);
            }
        }
    }
}

#[test]
fn rows_are_read_back_exactly() {
    for isa in Isa::available() {
        for weight_type in WeightType::ALL {
            for columns in widths(weight_type) {
                let bytes = weights(weight_type, 17, columns, &mut Noise::new(columns as u64));
                let matrix = PackedMatrix::pack(isa, weight_type, 17, columns, &bytes).unwrap();
                let size = weight_type.row_bytes(columns).unwrap();
                for index in [0, 5, 16] {
                    let (mut got, mut want) = (vec![0.0; columns], vec![1.0; columns]);
                    matrix.row_as_f32(index, &mut got);
                    decode_row(weight_type, &bytes[index * size..(index + 1) * size], &mut want);
                    let bits = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&got), bits(&want), "{isa:?} {weight_type:?} {columns}, row {index}");
                }
            }
        }
    }
}
