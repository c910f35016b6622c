//! Weights to convert, wherever they lie: rows of numbers, a stretch at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use infercost_weights::Entry;
use infercost_weights::gguf::TensorInfo;

use crate::error::ModelError;
use crate::gguf::GgufHeader;
use crate::numbers::decode;

/// A model's weights and the GGUF metadata that belongs to them.
pub(crate) trait Weights {
    /// The file or folder, for messages.
    fn path(&self) -> &Path;
    /// The metadata, in order.
    fn entries(&self) -> &[Entry];
    /// What tensor data is aligned to.
    fn alignment(&self) -> u64;
    /// The tensors under their GGUF names; offsets are the source's own business.
    fn tensors(&self) -> &[TensorInfo];
    /// Rows of a tensor, from `first`, as numbers.
    fn rows(&mut self, tensor: &TensorInfo, first: u64, count: u64) -> Result<Vec<f32>, ModelError>;
}

/// The weights of a GGUF file.
pub(crate) struct GgufWeights {
    header: GgufHeader,
    file: File,
}

impl GgufWeights {
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let header = GgufHeader::read(path)?;
        let file = File::open(path).map_err(ModelError::io(path, "open"))?;
        Ok(Self { header, file })
    }

    pub(crate) fn header(&self) -> &GgufHeader {
        &self.header
    }
}

impl Weights for GgufWeights {
    fn path(&self) -> &Path {
        &self.header.path
    }

    fn entries(&self) -> &[Entry] {
        &self.header.entries
    }

    fn alignment(&self) -> u64 {
        self.header.alignment
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.header.tensors
    }

    fn rows(&mut self, tensor: &TensorInfo, first: u64, count: u64) -> Result<Vec<f32>, ModelError> {
        let path = self.header.path.as_path();
        let numbers = count.checked_mul(tensor.width()).ok_or_else(|| overflow(path, tensor))?;
        let skipped = first
            .checked_mul(tensor.width())
            .and_then(|elements| tensor.kind.bytes_for(elements))
            .ok_or_else(|| overflow(path, tensor))?;
        let start = self
            .header
            .data_offset
            .checked_add(tensor.offset)
            .and_then(|start| start.checked_add(skipped))
            .ok_or_else(|| overflow(path, tensor))?;
        let length = tensor.kind.bytes_for(numbers).ok_or_else(|| overflow(path, tensor))?;
        let bytes = read_at(&mut self.file, path, start, length)?;

        let numbers = usize::try_from(numbers).map_err(|_| overflow(path, tensor))?;
        decode(tensor.kind, &bytes, numbers)
            .map_err(|reason| ModelError::bad(path, format!("tensor `{}`: {reason}", tensor.name)))
    }
}

pub(crate) fn overflow(path: &Path, tensor: &TensorInfo) -> ModelError {
    ModelError::bad(path, format!("tensor `{}`: a size overflows", tensor.name))
}

/// Reads that stretch of a file.
pub(crate) fn read_at(file: &mut File, path: &Path, start: u64, length: u64) -> Result<Vec<u8>, ModelError> {
    let length = usize::try_from(length).map_err(|_| ModelError::bad(path, "a tensor too large to read"))?;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(ModelError::io(path, "read"))?;
    Ok(bytes)
}
