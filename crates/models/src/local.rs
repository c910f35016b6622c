//! Files and folders that the user names.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use infercost_core::VariantId;
use infercost_core::manifest::Provenance;

use crate::cache::ModelCache;
use crate::convert::CONVERTER_VERSION;
use crate::error::ModelError;
use crate::file_text::escaped;
use crate::gguf::{GgufHeader, PROVENANCE_KEY};
use crate::hash::{HashingWriter, file_name, sha256_of_file};
use crate::join::SplitModel;
use crate::json_file::json_file;

use crate::parts::{PartName, gguf_parts, ggufs_in, safetensors_in};
use crate::pieces::{PieceName, pieces_of};
use crate::progress::ProgressSink;
use crate::resolved::{ModelLocation, ResolvedModel, joined_hash};
use crate::safetensors_header;
use crate::{mistaken, pieces, variant_names};

/// What a folder must hold beside its weights.
const BESIDE: [&str; 2] = ["config.json", "tokenizer.json"];

/// Resolves a `.gguf` file (with the other parts of a split one), a safetensors folder, a safetensors file inside one,
/// or a folder of `.gguf` files, which is a model each. Models are named as they were typed, whatever a link leads to.
///
/// # Errors
/// [`ModelError`] where it is not there, or not what it has to be.
pub(crate) fn resolve(
    path: &Path,
    cache: &ModelCache,
    progress: &mut ProgressSink<'_>,
) -> Result<Vec<ResolvedModel>, ModelError> {
    let data = fs::metadata(path).map_err(ModelError::io(path, "open"))?;
    let is_safetensors = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("safetensors"));
    if data.is_dir() {
        return folder(path, cache, progress);
    }
    if is_safetensors {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok(vec![safetensors(parent, progress)?]);
    }

    Ok(vec![gguf(path, cache, progress)?])
}

fn folder(
    path: &Path,
    cache: &ModelCache,
    progress: &mut ProgressSink<'_>,
) -> Result<Vec<ResolvedModel>, ModelError> {
    let holds_safetensors = !safetensors_in(path)?.is_empty();
    if holds_safetensors {
        return Ok(vec![safetensors(path, progress)?]);
    }
    let ggufs = ggufs_in(path)?;
    if ggufs.is_empty() {
        return Err(ModelError::bad(path, "the folder holds neither .gguf nor .safetensors files"));
    }
    ggufs.iter().map(|file| gguf(file, cache, progress)).collect()
}

/// The models of a file or folder with their names alone: nothing is read or checked.
pub(crate) fn names(path: &Path) -> Vec<ResolvedModel> {
    let files = if path.is_dir() { ggufs_in(path).unwrap_or_default() } else { Vec::new() };
    let files = if files.is_empty() { vec![path.to_owned()] } else { files };
    files.iter().map(|file| name_of(file)).collect()
}

fn name_of(file: &Path) -> ResolvedModel {
    let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let part = PartName::parse(&file_name(file)).filter(|part| part.count > 1);
    let piece = PieceName::parse(&file_name(file)).map(|piece| PathBuf::from(piece.whole));
    let variant = match part {
        Some(part) => VariantId::from(escaped(&part.stem)),
        None => variant_names::local(&piece.unwrap_or_else(|| variant_names::folder_name(file, &real))),
    };
    let nobody = variant_names::served("", None);
    ResolvedModel { variant, named: named(file), location: ModelLocation::Gguf(real), ..nobody }
}

fn gguf(
    path: &Path,
    cache: &ModelCache,
    progress: &mut ProgressSink<'_>,
) -> Result<ResolvedModel, ModelError> {
    if let Some(pieces) = pieces_of(path)? {
        return put_together(path, &pieces, cache, progress);
    }
    let parts = gguf_parts(path)?;
    if parts.len() > 1 {
        return joined(path, &parts, cache, progress);
    }
    let whole = whole_gguf(path)?;
    let before = stamp(&whole);
    let header = GgufHeader::read(&whole)?;
    let provenance =
        stated_provenance(&header).unwrap_or_else(|| Provenance::Local { file: escaped(&file_name(path)) });
    let sha256 = sha256_of_file(&whole, progress)?;

    if stamp(&whole) != before {
        return Err(ModelError::bad(
            path,
            "it is being written: it changed while it was read; wait until its download ends",
        ));
    }
    Ok(ResolvedModel {
        variant: variant_names::local(path),
        argument: None,
        named: named(path),
        sha256: Some(sha256),
        bytes: Some(header.file_bytes),
        is_full_precision: header.tensors.iter().all(|tensor| tensor.kind.is_full_precision()),
        location: ModelLocation::Gguf(whole),
        provenance,
        license: None,
    })
}

/// The file itself, behind its links; an error where it calls itself a part of a model and is not named like one.
fn whole_gguf(path: &Path) -> Result<PathBuf, ModelError> {
    let whole = fs::canonicalize(path).map_err(ModelError::io(path, "open"))?;
    if let Some(reason) = mistaken::unfinished_name(&file_name(path)) {
        return Err(ModelError::bad(path, reason));
    }
    mistaken::refuse(&whole).map_err(|error| error.at(path))?;
    let header = GgufHeader::read(&whole).map_err(|error| error.at(path))?;
    let count = header.number("split.count").unwrap_or(1);
    if count > 1 && PartName::parse(&file_name(path)).is_none() {
        let number = header.number("split.no").unwrap_or(0) + 1;
        return Err(ModelError::bad(
            path,
            format!(
                "it is part {number} of a model in {count} parts, and is not named like one; give the parts the names \
                 that they were published under, such as model-{number:05}-of-{count:05}.gguf"
            ),
        ));
    }

    Ok(whole)
}

/// The parts of a split model as one file, made once and kept in the cache.
fn joined(
    path: &Path,
    parts: &[PathBuf],
    cache: &ModelCache,
    progress: &mut ProgressSink<'_>,
) -> Result<ResolvedModel, ModelError> {
    let split = SplitModel::open(parts)?;
    let hash = joined_hash(parts, progress)?;
    let short = hash.get(..12).unwrap_or(&hash);
    let stem = PartName::parse(&file_name(path)).map_or_else(|| file_name(path), |part| part.stem);
    let provenance = Provenance::Local { file: escaped(&file_name(path)) };
    let kept =
        cache.made(&format!("{}.joined.{short}.v{CONVERTER_VERSION}.gguf", variant_names::file_safe(&stem)));

    cache.prepare()?;
    let _lock = cache.lock(&kept)?;
    let record = match cache.lookup(&kept, progress)? {
        Some(record) => record,
        None => {
            let mut temporary = cache.temporary()?;
            let written = split.write(provenance.clone(), temporary.as_file_mut(), &kept, progress)?;
            cache.keep(temporary, &kept, written.sha256, written.provenance)?
        }
    };
    let variant = VariantId::from(escaped(&stem));

    Ok(ResolvedModel {
        variant,
        argument: None,
        named: named(path),
        sha256: Some(record.sha256),
        bytes: Some(split.bytes()),
        is_full_precision: split.is_full_precision(),
        location: ModelLocation::Gguf(kept),
        provenance,
        license: None,
    })
}

/// The pieces that a file was cut into as that file, made once and kept in the cache.
fn put_together(
    path: &Path,
    pieces: &[PathBuf],
    cache: &ModelCache,
    progress: &mut ProgressSink<'_>,
) -> Result<ResolvedModel, ModelError> {
    let hash = joined_hash(pieces, progress)?;
    let short = hash.get(..12).unwrap_or(&hash);
    let whole = PieceName::parse(&file_name(path)).map_or_else(|| file_name(path), |piece| piece.whole);
    let provenance = Provenance::Local { file: escaped(&file_name(path)) };
    let kept = cache.made(&format!("{}.joined.{short}.gguf", variant_names::file_safe(&whole)));

    cache.prepare()?;
    let _lock = cache.lock(&kept)?;
    let record = match cache.lookup(&kept, progress)? {
        Some(record) => record,
        None => {
            let mut temporary = cache.temporary()?;
            let mut writer = HashingWriter::new(temporary.as_file_mut());
            pieces::write(pieces, &mut writer, &kept, progress)?;
            let (_, sha256) = writer.finish().map_err(ModelError::io(&kept, "write"))?;

            // before it is kept: pieces may be missing that nobody counts
            GgufHeader::read(temporary.path()).map_err(|error| error.at(path))?;
            cache.keep(temporary, &kept, sha256, provenance.clone())?
        }
    };

    let header = GgufHeader::read(&kept)?;
    Ok(ResolvedModel {
        variant: variant_names::local(Path::new(&whole)),
        argument: None,
        named: named(path),
        sha256: Some(record.sha256),
        bytes: Some(header.file_bytes),
        is_full_precision: header.tensors.iter().all(|tensor| tensor.kind.is_full_precision()),
        location: ModelLocation::Gguf(kept),
        provenance,
        license: None,
    })
}

fn safetensors(path: &Path, progress: &mut ProgressSink<'_>) -> Result<ResolvedModel, ModelError> {
    let files = safetensors_in(path)?;
    for name in BESIDE {
        let beside = path.join(name);
        if !beside.is_file() {
            return Err(ModelError::bad(path, format!("the folder holds no {name}, which its weights need")));
        }
        json_file(&beside)?;
    }

    let mut bytes = 0u64;
    for file in &files {
        bytes = bytes.saturating_add(safetensors_header::read(file)?.file_bytes);
    }
    let folder = fs::canonicalize(path).map_err(ModelError::io(path, "open"))?;
    let name = variant_names::folder_name(path, &folder);

    Ok(ResolvedModel {
        variant: variant_names::local(&name),
        argument: None,
        named: named(path),
        location: ModelLocation::SafetensorsFolder(folder),
        sha256: Some(joined_hash(&files, progress)?),
        bytes: Some(bytes),
        provenance: Provenance::Local { file: escaped(&file_name(&name)) },
        license: None,
        is_full_precision: true,
    })
}

/// The path as it was typed, from the root: its links are not followed.
fn named(path: &Path) -> Option<PathBuf> {
    Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// Length and time of the last change.
fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let data = fs::metadata(path).ok()?;
    Some((data.len(), data.modified().ok()?))
}

/// What a file made by infercost says of itself.
fn stated_provenance(header: &GgufHeader) -> Option<Provenance> {
    serde_json::from_str(&header.text(PROVENANCE_KEY)?).ok()
}
