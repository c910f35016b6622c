//! Where the tensors of safetensors files lie, and the index that lists the shards of one model.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use candle_core::DType;
use infercost_weights::HeaderError;
use infercost_weights::safetensors::{Header, LONGEST_HEADER};
use serde_json::Value;

use super::error::{DecoderError, shown};
use super::regular_file;
use super::stored_tensor::Encoding;
use super::tensor_place::TensorPlace;

/// Reads where each tensor of one file lies.
///
/// Tensors of other element types than F32, F16 and BF16 are left out.
///
/// # Errors
/// A file that cannot be read or whose header is no such JSON.
pub(crate) fn read(
    path: &Path,
    file: &File,
    size: u64,
    index: usize,
) -> Result<Vec<(String, TensorPlace)>, DecoderError> {
    let header = Header::read(file, size).map_err(|error| match error {
        HeaderError::Read(source) => DecoderError::reading(path)(source),
        other => DecoderError::not_a_model(path, other.to_string()),
    })?;

    let mut places = Vec::with_capacity(header.tensors.len());
    for (name, entry) in header.tensors {
        match place(&entry, header.data_offset, index) {
            Ok(Some(place)) => places.push((name, place)),
            Ok(None) => {}
            Err(reason) => return Err(DecoderError::broken_tensor(path, &name, reason)),
        }
    }
    Ok(places)
}

/// Where one entry's tensor lies, given where the data begins; `None` for types that no decoder reads.
fn place(entry: &Value, data: u64, file: usize) -> Result<Option<TensorPlace>, &'static str> {
    let encoding = match entry.get("dtype").and_then(Value::as_str) {
        Some("F32") => Encoding::Plain(DType::F32),
        Some("F16") => Encoding::Plain(DType::F16),
        Some("BF16") => Encoding::Plain(DType::BF16),
        Some(_) => return Ok(None),
        None => return Err("its header entry has no dtype"),
    };

    let shape = numbers(entry, "shape")
        .and_then(|dims| dims.into_iter().map(|n| usize::try_from(n).ok()).collect::<Option<Vec<_>>>())
        .ok_or("its header entry has no shape")?;
    let (start, end) = match numbers(entry, "data_offsets").as_deref() {
        Some([start, end]) if start <= end => (*start, *end),
        _ => return Err("its header entry has no data_offsets"),
    };
    if encoding.bytes(&shape) != Some(end - start) {
        return Err("its shape does not match its data_offsets");
    }

    let offset = start.checked_add(data).ok_or("its offset overflows")?;
    Ok(Some(TensorPlace { file, offset, encoding, shape }))
}

fn numbers(entry: &Value, key: &str) -> Option<Vec<u64>> {
    entry.get(key)?.as_array()?.iter().map(Value::as_u64).collect()
}

/// Lists the weight files of a folder: one file, or the shards its index names.
///
/// # Errors
/// Neither is there, or the index is malformed or names a file outside the folder.
pub(crate) fn shards(folder: &Path) -> Result<Vec<PathBuf>, DecoderError> {
    let index_path = folder.join("model.safetensors.index.json");
    let single = folder.join("model.safetensors");
    if single.is_file() && !index_path.is_file() {
        return Ok(vec![single]);
    }
    if !index_path.is_file() {
        let shards = unindexed(folder);
        let reason = "the folder has neither model.safetensors nor its parts";
        return if shards.is_empty() { Err(DecoderError::not_a_model(folder, reason)) } else { Ok(shards) };
    }

    let text = read_text(&index_path)?;
    let names = shard_names(&text).map_err(|reason| DecoderError::not_a_model(&index_path, reason))?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The files of a folder that are named as parts of one model, in order: the index may be missing. Whoever named the
/// folder has seen to it that no part is missing.
fn unindexed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut shards: Vec<PathBuf> = entries.filter(|path| is_shard(path)).collect();
    shards.sort();
    shards
}

fn is_shard(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("model-") && name.contains("-of-") && name.ends_with(".safetensors") && path.is_file()
}

/// The file names in an index, each a file of the index's own folder.
fn shard_names(index: &str) -> Result<BTreeSet<String>, String> {
    let index: Value = serde_json::from_str(index).map_err(|error| format!("not JSON: {error}"))?;
    let map = index.get("weight_map").and_then(Value::as_object).ok_or("it has no weight_map")?;

    let mut names = BTreeSet::new();
    for file in map.values() {
        let name = file.as_str().ok_or("weight_map names no file")?;
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(_)), None) => names.insert(name.to_owned()),
            _ => return Err(format!("\"{}\" is not a file of this folder", shown(name))),
        };
    }
    Ok(names)
}

/// Reads a small text file.
pub(crate) fn read_text(path: &Path) -> Result<String, DecoderError> {
    let file = regular_file::open(path)?;
    let mut text = String::new();
    file.take(LONGEST_HEADER).read_to_string(&mut text).map_err(DecoderError::reading(path))?;
    Ok(text)
}
