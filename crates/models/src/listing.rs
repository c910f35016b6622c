//! The manifests and what of them is at hand, for `infercost models list`.

use std::path::PathBuf;

use serde::Serialize;

use crate::source_words::describe;
use crate::store::ModelStore;

/// A model and its variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedModel {
    /// Short name.
    pub name: String,
    /// Name in full.
    pub title: String,
    /// The weights' license.
    pub license: String,
    /// The user's manifest; `None` for a shipped one.
    pub manifest: Option<PathBuf>,
    /// The variants, in the manifest's order.
    pub variants: Vec<ListedVariant>,
}

/// A variant and whether it is at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedVariant {
    /// The variant's name.
    pub name: String,
    /// Whether `compare` runs it when the model is named without a variant.
    pub compared: bool,
    /// Its file or folder, where it is in the cache.
    pub cached: Option<PathBuf>,
    /// Bytes of weights, where it is in the cache.
    pub bytes: Option<u64>,
    /// Its sources in words, in order; how it came to be, where it is in the cache.
    pub source: String,
}

/// Lists every manifest. Fetches and makes nothing.
pub fn list(store: &ModelStore) -> Vec<ListedModel> {
    let listed = store.catalog.manifests().iter().map(|known| {
        let manifest = &known.manifest;
        let variants = manifest.variants.iter().map(|variant| {
            let cached = store.cached(known, &variant.name, 0, &mut |_| ());
            let sources: Vec<String> = variant.sources.iter().map(describe).collect();

            ListedVariant {
                name: variant.name.clone(),
                compared: manifest.compare.contains(&variant.name),
                bytes: cached.as_ref().and_then(|model| model.bytes),
                source: cached
                    .as_ref()
                    .map_or_else(|| sources.join(", else "), |model| model.provenance.to_string()),
                cached: cached.and_then(|model| model.location.path().map(Into::into)),
            }
        });

        ListedModel {
            name: manifest.name.clone(),
            title: manifest.title.clone(),
            license: manifest.license.name.clone(),
            manifest: known.file.clone(),
            variants: variants.collect(),
        }
    });

    listed.collect()
}
