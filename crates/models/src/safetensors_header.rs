//! The header of a safetensors file that lies here.

use std::fs::File;
use std::path::Path;

use infercost_weights::safetensors::Header;

use crate::error::ModelError;
use crate::mistaken;

/// Reads it, and checks that the file is as long as its tensors need.
///
/// # Errors
/// [`ModelError`] where it cannot be read, is something else, or is cut short.
pub(crate) fn read(path: &Path) -> Result<Header, ModelError> {
    mistaken::refuse(path)?;
    let file = File::open(path).map_err(ModelError::io(path, "open"))?;
    let file_bytes = file.metadata().map_err(ModelError::io(path, "open"))?.len();

    let header = Header::read(file, file_bytes);
    let header = header.and_then(|header| header.check_length().map(|()| header));
    header.map_err(|error| mistaken::header(path, error))
}
