//! The two CPU loops that candle leaves slow: a plain matrix times one vector, and the gate.
//!
//! Its element-wise functions run on one thread and write every step to memory. On an F32 model of
//! 135 million weights, one thread, a decode step with these loops took about two thirds of the
//! processor time of candle-transformers' model of the same weights.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::config::Activation;

/// Rows of the matrix that one task multiplies: enough work to be worth a task.
const ROWS_PER_TASK: usize = 64;

/// A plain F32 matrix (`rows × columns`) applied to one vector (`1 × columns`).
pub(crate) struct MatrixVector<'a>(pub(crate) &'a Tensor);

impl MatrixVector<'_> {
    /// True where the kernel applies; elsewhere candle's product is used.
    pub(crate) fn applies(weight: &Tensor, input: &Tensor) -> bool {
        weight.device().is_cpu()
            && weight.dtype() == DType::F32
            && input.dtype() == DType::F32
            && input.dims().first() == Some(&1)
            && weight.is_contiguous()
            && input.is_contiguous()
    }
}

impl CustomOp1 for MatrixVector<'_> {
    fn name(&self) -> &'static str {
        "matrix-vector"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (rows, columns) = self.0.dims2()?;
        if layout.dims() != [1, columns] {
            candle_core::bail!("a vector of {columns} was expected, not {:?}", layout.dims());
        }
        let input = contiguous(input, layout)?;
        let (storage, weight_layout) = self.0.storage_and_layout();
        let Storage::Cpu(weight) = &*storage else {
            candle_core::bail!("the matrix is not on the CPU");
        };
        let weight = contiguous(weight, weight_layout)?;
        let mut output = vec![0f32; rows];
        output.par_chunks_mut(ROWS_PER_TASK).zip(weight.par_chunks(ROWS_PER_TASK * columns)).for_each(
            |(output, weight)| {
                for (value, row) in output.iter_mut().zip(weight.chunks_exact(columns)) {
                    *value = dot(row, input);
                }
            },
        );
        Ok((CpuStorage::F32(output), Shape::from((1, rows))))
    }
}

/// `activation(gate) · up` of rows that hold the gate and then the other factor.
pub(crate) struct Gate(pub(crate) Activation);

impl CustomOp1 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let [rows, both] = *layout.dims() else {
            candle_core::bail!("two dimensions were expected, not {:?}", layout.dims());
        };
        let width = both / 2;
        let input = contiguous(input, layout)?;
        let mut output = vec![0f32; rows * width];
        if width == 0 {
            return Ok((CpuStorage::F32(output), Shape::from((rows, width))));
        }
        let activation = self.0;
        let one_row = |(output, input): (&mut [f32], &[f32])| {
            let (gate, up) = input.split_at(width);
            for ((value, gate), up) in output.iter_mut().zip(gate).zip(up) {
                *value = activate(activation, *gate) * up;
            }
        };
        if rows == 1 {
            one_row((&mut output, input));
        } else {
            output.par_chunks_mut(width).zip(input.par_chunks(both)).for_each(one_row);
        }
        Ok((CpuStorage::F32(output), Shape::from((rows, width))))
    }
}

fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        // tanh by way of exp, as 1 + tanh(y) = 2 / (1 + exp(-2y)).
        Activation::GeluTanh => {
            const SQRT_2_OVER_PI: f32 = 0.797_884_6;
            x / (1.0 + (-2.0 * SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x)).exp())
        }
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets().and_then(|(start, end)| values.get(start..end)) {
        Some(values) => Ok(values),
        None => candle_core::bail!("the tensor is not contiguous"),
    }
}

/// Sum of products over independent lanes, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 64;
    let mut sums = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    rest + sums.iter().sum::<f32>()
}
