//! Configurations beside weights.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::error::ModelError;
use crate::mistaken;

/// Longest JSON that is read, in bytes.
pub(crate) const MAX_JSON: u64 = 128 << 20;

/// A JSON file of bounded size.
pub(crate) fn json_file(path: &Path) -> Result<Value, ModelError> {
    mistaken::refuse(path)?;
    let mut text = Vec::new();
    let file = File::open(path).map_err(ModelError::io(path, "open"))?;
    file.take(MAX_JSON + 1).read_to_end(&mut text).map_err(ModelError::io(path, "read"))?;
    if text.len() as u64 > MAX_JSON {
        return Err(ModelError::bad(
            path,
            format!("more than {MAX_JSON} bytes are too many for a configuration"),
        ));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|error| ModelError::bad(path, format!("not JSON: {error}")))
}
