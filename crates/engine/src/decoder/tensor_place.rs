//! Where a tensor lies in its file.

use std::path::Path;

use super::error::DecoderError;
use super::stored_tensor::Encoding;

/// Where a tensor lies.
#[derive(Clone, Debug)]
pub(crate) struct TensorPlace {
    pub(crate) file: usize,
    pub(crate) offset: u64,
    pub(crate) encoding: Encoding,
    pub(crate) shape: Vec<usize>,
}

impl TensorPlace {
    /// Checks that the tensor lies inside a file of `size` bytes.
    pub(crate) fn check(&self, path: &Path, name: &str, size: u64) -> Result<(), DecoderError> {
        let Some(bytes) = self.encoding.bytes(&self.shape) else {
            let encoding = self.encoding.name();
            let reason = format!("shape {:?} is impossible in {encoding}", self.shape);
            return Err(DecoderError::broken_tensor(path, name, reason));
        };

        match self.offset.checked_add(bytes) {
            Some(end) if end <= size => Ok(()),
            _ => {
                let reason =
                    format!("it needs {bytes} bytes from byte {}, but the file ends at {size}", self.offset);
                Err(DecoderError::broken_tensor(path, name, reason))
            }
        }
    }
}
