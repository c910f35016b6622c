//! Files of a model, which links may lead anywhere.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::DecoderError;

/// Opens a regular file. Anything else is refused before it is opened: opening a pipe would wait for ever.
///
/// # Errors
/// [`DecoderError::Io`].
pub(super) fn open(path: &Path) -> Result<File, DecoderError> {
    let metadata = std::fs::metadata(path).map_err(DecoderError::reading(path))?;
    if !metadata.is_file() {
        return Err(DecoderError::reading(path)(io::Error::other("it is no regular file")));
    }
    File::open(path).map_err(DecoderError::reading(path))
}
