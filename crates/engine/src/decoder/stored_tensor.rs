//! One weight as its file holds it.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use infercost_kernels::WeightType;

/// How a tensor's elements are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Encoding {
    /// One number after the other: F32, F16 or BF16.
    Plain(DType),
    /// Quantized blocks of GGUF.
    Blocks(GgmlDType),
}

impl Encoding {
    pub(crate) fn from_ggml(dtype: GgmlDType) -> Self {
        match dtype {
            GgmlDType::F32 => Self::Plain(DType::F32),
            GgmlDType::F16 => Self::Plain(DType::F16),
            GgmlDType::BF16 => Self::Plain(DType::BF16),
            blocks => Self::Blocks(blocks),
        }
    }

    /// The name users know it by, such as `BF16` or `Q4_K`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain(DType::F16) => "F16",
            Self::Plain(DType::BF16) => "BF16",
            Self::Plain(_) => "F32",
            Self::Blocks(dtype) => match dtype {
                GgmlDType::F32 => "F32",
                GgmlDType::F16 => "F16",
                GgmlDType::BF16 => "BF16",
                GgmlDType::Q4_0 => "Q4_0",
                GgmlDType::Q4_1 => "Q4_1",
                GgmlDType::Q5_0 => "Q5_0",
                GgmlDType::Q5_1 => "Q5_1",
                GgmlDType::Q8_0 => "Q8_0",
                GgmlDType::Q8_1 => "Q8_1",
                GgmlDType::Q2K => "Q2_K",
                GgmlDType::Q3K => "Q3_K",
                GgmlDType::Q4K => "Q4_K",
                GgmlDType::Q5K => "Q5_K",
                GgmlDType::Q6K => "Q6_K",
                GgmlDType::Q8K => "Q8_K",
            },
        }
    }

    /// The kernels' name of it; `None` where they have none for it.
    pub(crate) fn weight_type(self) -> Option<WeightType> {
        match self {
            Self::Plain(DType::F16) => Some(WeightType::F16),
            Self::Plain(DType::BF16) => Some(WeightType::BF16),
            Self::Plain(DType::F32) => Some(WeightType::F32),
            Self::Plain(_) => None,
            Self::Blocks(dtype) => match dtype {
                GgmlDType::F32 => Some(WeightType::F32),
                GgmlDType::F16 => Some(WeightType::F16),
                GgmlDType::BF16 => Some(WeightType::BF16),
                GgmlDType::Q4_0 => Some(WeightType::Q4_0),
                GgmlDType::Q4_1 => Some(WeightType::Q4_1),
                GgmlDType::Q5_0 => Some(WeightType::Q5_0),
                GgmlDType::Q5_1 => Some(WeightType::Q5_1),
                GgmlDType::Q8_0 => Some(WeightType::Q8_0),
                GgmlDType::Q4K => Some(WeightType::Q4K),
                GgmlDType::Q5K => Some(WeightType::Q5K),
                GgmlDType::Q6K => Some(WeightType::Q6K),
                GgmlDType::Q8_1 | GgmlDType::Q2K | GgmlDType::Q3K | GgmlDType::Q8K => None,
            },
        }
    }

    /// Bytes that a tensor of this shape takes, or `None` where the last dimension is no
    /// multiple of the block or the number overflows.
    pub(crate) fn bytes(self, shape: &[usize]) -> Option<u64> {
        let (block, size) = match self {
            Self::Plain(dtype) => (1, dtype.size_in_bytes()),
            Self::Blocks(dtype) => (dtype.block_size(), dtype.type_size()),
        };
        if !shape.last().unwrap_or(&1).is_multiple_of(block) {
            return None;
        }
        let elements =
            shape.iter().try_fold(1u64, |product, n| product.checked_mul(u64::try_from(*n).ok()?))?;
        (elements / block as u64).checked_mul(size as u64)
    }
}

/// A tensor's bytes with their meaning.
pub(crate) struct StoredTensor {
    pub(crate) bytes: Vec<u8>,
    pub(crate) encoding: Encoding,
    pub(crate) shape: Vec<usize>,
}

impl StoredTensor {
    /// True where the matrix is multiplied in its encoding instead of being expanded.
    pub(crate) fn stays(&self) -> bool {
        match self.encoding {
            Encoding::Plain(_) => false,
            // candle's kernels for these assert an even number of blocks in a row.
            Encoding::Blocks(dtype @ (GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1)) => {
                self.shape.last().is_some_and(|columns| columns.is_multiple_of(2 * dtype.block_size()))
            }
            // Types of intermediate results, for which there are no kernels as weights.
            Encoding::Blocks(GgmlDType::Q8_1 | GgmlDType::Q8K) => false,
            Encoding::Blocks(_) => true,
        }
    }

    /// True where candle's packed x86 kernel would multiply this matrix with activations in 8-bit blocks of 256.
    ///
    /// Q8_0 is made of blocks of 32, and llama.cpp rounds activations in blocks of 32 as well; the coarser
    /// rounding raises the KL divergence of Q8_0 (docs/agreement.md has the figures). The kernel takes
    /// matrices whose rows are a multiple of 256 long and whose number is a multiple of 16.
    pub(crate) fn rounds_coarsely_when_packed(&self) -> bool {
        cfg!(target_arch = "x86_64")
            && self.encoding == Encoding::Blocks(GgmlDType::Q8_0)
            && matches!(self.shape.as_slice(), [rows, columns]
                if rows.is_multiple_of(16) && columns.is_multiple_of(256))
    }

    /// Appends a row of zeros: the number of rows is then no multiple of 16, and candle takes its plain kernel.
    pub(crate) fn padded(mut self) -> Self {
        if let [rows, columns] = self.shape.as_mut_slice() {
            let row = self.bytes.len().checked_div(*rows).unwrap_or(0);
            self.bytes.resize(self.bytes.len() + row, 0);
            debug_assert!(columns.is_multiple_of(256), "only rows of whole blocks are padded");
            *rows += 1;
        }
        self
    }

    /// Converts to a plain tensor, quantized blocks included.
    pub(crate) fn to_plain(&self, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        match self.encoding {
            Encoding::Plain(stored) => {
                // Converted on the CPU: a device may lack the stored type.
                Tensor::from_raw_buffer(&self.bytes, stored, &self.shape, &Device::Cpu)?
                    .to_dtype(dtype)?
                    .to_device(device)
            }
            Encoding::Blocks(_) => {
                self.to_blocks(&Device::Cpu)?.dequantize(&Device::Cpu)?.to_dtype(dtype)?.to_device(device)
            }
        }
    }

    /// Keeps the encoding of the file.
    pub(crate) fn to_blocks(&self, device: &Device) -> candle_core::Result<Arc<QTensor>> {
        let dtype = match self.encoding {
            Encoding::Blocks(dtype) => dtype,
            Encoding::Plain(DType::F16) => GgmlDType::F16,
            Encoding::Plain(DType::BF16) => GgmlDType::BF16,
            Encoding::Plain(_) => GgmlDType::F32,
        };
        let storage = QStorage::from_data(Cow::Borrowed(&self.bytes), device, dtype)?;
        Ok(Arc::new(QTensor::new(storage, self.shape.as_slice())?))
    }

    /// Stacks matrices of one encoding and one width on top of each other.
    ///
    /// Both plain and block encodings store a matrix row by row, so that stacking is
    /// concatenating bytes. Returns the tensors unchanged where encodings differ.
    pub(crate) fn stack(parts: Vec<Self>) -> Vec<Self> {
        let Some(first) = parts.first() else { return parts };
        let (encoding, columns) = (first.encoding, first.shape.last().copied());
        let all_alike = parts.iter().all(|part| {
            part.encoding == encoding && part.shape.len() == 2 && part.shape.last().copied() == columns
        });
        if parts.len() == 1 || !all_alike {
            return parts;
        }

        let rows = parts.iter().filter_map(|part| part.shape.first()).sum();
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.bytes.len()).sum());
        for part in &parts {
            bytes.extend_from_slice(&part.bytes);
        }
        vec![Self { bytes, encoding, shape: vec![rows, columns.unwrap_or(0)] }]
    }
}
