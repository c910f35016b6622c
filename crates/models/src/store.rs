//! From a model's name to its files.

mod naming;
mod source;

use std::path::{Path, PathBuf};

use infercost_core::VariantId;
use infercost_core::manifest::{ModelManifest, VariantManifest};
use infercost_core::near::nearest;

use crate::argument::{ModelArgument, as_hub};
use crate::cache::ModelCache;
use crate::catalog::{Catalog, KnownManifest};
use crate::error::{ModelError, SourceFailure};
use crate::file_text::escaped;
use crate::hub::HubSettings;
use crate::hub_repository;
use crate::mistaken;
use crate::parts::gguf_parts;
use crate::pieces::pieces_of;
use crate::progress::{Progress, ProgressSink};
use crate::recipe::Recipe;
use crate::resolved::{ModelLocation, ResolvedModel};
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
        self.refuse_second_words(arguments)?;

        let mut models: Vec<ResolvedModel> = Vec::new();
        let mut once = notices_once(progress);
        for (text, argument) in arguments.iter().zip(&parsed) {
            let found = self.resolve(argument, &mut once);
            let mut found = found.map_err(|error| error.with_pull(text))?;
            if let [only] = found.as_mut_slice() {
                only.argument = Some(text.clone());
            }
            let mut is_again = false;
            for model in found {
                if models.iter().any(|known| known.location == model.location) {
                    is_again = true;
                } else {
                    models.push(model);
                }
            }
            if is_again {
                once(Progress::NamedAgain { argument: escaped(text) });
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
            ModelArgument::Path(path) => self.resolve_path(path, progress),
            ModelArgument::Hub { repo, revision, file } => {
                let hub =
                    hub_repository::Request { repo, revision, file: file.as_deref(), offline: self.offline };
                Ok(vec![self.whole(hub_repository::resolve(&self.hub, &hub, progress)?, progress)?])
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
                return crate::local::resolve(&path, &self.cache, progress);
            }
            let text = variant.map_or_else(|| model.to_owned(), |variant| format!("{model}/{variant}"));
            let meant = self.meant(model, variant);
            return match as_hub(&text).filter(|_| meant.is_none()) {
                Some(hub) => self.resolve(&hub, progress),
                None => {
                    Err(self
                        .not_a_model(&text, "no manifest has this name, and there is no such file".into()))
                }
            };
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

    /// Resolves a file or folder; a path that does not exist may be a repository of the hub.
    fn resolve_path(
        &self,
        path: &Path,
        progress: &mut ProgressSink<'_>,
    ) -> Result<Vec<ResolvedModel>, ModelError> {
        let hub = path.to_str().filter(|_| !path.exists()).and_then(as_hub);
        match hub {
            Some(hub) => self.resolve(&hub, progress),
            None => crate::local::resolve(path, &self.cache, progress),
        }
    }

    /// A model of the hub whose parts lie beside each other, as one file.
    fn whole(
        &self,
        model: ResolvedModel,
        progress: &mut ProgressSink<'_>,
    ) -> Result<ResolvedModel, ModelError> {
        let ModelLocation::Gguf(first) = &model.location else { return Ok(model) };
        if gguf_parts(first)?.len() == 1 && pieces_of(first)?.is_none() {
            return Ok(model);
        }
        let joined = crate::local::resolve(first, &self.cache, progress)?;
        let joined = joined.into_iter().next();
        Ok(joined.map_or_else(
            || model.clone(),
            |joined| ResolvedModel {
                variant: model.variant.clone(),
                named: None,
                provenance: model.provenance.clone(),
                ..joined
            },
        ))
    }

    /// Refuses a quantization that stands by itself, with what was probably meant: `q8_0` behind a model's name.
    fn refuse_second_words(&self, arguments: &[String]) -> Result<(), ModelError> {
        let mut before: Option<&String> = None;
        for argument in arguments {
            let is_alone = Recipe::parse(argument).is_some() || is_quantization(argument);
            if is_alone && self.catalog.find(argument)?.is_none() && !Path::new(argument).exists() {
                let model = before.map_or(crate::catalog::DEFAULT_MODEL, String::as_str);
                let meant = match self.catalog.find(model)? {
                    Some(known) => {
                        let variants = known.manifest.variants.iter().map(|variant| variant.name.as_str());
                        nearest(argument, variants).map(|variant| format!("{model}/{variant}"))
                    }
                    None => Some(format!("{model}:{argument}"))
                        .filter(|text| as_hub(text.trim_start_matches("hf:")).is_some()),
                };
                let reason = "it is a quantization and follows its model's name".to_owned();
                return Err(ModelError::Argument {
                    argument: escaped(argument),
                    reason,
                    meant: meant.map(|meant| escaped(&meant)),
                    known: self.catalog.names(),
                });
            }
            before = Some(argument);
        }

        Ok(())
    }

    fn not_a_model(&self, text: &str, reason: String) -> ModelError {
        let reason = mistaken::unfinished_name(text).unwrap_or(reason);
        let (model, variant) =
            text.split_once(['/', ':']).map_or((text, None), |(model, variant)| (model, Some(variant)));
        ModelError::Argument {
            argument: escaped(text),
            reason,
            meant: self.meant(model, variant),
            known: self.catalog.names(),
        }
    }

    /// The manifest whose name is nearly this one, with its variant that is nearest to the one that was asked for; without
    /// a variant where none is near.
    fn meant(&self, model: &str, variant: Option<&str>) -> Option<String> {
        let names = self.catalog.manifests().iter().map(|known| known.manifest.name.as_str());
        let near = nearest(model, names)?;

        let manifest = self.catalog.manifests().iter().find(|known| known.manifest.name == near);
        let variants = manifest.into_iter().flat_map(|known| &known.manifest.variants);
        let variant = variant.and_then(|wanted| nearest(wanted, variants.map(|known| known.name.as_str())));
        Some(variant.map_or_else(|| near.to_owned(), |variant| format!("{near}/{variant}")))
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
            meant: nearest(name, known.iter().copied()).map(str::to_owned),
            known: known.join(", "),
        }
    })
}

/// Whether a word is how GGUF files name a quantization: `Q4_K_M`, `IQ2_XS`, `BF16`.
fn is_quantization(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let quantized = word.strip_prefix("iq").or_else(|| word.strip_prefix('q'));
    let is_short = word.len() <= 8 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let has_bits = quantized.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_short && (has_bits || ["f16", "f32", "bf16", "fp16"].contains(&word.as_str()))
}

fn id(manifest: &ModelManifest, variant: &str) -> VariantId {
    VariantId::from(format!("{}/{variant}", manifest.name))
}

fn failure(source: &str, reason: &str) -> SourceFailure {
    SourceFailure { source: source.to_owned(), reason: reason.to_owned() }
}
