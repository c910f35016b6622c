//! Measures products: every format, in shapes of real models, as one token and as a prompt of 512.
//!
//! `cargo run --release -p infercost-kernels --example kernels [-- LEVEL [THREADS [TYPE]]]`
//!
//! One token reads packed weights: gigabytes a second, over 64 MB of them. A prompt computes: billions of
//! multiply-adds a second. What the processor can do at most is told by the example `peak`.

#![allow(unsafe_code, clippy::print_stdout, clippy::unwrap_used)]

use std::thread;
use std::time::Instant;

use infercost_kernels::{Activations, Isa, Output, PackedMatrix, Scratch, WeightType};

/// Bytes of weights that one token is multiplied with: more than most caches hold.
const DECODE_BYTES: usize = 64 << 20;

const PROMPT: usize = 512;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let isa = arguments.next().map_or_else(Isa::best, |name| Isa::from_name(&name).unwrap());
    let threads: usize = arguments.next().map_or(1, |number| number.parse().unwrap());
    let only = arguments.next();
    println!("{} with {threads} thread(s)", isa.describe());
    println!(
        "{:6} {:>12} {:>14} {:>16} {:>16}",
        "type", "shape", "1 token, GB/s", "4 tokens, GB/s", "512, GMAC/s"
    );

    for weight_type in WeightType::ALL {
        if only.as_ref().is_some_and(|name| name != weight_type.name()) {
            continue;
        }
        let shapes: &[(usize, usize)] = if weight_type.block_elements() == 256 {
            &[(576, 1536), (2048, 2048)]
        } else {
            &[(1536, 576), (576, 1536)]
        };
        for (rows, columns) in shapes {
            let bench = Bench::new(isa, weight_type, *rows, *columns, threads);
            println!(
                "{:6} {:>12} {:>14.1} {:>16.1} {:>16.1}",
                weight_type.name(),
                format!("{rows} x {columns}"),
                bench.decode(1),
                bench.decode(4),
                bench.prefill(),
            );
        }
    }
}

struct Bench {
    matrices: Vec<PackedMatrix>,
    activations: Activations,
    threads: usize,
}

impl Bench {
    fn new(isa: Isa, weight_type: WeightType, rows: usize, columns: usize, threads: usize) -> Self {
        let bytes = vec![0x11; rows * weight_type.row_bytes(columns).unwrap()];
        let count = DECODE_BYTES / bytes.len();
        let matrices = (0..count)
            .map(|_| PackedMatrix::pack(isa, weight_type, rows, columns, &bytes).unwrap())
            .collect();
        let mut activations = Activations::new(isa, weight_type.activation_form(isa), PROMPT, columns);
        activations.fill(0, &vec![0.5; PROMPT * columns]);
        Self { matrices, activations, threads }
    }

    /// Gigabytes of weights read a second when `tokens` are multiplied with many matrices.
    fn decode(&self, tokens: usize) -> f64 {
        let bytes: usize = self.matrices.iter().map(PackedMatrix::bytes_in_memory).sum();
        bytes as f64 / self.seconds(&self.matrices, tokens) / 1e9
    }

    /// Billions of multiply-adds a second when a prompt is multiplied.
    fn prefill(&self) -> f64 {
        let few = &self.matrices[..8];
        let products: usize = few.iter().map(|matrix| matrix.rows() * matrix.columns()).sum();
        (products * PROMPT) as f64 / self.seconds(few, PROMPT) / 1e9
    }

    /// The best of three passes over some matrices.
    fn seconds(&self, matrices: &[PackedMatrix], tokens: usize) -> f64 {
        let rows = matrices[0].rows();
        let mut results = vec![0.0; tokens * rows];
        let out = Output::new(&mut results, rows, 0);
        let mut best = f64::INFINITY;

        for _ in 0..5 {
            let start = Instant::now();
            thread::scope(|scope| {
                for number in 0..self.threads {
                    let out = &out;
                    scope.spawn(move || {
                        let mut scratch = Scratch::default();
                        for matrix in matrices {
                            let share = matrix.panels().div_ceil(self.threads);
                            let panels = share * number..(share * (number + 1)).min(matrix.panels());
                            // SAFETY: each thread has panels of its own.
                            unsafe {
                                matrix.multiply_panels(
                                    &self.activations,
                                    0..tokens,
                                    panels,
                                    out,
                                    &mut scratch,
                                )
                            };
                        }
                    });
                }
            });
            best = best.min(start.elapsed().as_secs_f64());
        }

        best
    }
}
