//! Inputs at the limits of their types, and files that nobody should write.
#![expect(clippy::unwrap_used, reason = "a test that cannot pack has failed")]

mod common;

use common::{Noise, activations, products, weights};
use half::f16;
use infercost_kernels::{
    ActivationForm, Activations, Isa, IsaError, PackError, PackedMatrix, WeightType, decode_row,
};

/// A row of blocks with all codes the same bits, and scale (and minimum) 1.
fn row(weight_type: WeightType, columns: usize, fill: u8) -> Vec<u8> {
    let one = f16::ONE.to_le_bytes();
    let mut block = vec![fill; weight_type.block_bytes()];
    match weight_type {
        WeightType::Q6K => block[208..].copy_from_slice(&one),
        WeightType::Q4_1 | WeightType::Q5_1 | WeightType::Q4K | WeightType::Q5K => {
            block[..2].copy_from_slice(&one);
            block[2..4].copy_from_slice(&one);
        }
        _ => block[..2].copy_from_slice(&one),
    }
    block.repeat(columns / weight_type.block_elements())
}

const QUANTIZED: [WeightType; 8] = [
    WeightType::Q8_0,
    WeightType::Q6K,
    WeightType::Q5K,
    WeightType::Q5_1,
    WeightType::Q5_0,
    WeightType::Q4K,
    WeightType::Q4_1,
    WeightType::Q4_0,
];

/// The largest and smallest codes with the largest activations of both signs: no sum may saturate. The byte 0x80 is
/// the code -128 of Q8_0.
#[test]
fn extreme_codes_do_not_saturate() {
    for isa in Isa::available() {
        for weight_type in QUANTIZED {
            for fill in [0x00, 0x7F, 0x80, 0xFF] {
                for sign in [1.0, -1.0] {
                    let columns = 512;
                    let bytes = row(weight_type, columns, fill);
                    let matrix = PackedMatrix::pack(isa, weight_type, 1, columns, &bytes).unwrap();
                    let inputs = vec![sign * 127.0; columns * 5];
                    let got = products(&matrix, &activations(isa, weight_type, columns, &inputs), 5);

                    let mut decoded = vec![0.0; columns];
                    decode_row(weight_type, &bytes, &mut decoded);
                    let want: f64 =
                        decoded.iter().map(|weight| f64::from(*weight) * f64::from(sign) * 127.0).sum();
                    for got in got {
                        let error = (f64::from(got) - want).abs();
                        assert!(
                            error <= want.abs() * 1e-5,
                            "{isa:?} {weight_type:?} {fill:#x}: {got}, not {want}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_scale_that_is_not_finite_shows_in_its_row_alone() {
    for isa in Isa::available() {
        for weight_type in QUANTIZED {
            for scale in [f16::NAN, f16::INFINITY] {
                for tokens in [1, 6] {
                    let at = if weight_type == WeightType::Q6K { 208 } else { 0 };
                    let mut bytes = weights(weight_type, 17, 256, &mut Noise::new(6));
                    let size = bytes.len() / 17;
                    bytes[3 * size + at..3 * size + at + 2].copy_from_slice(&scale.to_le_bytes());
                    // Codes that are not zero, so that infinity has something to multiply.
                    bytes[3 * size + 20] = 0x35;

                    let matrix = PackedMatrix::pack(isa, weight_type, 17, 256, &bytes).unwrap();
                    let inputs = Noise::new(7).inputs(256 * tokens);
                    let got = products(&matrix, &activations(isa, weight_type, 256, &inputs), tokens);
                    for (i, product) in got.iter().enumerate() {
                        assert_eq!(
                            product.is_finite(),
                            i % 17 != 3,
                            "{isa:?} {weight_type:?} {scale}: {i} {product}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_input_that_is_not_finite_makes_its_token_so() {
    for isa in Isa::available() {
        for weight_type in WeightType::ALL {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let bytes = weights(weight_type, 17, 256, &mut Noise::new(8));
                let matrix = PackedMatrix::pack(isa, weight_type, 17, 256, &bytes).unwrap();
                let mut inputs = Noise::new(9).inputs(256 * 6);
                inputs[2 * 256 + 77] = bad;
                let got = products(&matrix, &activations(isa, weight_type, 256, &inputs), 6);
                for (i, product) in got.iter().enumerate() {
                    assert_eq!(
                        product.is_finite(),
                        i / 17 != 2,
                        "{isa:?} {weight_type:?} {bad}: {i} {product}"
                    );
                }
            }
        }
    }
}

#[test]
fn inputs_of_zero_and_of_next_to_nothing_give_zero() {
    for isa in Isa::available() {
        for weight_type in QUANTIZED {
            for value in [0.0, -0.0, 1e-40, f32::from_bits(1)] {
                let bytes = weights(weight_type, 3, 256, &mut Noise::new(10));
                let matrix = PackedMatrix::pack(isa, weight_type, 3, 256, &bytes).unwrap();
                let got = products(&matrix, &activations(isa, weight_type, 256, &[value; 256]), 1);
                assert!(
                    got.iter().all(|product| product.abs() < 1e-30),
                    "{isa:?} {weight_type:?} {value}: {got:?}"
                );
            }
        }
    }
}

/// llama.cpp's rules, number by number: `d = max / 127` in half precision, codes `x * (127 / max)`, ties to even; and
/// for blocks of 256 `x * (-127 / extreme)`, where the extreme is the first value of largest magnitude.
#[test]
fn activations_are_rounded_by_the_rules() {
    let mut values = Noise::new(11).inputs(1024);
    // A tie, a pair of extremes of both signs, a block of one value.
    values[..32].fill(0.5);
    values[32] = 127.0;
    values[33] = 2.5;
    values[34] = -2.5;
    values[35] = 3.5;
    values[300] = 9.0;
    values[301] = -9.0;

    for isa in Isa::available() {
        let mut got = vec![0.0; 1024];
        let mut narrow = Activations::new(isa, ActivationForm::Q8Block32, 1, 1024);
        narrow.fill(0, &values);
        narrow.row_as_f32(0, &mut got);
        for (block, got) in values.chunks(32).zip(got.chunks(32)) {
            let largest = block.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let scale = f16::from_f32(largest / 127.0).to_f32();
            for (value, got) in block.iter().zip(got) {
                let want = (value * (127.0 / largest)).round_ties_even() * scale;
                assert_eq!(got.to_bits() & 0x7FFF_FFFF, want.to_bits() & 0x7FFF_FFFF, "{isa:?} {value}");
            }
        }

        let mut wide = Activations::new(isa, ActivationForm::Q8Block256, 1, 1024);
        wide.fill(0, &values);
        wide.row_as_f32(0, &mut got);
        for (block, got) in values.chunks(256).zip(got.chunks(256)) {
            let extreme =
                block.iter().fold(0.0f32, |most, value| if value.abs() > most.abs() { *value } else { most });
            let inverse = -127.0 / extreme;
            for (value, got) in block.iter().zip(got) {
                let want = (inverse * value).round_ties_even().min(127.0) * (1.0 / inverse);
                assert_eq!(got.to_bits() & 0x7FFF_FFFF, want.to_bits() & 0x7FFF_FFFF, "{isa:?} {value}");
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let pack = |rows, columns, bytes| {
        let weights = vec![0; bytes];
        PackedMatrix::pack(Isa::Portable, WeightType::Q8_0, rows, columns, &weights).err()
    };

    assert!(matches!(pack(2, 33, 68), Some(PackError::Columns { columns: 33, block: 32, .. })));
    assert!(matches!(pack(2, 32, 67), Some(PackError::Length { needed: 68, given: 67, .. })));
    assert!(matches!(pack(usize::MAX, 64, 0), Some(PackError::Length { .. })));
    assert!(pack(2, 32, 68).is_none());
    assert!(pack(0, 32, 0).is_none());
    assert!(pack(5, 0, 0).is_none());
}

#[test]
fn levels_are_known_by_name() {
    assert_eq!(Isa::from_name("portable"), Ok(Isa::Portable));
    let error = Isa::from_name("sse9").unwrap_err();
    assert_eq!(error, IsaError::Unknown { given: "sse9".to_owned() });
    assert!(error.to_string().contains("INFERCOST_ISA=sse9") && error.to_string().contains("avx512"));

    for level in Isa::ALL {
        match Isa::from_name(level.name()) {
            Ok(found) => assert!(found == level && level.is_available()),
            Err(error) => {
                assert!(!level.is_available());
                assert!(error.to_string().contains("lacks"), "{error}");
            }
        }
    }
    assert_eq!(Isa::best(), Isa::available()[0]);
}
