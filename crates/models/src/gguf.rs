//! The header of a GGUF file that lies here, with all of its metadata.

use std::fs::File;
use std::io::BufReader;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use infercost_weights::gguf::{Header, Metadata};
pub use infercost_weights::{TensorType, gguf::TensorInfo};

use crate::error::ModelError;
use crate::mistaken;

/// The key under which a file made here says how it came to be, as JSON.
pub const PROVENANCE_KEY: &str = "infercost.provenance";

/// A GGUF file's header, read and checked against the file's length.
#[derive(Debug, Clone)]
pub struct GgufHeader {
    /// The file.
    pub path: PathBuf,
    header: Header,
}

impl GgufHeader {
    /// Reads and checks the header of a file.
    ///
    /// # Errors
    /// [`ModelError::Io`] where it cannot be read, [`ModelError::BadFile`] where it is not GGUF, is cut short,
    /// or declares more than it holds.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        mistaken::refuse(path)?;
        let file = File::open(path).map_err(ModelError::io(path, "open"))?;
        let file_bytes = file.metadata().map_err(ModelError::io(path, "open"))?.len();

        let header = Header::read(BufReader::new(file), file_bytes, Metadata::Kept);
        let header = header.and_then(|header| header.check_extents().map(|()| header));
        let header = header.map_err(|error| mistaken::header(path, error))?;
        Ok(Self { path: path.to_owned(), header })
    }
}

impl Deref for GgufHeader {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}
