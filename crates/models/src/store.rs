//! From a model's name to its files.

mod source;

use std::path::{Path, PathBuf};

use infercost_core::VariantId;
use infercost_core::manifest::{ModelManifest, VariantManifest};

use crate::argument::ModelArgument;
use crate::cache::ModelCache;
use crate::catalog::{Catalog, KnownManifest};
use crate::error::{ModelError, SourceFailure};
use crate::file_text::escaped;
use crate::hub::HubSettings;
use crate::hub_repository;
use crate::progress::{Progress, ProgressSink};
use crate::resolved::ResolvedModel;
use crate::source_words::describe;
use crate::wheel::Pip;

use source::Attempt;

/// Deepest chain of variants made from one another: a quantization of an expansion of a published file.
const MAX_DEPTH: u32 = 4;

/// Where models are looked for, and what may be used to get them.
#[derive(Debug, Clone)]
pub struct ModelStore {
    /// The manifests.
    pub catalog: Catalog,
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
        let Some(known) = self.catalog.find(model)? else {
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
        ModelError::Argument { argument: escaped(text), reason, known: self.catalog.names() }
    }
}

/// Passes everything on, but each model's license notice only the first time: several sources may call for it.
fn notices_once(progress: &mut ProgressSink<'_>) -> impl FnMut(Progress) {
    let mut told: Vec<String> = Vec::new();
    move |happened| {
        if let Progress::LicenseNotice { model, .. } = &happened {
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

fn id(manifest: &ModelManifest, variant: &str) -> VariantId {
    VariantId(format!("{}/{variant}", manifest.name))
}

fn failure(source: &str, reason: &str) -> SourceFailure {
    SourceFailure { source: source.to_owned(), reason: reason.to_owned() }
}
