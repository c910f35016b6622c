//! From stored tensors to the weights of a decoder on its device.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::RmsNorm;

use super::projection::{Projections, Weight};
use crate::decoder::config::DecoderConfig;
use crate::decoder::error::DecoderError;
use crate::decoder::stored_tensor::{Encoding, StoredTensor};
use crate::decoder::weights::WeightSource;

/// What loading a decoder's parts needs, and what it counts along the way.
pub(crate) struct Loader<'a> {
    pub(crate) source: &'a WeightSource,
    pub(crate) config: &'a DecoderConfig,
    pub(crate) device: &'a Device,
    pub(crate) dtype: DType,
    /// Bytes in the file, by encoding, of the matrices read so far.
    stored_bytes: HashMap<Encoding, usize>,
    /// Bytes of norms and biases, which every token reads.
    pub(crate) vector_bytes: u64,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(source: &'a WeightSource, device: &'a Device, dtype: DType) -> Self {
        Self { source, config: source.config(), device, dtype, stored_bytes: HashMap::new(), vector_bytes: 0 }
    }

    /// Reads a matrix in the encoding of the file.
    pub(crate) fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<StoredTensor, DecoderError> {
        let stored = self.source.read(name, &[rows, columns])?;
        *self.stored_bytes.entry(stored.encoding).or_default() += stored.bytes.len();
        Ok(stored)
    }

    /// Brings a matrix to the device, expanded to the compute type unless it is quantized.
    pub(crate) fn weight(&self, stored: StoredTensor) -> Result<Weight, DecoderError> {
        Ok(Weight::of(stored, self.dtype, self.device)?)
    }

    /// Loads the named matrices of `rows` rows each; a `fused` tensor holding all of them is
    /// taken instead where the file has one.
    pub(crate) fn projections(
        &mut self,
        fused: &str,
        parts: &[(String, usize)],
        columns: usize,
        bias: bool,
    ) -> Result<Projections, DecoderError> {
        let rows: usize = parts.iter().map(|(_, rows)| rows).sum();
        let fused_name = format!("{fused}.weight");
        let stored = if self.source.has(&fused_name) {
            vec![self.matrix(&fused_name, rows, columns)?]
        } else {
            let mut stored = Vec::with_capacity(parts.len());
            for (name, rows) in parts {
                stored.push(self.matrix(&format!("{name}.weight"), *rows, columns)?);
            }
            StoredTensor::stack(stored)
        };

        let weights = stored.into_iter().map(|part| self.weight(part)).collect::<Result<Vec<_>, _>>()?;
        if !bias {
            return Ok(Projections::new(weights, None));
        }

        let mut biases = Vec::with_capacity(parts.len());
        for (name, rows) in parts {
            biases.push(self.vector(&format!("{name}.bias"), *rows)?);
        }
        Ok(Projections::new(weights, Some(Tensor::cat(&biases, 0)?)))
    }

    /// Reads a bias.
    pub(crate) fn vector(&mut self, name: &str, length: usize) -> Result<Tensor, DecoderError> {
        let vector = self.source.read(name, &[length])?.to_plain(self.dtype, self.device)?;
        self.vector_bytes += (length * self.dtype.size_in_bytes()) as u64;
        Ok(vector)
    }

    /// Reads the weight of a norm that only some families have.
    pub(crate) fn norm_if(
        &mut self,
        wanted: bool,
        name: &str,
        length: usize,
    ) -> Result<Option<RmsNorm>, DecoderError> {
        wanted.then(|| self.norm(name, length)).transpose()
    }

    /// Reads the weight of a norm.
    pub(crate) fn norm(&mut self, name: &str, length: usize) -> Result<RmsNorm, DecoderError> {
        let name = format!("{name}.weight");
        let weight = if self.config.norm_weight_plus_one {
            // Added in F32: a half type would round away small weights beside the one.
            let weight = self.source.read(&name, &[length])?.to_plain(DType::F32, &Device::Cpu)?;
            self.vector_bytes += (length * self.dtype.size_in_bytes()) as u64;
            (weight + 1.0)?.to_dtype(self.dtype)?.to_device(self.device)?
        } else {
            self.vector(&name, length)?
        };
        Ok(RmsNorm::new(weight, self.config.rms_epsilon))
    }

    /// The encoding that most bytes of the matrices are in; ties go to the first by name.
    pub(crate) fn dominant_encoding(&self) -> Option<Encoding> {
        self.stored_bytes
            .iter()
            .max_by_key(|(encoding, bytes)| (**bytes, std::cmp::Reverse(encoding.name())))
            .map(|(encoding, _)| *encoding)
    }
}
