//! The weights of a safetensors folder, under GGUF names.

use std::path::Path;

use crate::error::ModelError;
use crate::gguf::TensorInfo;
use crate::metadata::Entry;
use crate::weights::Weights;

/// A folder of safetensors files with its configuration and tokenizer.
pub(crate) enum SafetensorsWeights {}

impl SafetensorsWeights {
    pub(crate) fn open(folder: &Path) -> Result<Self, ModelError> {
        Err(ModelError::Unsupported {
            path: folder.to_owned(),
            reason: "safetensors folders cannot be quantized yet\nhint: use the model's F32 or F16 GGUF"
                .into(),
        })
    }
}

impl Weights for SafetensorsWeights {
    fn path(&self) -> &Path {
        match *self {}
    }
    fn entries(&self) -> &[Entry] {
        match *self {}
    }
    fn alignment(&self) -> u64 {
        match *self {}
    }
    fn tensors(&self) -> &[TensorInfo] {
        match *self {}
    }
    fn rows(&mut self, _: &TensorInfo, _: u64, _: u64) -> Result<Vec<f32>, ModelError> {
        match *self {}
    }
}
