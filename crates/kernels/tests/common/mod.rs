//! Weights and activations for tests: repeatable noise in the blocks of every format.

#![allow(dead_code, reason = "each test file uses a part")]

use half::{bf16, f16};
use infercost_kernels::{Activations, Isa, Output, PackedMatrix, Scratch, WeightType};

/// A small generator of repeatable noise.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// Evenly between -1 and 1.
    pub(crate) fn signed(&mut self) -> f32 {
        self.bits().cast_signed() as f32 / 2_147_483_648.0
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.bits() as u8).collect()
    }

    /// Activations as they occur: mostly small, a few large.
    pub(crate) fn inputs(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|i| {
                let value = self.signed();
                if i % 97 == 5 { value * 4.0 } else { value }
            })
            .collect()
    }
}

/// A matrix as a file holds it: any codes, scales of both signs around 1/100.
pub(crate) fn weights(weight_type: WeightType, rows: usize, columns: usize, noise: &mut Noise) -> Vec<u8> {
    let blocks = rows * columns / weight_type.block_elements();
    let mut bytes = Vec::with_capacity(blocks * weight_type.block_bytes());
    for _ in 0..blocks {
        let mut block = noise.bytes(weight_type.block_bytes());
        match weight_type {
            WeightType::F32 => block = (noise.signed() * 0.1).to_le_bytes().to_vec(),
            WeightType::F16 => block = f16::from_f32(noise.signed() * 0.1).to_le_bytes().to_vec(),
            WeightType::BF16 => block = bf16::from_f32(noise.signed() * 0.1).to_le_bytes().to_vec(),
            WeightType::Q8_0 | WeightType::Q5_0 | WeightType::Q4_0 => half(&mut block, 0, noise, 0.01),
            WeightType::Q4_1 | WeightType::Q5_1 => {
                half(&mut block, 0, noise, 0.01);
                half(&mut block, 2, noise, 0.1);
            }
            WeightType::Q4K | WeightType::Q5K => {
                half(&mut block, 0, noise, 0.0005);
                half(&mut block, 2, noise, 0.002);
            }
            WeightType::Q6K => half(&mut block, 208, noise, 0.0001),
        }
        bytes.extend(block);
    }
    bytes
}

fn half(block: &mut [u8], at: usize, noise: &mut Noise, size: f32) {
    let value = f16::from_f32((0.5 + noise.signed().abs()) * size * noise.signed().signum());
    block[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Activations filled with these rows.
pub(crate) fn activations(isa: Isa, weight_type: WeightType, columns: usize, rows: &[f32]) -> Activations {
    let tokens = rows.len() / columns;
    let mut activations = Activations::new(isa, weight_type.activation_form(isa), tokens, columns);
    activations.fill(0, rows);
    activations
}

/// All products, `[token][row]`.
pub(crate) fn products(matrix: &PackedMatrix, activations: &Activations, tokens: usize) -> Vec<f32> {
    let rows = matrix.rows();
    let mut results = vec![f32::NAN; tokens * rows];
    let mut out = Output::new(&mut results, rows, 0);
    matrix.multiply(activations, 0..tokens, &mut out, &mut Scratch::default());
    results
}

/// Widths that a type has in models, and awkward ones.
pub(crate) fn widths(weight_type: WeightType) -> Vec<usize> {
    let all = [32_usize, 64, 256, 288, 576, 640, 1536, 2048];
    all.into_iter().filter(|width| width.is_multiple_of(weight_type.block_elements())).collect()
}
