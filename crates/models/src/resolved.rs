//! A variant whose files are at hand.

use std::path::{Path, PathBuf};

use infercost_core::VariantId;
use infercost_core::manifest::{License, Provenance};

use crate::error::ModelError;
use crate::hash::sha256_of_file;
use crate::progress::ProgressSink;

/// A variant with its files at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedModel {
    /// Its id: `smollm2-135m-instruct/q8_0`.
    pub variant: VariantId,
    /// The argument that names this model alone, as it was typed; `None` where it names several.
    pub argument: Option<String>,
    /// The file or folder as the user named it, from the root, links not followed; `None` where a manifest, the hub or
    /// a server names it.
    pub named: Option<PathBuf>,
    /// Its files, or its server.
    pub location: ModelLocation,
    /// SHA-256 of the weights file, hex; of the joined hashes where there are several; `None` for a server.
    pub sha256: Option<String>,
    /// Bytes of weights; `None` for a server.
    pub bytes: Option<u64>,
    /// How the weights came to be.
    pub provenance: Provenance,
    /// The weights' license, where the manifest names it.
    pub license: Option<License>,
    /// Whether the manifest calls this variant its full precision.
    pub is_full_precision: bool,
}

/// Where a variant's weights are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelLocation {
    /// One GGUF file.
    Gguf(PathBuf),
    /// A folder with safetensors, `config.json` and `tokenizer.json`.
    SafetensorsFolder(PathBuf),
    /// An OpenAI-compatible server.
    Server {
        /// The address, credentials included.
        url: String,
        /// The model's name there.
        served_name: Option<String>,
    },
}

impl ResolvedModel {
    /// Whether a MODEL argument, or a part of one, means this model: its id or the name of its variant, the path, the
    /// file's name with or without its ending, an address, in this spelling or (where `loosely`) in another case.
    pub fn is_named(&self, text: &str, loosely: bool) -> bool {
        let mut names: Vec<String> = self.argument.iter().cloned().collect();
        names.extend([self.variant.as_str().to_owned(), self.variant.variant_name().to_owned()]);

        for path in [self.named.as_deref(), self.location.path()].into_iter().flatten() {
            let (name, stem) = (path.file_name(), path.file_stem());
            names.extend([name, stem].into_iter().flatten().map(|name| name.to_string_lossy().into_owned()));
        }

        if let ModelLocation::Server { url, served_name } = &self.location {
            names.push(url.clone());
            names.extend(served_name.clone());
            names.extend(served_name.as_ref().map(|name| format!("{url}#{name}")));
        }

        names.iter().any(|name| name == text || (loosely && name.eq_ignore_ascii_case(text)))
            || self.is_at(Path::new(text))
    }

    fn is_at(&self, path: &Path) -> bool {
        let typed = std::path::absolute(path).ok();
        let found = std::fs::canonicalize(path).ok();
        (typed.is_some() && typed == self.named)
            || (found.is_some() && found.as_deref() == self.location.path())
    }
}

impl ModelLocation {
    /// The file or folder; `None` for a server.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Gguf(path) | Self::SafetensorsFolder(path) => Some(path),
            Self::Server { .. } => None,
        }
    }
}

/// Files that a source gave.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) location: ModelLocation,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) provenance: Provenance,
}

impl Found {
    pub(crate) fn gguf(path: PathBuf, sha256: String, bytes: u64, provenance: Provenance) -> Self {
        Self { location: ModelLocation::Gguf(path), sha256, bytes, provenance }
    }
}

/// The hash of several files: of their hashes, in order. One file's is its own.
pub(crate) fn joined_hash(files: &[PathBuf], progress: &mut ProgressSink<'_>) -> Result<String, ModelError> {
    let hashes: Vec<String> =
        files.iter().map(|file| sha256_of_file(file, progress)).collect::<Result<_, _>>()?;
    match hashes.as_slice() {
        [one] => Ok(one.clone()),
        more => Ok(crate::hash::sha256_of_text(&more.concat())),
    }
}
