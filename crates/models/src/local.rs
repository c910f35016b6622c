//! Files and folders that the user names.

use std::fs;
use std::path::{Path, PathBuf};

use infercost_core::manifest::Provenance;

use crate::convert::PROVENANCE_KEY;
use crate::error::ModelError;
use crate::gguf::GgufHeader;
use crate::hash::{file_name, sha256_of_file};
use crate::progress::ProgressSink;
use crate::resolved::{ModelLocation, ResolvedModel, joined_hash};
use crate::variant_names;

/// What a folder must hold beside its weights.
const BESIDE: [&str; 2] = ["config.json", "tokenizer.json"];

/// Resolves a `.gguf` file, a safetensors folder, or a safetensors file inside one.
///
/// # Errors
/// [`ModelError`] where it is not there, or not what it has to be.
pub(crate) fn resolve(path: &Path, progress: &mut ProgressSink<'_>) -> Result<ResolvedModel, ModelError> {
    let path = fs::canonicalize(path).map_err(ModelError::io(path, "open"))?;
    if path.is_dir() {
        return folder(&path, progress);
    }
    let is_safetensors = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("safetensors"));
    if let Some(parent) = path.parent().filter(|_| is_safetensors) {
        return folder(parent, progress);
    }
    let header = GgufHeader::read(&path)?;
    let provenance = stated_provenance(&header)
        .unwrap_or_else(|| Provenance::Local { file: crate::file_text::escaped(&file_name(&path)) });
    Ok(ResolvedModel {
        variant: variant_names::local(&path),
        sha256: Some(sha256_of_file(&path, progress)?),
        bytes: Some(header.file_bytes),
        location: ModelLocation::Gguf(path),
        provenance,
        license: None,
        is_full_precision: header.tensors.iter().all(|tensor| tensor.kind.is_full_precision()),
    })
}

/// The weights in a folder, in order of name.
pub(crate) fn safetensors_in(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let entries = fs::read_dir(folder).map_err(ModelError::io(folder, "open"))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "safetensors") && file.is_file());
    files.sort();
    Ok(files)
}

fn folder(path: &Path, progress: &mut ProgressSink<'_>) -> Result<ResolvedModel, ModelError> {
    let files = safetensors_in(path)?;
    if files.is_empty() {
        return Err(ModelError::bad(
            path,
            "the folder holds no .safetensors file; name a .gguf file by itself",
        ));
    }
    for name in BESIDE {
        if !path.join(name).is_file() {
            return Err(ModelError::bad(path, format!("the folder holds no {name}, which its weights need")));
        }
    }
    let bytes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|data| data.len()).sum();
    Ok(ResolvedModel {
        variant: variant_names::local(path),
        location: ModelLocation::SafetensorsFolder(path.to_owned()),
        sha256: Some(joined_hash(&files, progress)?),
        bytes: Some(bytes),
        provenance: Provenance::Local { file: crate::file_text::escaped(&file_name(path)) },
        license: None,
        is_full_precision: true,
    })
}

/// What a file made by infercost says of itself.
fn stated_provenance(header: &GgufHeader) -> Option<Provenance> {
    serde_json::from_str(&header.text(PROVENANCE_KEY)?).ok()
}
