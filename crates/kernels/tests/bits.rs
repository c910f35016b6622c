//! Which bits products have: the same for any split of the work and at every level that has multiply-adds.
#![allow(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot pack has failed")]

mod common;

use std::thread;

use common::{Noise, activations, products, weights, widths};
use infercost_kernels::{Activations, Isa, Output, PackedMatrix, Scratch, WeightType};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn width(weight_type: WeightType) -> usize {
    if weight_type.block_elements() == 256 { 1536 } else { 576 }
}

#[test]
fn panels_can_be_split_in_any_way() {
    for isa in Isa::available() {
        for weight_type in WeightType::ALL {
            let columns = width(weight_type);
            let mut noise = Noise::new(3);
            let bytes = weights(weight_type, 170, columns, &mut noise);
            let matrix = PackedMatrix::pack(isa, weight_type, 170, columns, &bytes).unwrap();

            for tokens in [1, 5, 19] {
                let activations = activations(isa, weight_type, columns, &noise.inputs(tokens * columns));
                let whole = products(&matrix, &activations, tokens);
                for share in [1, 2, 3, 5] {
                    let got = split(&matrix, &activations, tokens, share);
                    assert_eq!(
                        bits(&got),
                        bits(&whole),
                        "{isa:?} {weight_type:?} {tokens} tokens, {share} panels"
                    );
                }
            }
        }
    }
}

/// Products of which threads multiply `share` panels each.
fn split(matrix: &PackedMatrix, activations: &Activations, tokens: usize, share: usize) -> Vec<f32> {
    let mut results = vec![f32::NAN; tokens * matrix.rows()];
    let out = Output::new(&mut results, matrix.rows(), 0);
    thread::scope(|scope| {
        for first in (0..matrix.panels()).step_by(share) {
            let out = &out;
            scope.spawn(move || {
                let panels = first..(first + share).min(matrix.panels());
                // SAFETY: each thread has panels of its own.
                unsafe {
                    matrix.multiply_panels(activations, 0..tokens, panels, out, &mut Scratch::default())
                };
            });
        }
    });
    results
}

#[test]
fn tokens_can_come_alone_or_together() {
    for isa in Isa::available() {
        for weight_type in WeightType::ALL {
            let columns = width(weight_type);
            let mut noise = Noise::new(4);
            let bytes = weights(weight_type, 40, columns, &mut noise);
            let matrix = PackedMatrix::pack(isa, weight_type, 40, columns, &bytes).unwrap();
            let activations = activations(isa, weight_type, columns, &noise.inputs(21 * columns));
            let together = products(&matrix, &activations, 21);

            let mut first = 0;
            for tokens in [1, 2, 3, 4, 5, 6] {
                let mut results = vec![f32::NAN; tokens * 40];
                let mut out = Output::new(&mut results, 40, 0);
                matrix.multiply(&activations, first..first + tokens, &mut out, &mut Scratch::default());
                let want = &together[first * 40..(first + tokens) * 40];
                assert_eq!(
                    bits(&results),
                    bits(want),
                    "{isa:?} {weight_type:?}: {tokens} tokens from {first} on"
                );
                first += tokens;
            }
        }
    }
}

#[test]
fn levels_with_multiply_adds_agree_in_every_bit() {
    let levels: Vec<_> = Isa::available().into_iter().filter(|level| *level != Isa::Portable).collect();
    let Some((first, others)) = levels.split_first() else { return };

    for weight_type in WeightType::ALL {
        for columns in widths(weight_type) {
            for tokens in [1, 3, 9] {
                let mut noise = Noise::new(columns as u64);
                let bytes = weights(weight_type, 33, columns, &mut noise);
                let inputs = noise.inputs(tokens * columns);
                let at = |isa: Isa| {
                    let matrix = PackedMatrix::pack(isa, weight_type, 33, columns, &bytes).unwrap();
                    bits(&products(&matrix, &activations(isa, weight_type, columns, &inputs), tokens))
                };

                let want = at(*first);
                for other in others {
                    assert_eq!(at(*other), want, "{other:?} {weight_type:?} {columns}, {tokens} tokens");
                }
            }
        }
    }
}

#[test]
fn several_matrices_fill_one_result() {
    for isa in Isa::available() {
        let mut noise = Noise::new(5);
        let [first, second] = [WeightType::Q8_0, WeightType::Q4_0]
            .map(|weight_type| (weight_type, weights(weight_type, 24, 64, &mut noise)))
            .map(|(weight_type, bytes)| PackedMatrix::pack(isa, weight_type, 24, 64, &bytes).unwrap());
        let activations = activations(isa, WeightType::Q8_0, 64, &noise.inputs(7 * 64));

        let mut both = vec![f32::NAN; 7 * 50];
        first.multiply(&activations, 0..7, &mut Output::new(&mut both, 50, 0), &mut Scratch::default());
        second.multiply(&activations, 0..7, &mut Output::new(&mut both, 50, 25), &mut Scratch::default());

        let (alone, other) = (products(&first, &activations, 7), products(&second, &activations, 7));
        for token in 0..7 {
            assert_eq!(bits(&both[token * 50..][..24]), bits(&alone[token * 24..][..24]));
            assert!(both[token * 50 + 24].is_nan() && both[token * 50 + 49].is_nan(), "columns of nobody");
            assert_eq!(bits(&both[token * 50 + 25..][..24]), bits(&other[token * 24..][..24]));
        }
    }
}
