//! A safetensors file's header.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::json_file::MAX_JSON;
use crate::mistaken;

/// A safetensors file's own account of its tensors.
pub(crate) struct SafetensorsHeader {
    /// Each tensor's name with its type, shape and place; `__metadata__` is left out.
    pub(crate) tensors: Map<String, Value>,
    /// Where data starts, in bytes from the file's start.
    pub(crate) data_offset: u64,
    /// The file's length in bytes.
    pub(crate) file_bytes: u64,
}

impl SafetensorsHeader {
    /// Reads it, and checks that the file is as long as its tensors need.
    ///
    /// # Errors
    /// [`ModelError`] where it cannot be read, is something else, or is cut short.
    pub(crate) fn read(path: &Path) -> Result<Self, ModelError> {
        mistaken::refuse(path)?;
        let mut file = File::open(path).map_err(ModelError::io(path, "open"))?;
        let file_bytes = file.metadata().map_err(ModelError::io(path, "open"))?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length)
            .map_err(|_| ModelError::bad(path, "too short for a safetensors file"))?;
        let length = u64::from_le_bytes(length);
        if length > MAX_JSON || length > file_bytes.saturating_sub(8) {
            let hint = mistaken::unfinished(path);
            return Err(ModelError::bad(
                path,
                format!(
                    "not a safetensors file, or cut short: a header of {length} bytes in a file of {file_bytes}{hint}"
                ),
            ));
        }

        let mut text = Vec::new();
        file.take(length).read_to_end(&mut text).map_err(ModelError::io(path, "read"))?;
        let mut tensors: Map<String, Value> = serde_json::from_slice(&text)
            .map_err(|error| ModelError::bad(path, format!("not a safetensors file: {error}")))?;
        tensors.remove("__metadata__");
        let header = Self { tensors, data_offset: 8 + length, file_bytes };
        header.check_length(path)?;

        Ok(header)
    }

    fn check_length(&self, path: &Path) -> Result<(), ModelError> {
        let ends = self.tensors.values().filter_map(|about| about.get("data_offsets")?.get(1)?.as_u64());
        let end = ends.max().and_then(|end| self.data_offset.checked_add(end));
        if end.is_some_and(|end| end <= self.file_bytes) || self.tensors.is_empty() {
            return Ok(());
        }
        let wanted =
            end.map_or_else(|| "more bytes than there can be".to_owned(), |end| format!("{end} bytes"));
        let (bytes, hint) = (self.file_bytes, mistaken::unfinished(path));
        Err(ModelError::bad(
            path,
            format!("cut short: its tensors need {wanted}, the file has {bytes}; fetch it again{hint}"),
        ))
    }
}
