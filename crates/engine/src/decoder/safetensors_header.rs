//! Headers of safetensors files, and the index that lists the shards of one model.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use candle_core::DType;
use serde_json::Value;

use super::error::{DecoderError, shown};
use super::stored_tensor::Encoding;
use super::tensor_place::TensorPlace;

/// Longest header accepted, in bytes; the limit of the safetensors library.
const LONGEST_HEADER: u64 = 100_000_000;

/// Reads where each tensor of one file lies.
///
/// The format is eight bytes of little-endian header length, a JSON header, then the data;
/// offsets count from the end of the header
/// (<https://github.com/huggingface/safetensors#format>).
///
/// Tensors of other element types than F32, F16 and BF16 are left out.
///
/// # Errors
/// A file that cannot be read or whose header is no such JSON.
pub(crate) fn read(
    path: &Path,
    mut file: &File,
    size: u64,
    index: usize,
) -> Result<Vec<(String, TensorPlace)>, DecoderError> {
    let io = |source| DecoderError::Io { path: path.into(), source };
    let broken = |reason: String| DecoderError::NotAModel { path: path.into(), reason };
    let mut length = [0u8; 8];
    if size < 8 {
        return Err(broken(format!("{size} bytes hold no safetensors header")));
    }
    file.read_exact(&mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length > size - 8 {
        return Err(broken(format!("its header of {length} bytes does not fit the file of {size}")));
    }
    let mut header = String::new();
    file.take(length).read_to_string(&mut header).map_err(io)?;
    let header: Value =
        serde_json::from_str(&header).map_err(|e| broken(format!("its header is not JSON: {e}")))?;
    let entries = header.as_object().ok_or_else(|| broken("its header is not an object".into()))?;
    let mut places = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        if name == "__metadata__" {
            continue;
        }
        let bad = |reason: &str| DecoderError::BrokenTensor {
            path: path.into(),
            tensor: shown(name),
            reason: reason.into(),
        };
        let encoding = match entry.get("dtype").and_then(Value::as_str) {
            Some("F32") => Encoding::Plain(DType::F32),
            Some("F16") => Encoding::Plain(DType::F16),
            Some("BF16") => Encoding::Plain(DType::BF16),
            Some(_) => continue,
            None => return Err(bad("its header entry has no dtype")),
        };
        let numbers = |key: &str| -> Option<Vec<u64>> {
            entry.get(key)?.as_array()?.iter().map(Value::as_u64).collect()
        };
        let shape = numbers("shape")
            .and_then(|dims| dims.into_iter().map(|n| usize::try_from(n).ok()).collect())
            .ok_or_else(|| bad("its header entry has no shape"))?;
        let (start, end) = match numbers("data_offsets").as_deref() {
            Some([start, end]) if start <= end => (*start, *end),
            _ => return Err(bad("its header entry has no data_offsets")),
        };
        let offset = start.checked_add(8 + length).ok_or_else(|| bad("its offset overflows"))?;
        let place = TensorPlace { file: index, offset, encoding, shape };
        if encoding.bytes(&place.shape) != Some(end - start) {
            return Err(bad("its shape does not match its data_offsets"));
        }
        places.push((name.clone(), place));
    }
    Ok(places)
}

/// Lists the weight files of a folder: one file, or the shards its index names.
///
/// # Errors
/// Neither is there, or the index is malformed or names a file outside the folder.
pub(crate) fn shards(folder: &Path) -> Result<Vec<PathBuf>, DecoderError> {
    let index_path = folder.join("model.safetensors.index.json");
    let single = folder.join("model.safetensors");
    if !index_path.is_file() {
        return if single.is_file() {
            Ok(vec![single])
        } else {
            let reason = "the folder has neither model.safetensors nor its index".into();
            Err(DecoderError::NotAModel { path: folder.into(), reason })
        };
    }
    let broken = |reason: String| DecoderError::NotAModel { path: index_path.clone(), reason };
    let index: Value =
        serde_json::from_str(&read_text(&index_path)?).map_err(|e| broken(format!("not JSON: {e}")))?;
    let map = index.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| broken("it has no weight_map".into()))?;
    let mut names = BTreeSet::new();
    for file in map.values() {
        let name = file.as_str().ok_or_else(|| broken("weight_map names no file".into()))?;
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(_)), None) => names.insert(name),
            _ => return Err(broken(format!("\"{}\" is no file of this folder", shown(name)))),
        };
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Reads a small text file.
pub(crate) fn read_text(path: &Path) -> Result<String, DecoderError> {
    let io = |source| DecoderError::Io { path: path.into(), source };
    let file = File::open(path).map_err(io)?;
    let mut text = String::new();
    file.take(LONGEST_HEADER).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}
