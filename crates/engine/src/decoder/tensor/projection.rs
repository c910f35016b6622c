//! Multiplication by weight matrices, quantized or plain.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{D, DType, Device, Module, Tensor};

use crate::decoder::stored_tensor::StoredTensor;

/// A matrix of `rows × columns`, applied to `tokens × columns`.
#[derive(Debug)]
pub(crate) enum Weight {
    /// Blocks as they stand in the file; multiplied without being expanded.
    Quantized(Arc<QTensor>),
    /// Blocks with a row of zeros below them, whose results are dropped; see [`StoredTensor::padded`].
    Padded {
        /// One row more than the matrix has.
        blocks: Arc<QTensor>,
        /// Rows of the matrix itself.
        rows: usize,
    },
    /// Plain numbers of the compute type.
    Plain(Tensor),
}

impl Weight {
    /// Brings a matrix to the device, expanded to the compute type unless it is quantized.
    pub(crate) fn of(stored: StoredTensor, dtype: DType, device: &Device) -> candle_core::Result<Self> {
        Ok(if device.is_cpu() && stored.rounds_coarsely_when_packed() {
            let rows = stored.shape.first().copied().unwrap_or(0);
            Self::Padded { blocks: stored.padded().to_blocks(device)?, rows }
        } else if stored.stays() {
            Self::Quantized(stored.to_blocks(device)?)
        } else {
            Self::Plain(stored.to_plain(dtype, device)?)
        })
    }

    pub(crate) fn apply(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Quantized(weight) => multiply(weight, input),
            Self::Padded { blocks, rows } => {
                let output = multiply(blocks, input)?;
                output.narrow(D::Minus1, 0, *rows)?.contiguous()
            }
            Self::Plain(weight) => input.matmul(&weight.t()?),
        }
    }

    /// Bytes read to multiply one token.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Quantized(weight) | Self::Padded { blocks: weight, .. } => {
                weight.storage_size_in_bytes() as u64
            }
            Self::Plain(weight) => weight.elem_count() as u64 * weight.dtype().size_in_bytes() as u64,
        }
    }
}

fn multiply(weight: &Arc<QTensor>, input: &Tensor) -> candle_core::Result<Tensor> {
    // Quantized kernels of every device take F32; a half type is the exception.
    let dtype = input.dtype();
    QMatMul::QTensor(weight.clone()).forward(&input.to_dtype(DType::F32)?)?.to_dtype(dtype)
}

/// Projections that share their input, computed as one product where their encodings allow.
///
/// One product instead of three saves the start of two parallel regions and two
/// quantizations of the input, which is what a decode step on the CPU spends much of its
/// time on in small models.
#[derive(Debug)]
pub(crate) struct Projections {
    weights: Vec<Weight>,
    bias: Option<Tensor>,
}

impl Projections {
    /// Matrices in the order of their results, and what is added to those.
    pub(crate) fn new(weights: Vec<Weight>, bias: Option<Tensor>) -> Self {
        Self { weights, bias }
    }

    /// Maps `tokens × columns` to `tokens × rows`, the parts side by side.
    pub(crate) fn apply(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        let output = match self.weights.as_slice() {
            [single] => single.apply(input)?,
            several => {
                let parts = several
                    .iter()
                    .map(|weight| weight.apply(input))
                    .collect::<candle_core::Result<Vec<_>>>()?;
                Tensor::cat(&parts, 1)?
            }
        };

        match &self.bias {
            Some(bias) => output.broadcast_add(bias),
            None => Ok(output),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.weights.iter().map(Weight::bytes).sum()
    }
}

/// The token embedding, which may also be the output layer.
#[derive(Debug)]
pub(crate) struct TokenEmbedding {
    weight: Arc<Weight>,
    scale: f64,
    dtype: DType,
}

impl TokenEmbedding {
    pub(crate) fn new(weight: Arc<Weight>, scale: f64, dtype: DType) -> Self {
        Self { weight, scale, dtype }
    }

    /// Rows of the given tokens; only those rows of a quantized table are expanded.
    pub(crate) fn rows(&self, tokens: &Tensor) -> candle_core::Result<Tensor> {
        let rows = match self.weight.as_ref() {
            Weight::Quantized(weight) | Weight::Padded { blocks: weight, .. } => {
                weight.embedding(tokens)?.to_dtype(self.dtype)?
            }
            Weight::Plain(weight) => weight.index_select(tokens, 0)?,
        };
        if (self.scale - 1.0).abs() < f64::EPSILON { Ok(rows) } else { rows * self.scale }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

    use candle_core::quantized::GgmlDType;

    use super::*;
    use crate::decoder::stored_tensor::Encoding;

    /// Activations are rounded in blocks of 32: a large one must not wipe out small ones 32 places further on.
    #[test]
    fn activations_of_q8_0_are_rounded_in_blocks_of_32() {
        let (rows, columns) = (16_usize, 256_usize);
        let weights = Tensor::ones((rows, columns), DType::F32, &Device::Cpu).unwrap();
        let blocks = QTensor::quantize(&weights, GgmlDType::Q8_0).unwrap();
        let stored = StoredTensor {
            bytes: blocks.data().unwrap().into_owned(),
            encoding: Encoding::Blocks(GgmlDType::Q8_0),
            shape: vec![rows, columns],
        };
        let weight = Weight::of(stored, DType::F32, &Device::Cpu).unwrap();
        for tokens in [1, 3] {
            let mut row = vec![0.5_f32; columns];
            row[0] = 1000.0;
            let input = Tensor::from_vec(row.repeat(tokens), (tokens, columns), &Device::Cpu).unwrap();
            let output = weight.apply(&input).unwrap();
            assert_eq!(output.dims(), [tokens, rows]);
            // The first block rounds its 31 small values to zero, the other seven keep theirs.
            let expected = 1000.0 + 7.0 * 32.0 * 0.5;
            for value in output.flatten_all().unwrap().to_vec1::<f32>().unwrap() {
                assert!((value - expected).abs() < 1.0, "{value}, not {expected}");
            }
        }
    }
}
