//! A build without hf-hub says so wherever it would be needed, and asks nobody.
#![cfg(not(feature = "hub"))]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use infercost_models::{Catalog, HubSettings, ModelArgument, ModelCache, ModelStore, Pip};

#[test]
fn a_model_of_the_hub_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let store = ModelStore {
        catalog: Catalog::load(None),
        cache: ModelCache::at(folder.path()),
        hub: HubSettings::from_env(|name| (name == "HOME").then(|| home.clone())),
        pip: Pip { commands: Vec::new() },
        offline: false,
    };

    for argument in ["hf:owner/model", "hf:owner/model:file.gguf"] {
        let argument = ModelArgument::parse(argument).unwrap();
        let refusal = store.resolve(&argument, &mut |_| {}).unwrap_err().to_string();
        assert!(refusal.starts_with("owner/model@main: "), "{refusal}");
        assert!(refusal.contains("built without hf-hub"), "{refusal}");
    }
}
