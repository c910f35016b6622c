//! From MODEL arguments to files at hand.

use std::env;
use std::path::PathBuf;

use anyhow::Context as _;
use infercost_core::VariantId;
use infercost_core::run_spec::RunSpec;
use infercost_models::{
    Catalog, DEFAULT_MODEL, HubSettings, ModelArgument, ModelCache, ModelStore, Pip, ResolvedModel,
};

use crate::console;
use crate::shell;
use crate::usage::usage;

/// The model store of this machine.
pub fn store(offline: bool) -> anyhow::Result<ModelStore> {
    let folder = PathBuf::from("models");
    Ok(ModelStore {
        catalog: Catalog::load(folder.is_dir().then_some(folder.as_path())),
        cache: ModelCache::at(cache_root()?),
        hub: HubSettings::from_env(|name| env::var(name).ok()),
        pip: Pip::default(),
        offline,
    })
}

/// Fetches and makes every model named, the default model's where none is.
pub fn resolve(arguments: &[String], offline: bool) -> anyhow::Result<Vec<ResolvedModel>> {
    let store = store(offline)?;
    let default = [DEFAULT_MODEL.to_owned()];
    let arguments = if arguments.is_empty() { &default } else { arguments };
    let mut progress = console::models();
    progress.begin(&format!("looking for {}", arguments.join(", ")));
    let models = store.resolve_all(arguments, &mut |step| progress.show(step))?;
    progress.clear();
    Ok(models)
}

/// Checks before anything long that `--baseline` can name one of the models.
pub(crate) fn check_baseline(arguments: &[String], baseline: &str) -> anyhow::Result<()> {
    let default = [DEFAULT_MODEL.to_owned()];
    let arguments = if arguments.is_empty() { &default } else { arguments };
    store(true)?.check_baseline(arguments, baseline).map_err(usage)
}

/// Fetches or makes the one model named.
pub fn resolve_one(argument: &str, offline: bool) -> anyhow::Result<ResolvedModel> {
    let models = resolve(&[argument.to_owned()], offline)?;
    let [model] = models.as_slice() else {
        let names: Vec<&str> = models.iter().map(|model| model.variant.as_str()).collect();
        return Err(usage(format!("`{argument}` names several models; name one of {}", names.join(", "))));
    };
    Ok(model.clone())
}

/// What names a variant of a run on a command line: its file, its address or its id; quoted for a shell.
pub fn word_of(spec: Option<&RunSpec>, variant: &VariantId) -> String {
    let typed = spec.and_then(|spec| store(true).ok()?.word_of(&spec.models, variant));
    shell::word(&typed.map_or_else(|| variant.to_string(), |typed| shell::near_here(&typed)))
}

/// True where a variant is fetched by its name: what a manifest or the hub names.
pub fn can_be_pulled(word: &str) -> bool {
    matches!(ModelArgument::parse(word), Ok(ModelArgument::Named { .. } | ModelArgument::Hub { .. }))
}

/// Where fetched and made models are kept: `INFERCOST_CACHE`, else the user's cache folder.
pub fn cache_root() -> anyhow::Result<PathBuf> {
    folder_in("INFERCOST_CACHE")
        .or_else(|| folder_in("XDG_CACHE_HOME").map(|cache| cache.join("infercost")))
        .or_else(|| folder_in("HOME").map(|home| home.join(".cache").join("infercost")))
        .context("neither INFERCOST_CACHE nor HOME is set: where should models be kept?")
}

fn folder_in(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
