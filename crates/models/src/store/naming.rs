//! Which variants a MODEL argument names, and which argument names a variant. Nothing is fetched, made or hashed for it.

use infercost_core::VariantId;

use super::{ModelStore, id};
use crate::argument::ModelArgument;
use crate::catalog::KnownManifest;
use crate::file_text::escaped;
use crate::resolved::ResolvedModel;
use crate::{local, variant_names};

impl ModelStore {
    /// Checks before anything is fetched, made or hashed that `--baseline` can name one of the models. A repository of
    /// the hub may turn out to be anything.
    ///
    /// # Errors
    /// A sentence with the names there are.
    pub fn check_baseline(&self, arguments: &[String], baseline: &str) -> Result<(), String> {
        let mut known: Vec<String> = Vec::new();
        for argument in arguments {
            let Some(models) = self.names(argument) else { return Ok(()) };
            if argument == baseline || models.iter().any(|model| model.is_named(baseline, true)) {
                return Ok(());
            }
            known.extend(models.iter().map(|model| model.variant.to_string()));
        }

        Err(format!("--baseline {}: no such variant among {}", escaped(baseline), known.join(", ")))
    }

    /// What names one variant of those that were measured, on a command line: its file, its address, or its id where a
    /// manifest names it. `arguments` are the models as they were typed; `None` where none of them is known to stand for
    /// the variant. Nothing is fetched, made or hashed.
    pub fn word_of(&self, arguments: &[String], variant: &VariantId) -> Option<String> {
        let mut models = Vec::new();
        let mut words = Vec::new();
        for argument in arguments {
            let named = self.names(argument).unwrap_or_default();
            for model in &named {
                let is_manifest = matches!(ModelArgument::parse(argument), Ok(ModelArgument::Named { .. }));
                words.push(match &model.named {
                    _ if is_manifest => model.variant.to_string(),
                    // a folder of several
                    Some(file) if named.len() > 1 => file.display().to_string(),
                    _ => argument.clone(),
                });
            }
            models.extend(named);
        }

        variant_names::tell_apart(&mut models);
        let at = models.iter().position(|model| model.variant == *variant);
        at.and_then(|at| words.get(at)).cloned().or_else(|| hub_word(arguments, variant))
    }

    /// The models of an argument with their names alone; `None` where that is known only once it is fetched or found.
    fn names(&self, argument: &str) -> Option<Vec<ResolvedModel>> {
        match ModelArgument::parse(argument).ok()? {
            ModelArgument::Path(path) if path.exists() => Some(local::names(&path)),
            ModelArgument::Named { model, variant } => {
                let known = self.catalog.find(&model).ok().flatten()?;
                Some(self.named_variants(known, variant.as_deref()))
            }
            ModelArgument::Served { url, served_name } => {
                Some(vec![variant_names::served(&url, served_name.as_deref())])
            }
            _ => None,
        }
    }

    fn named_variants(&self, known: &KnownManifest, variant: Option<&str>) -> Vec<ResolvedModel> {
        let names =
            variant.map_or_else(|| known.manifest.compare.clone(), |variant| vec![variant.to_owned()]);
        let nobody = variant_names::served("", None);
        names
            .iter()
            .map(|name| ResolvedModel { variant: id(&known.manifest, name), ..nobody.clone() })
            .collect()
    }
}

/// The argument of a repository of the hub that a variant is of: its id is `repository/stem`.
fn hub_word(arguments: &[String], variant: &VariantId) -> Option<String> {
    let (wanted, _) = variant.as_str().split_once('/')?;
    let is_of = |argument: &&String| match ModelArgument::parse(argument) {
        Ok(ModelArgument::Hub { repo, .. }) => repo.rsplit('/').next() == Some(wanted),
        _ => false,
    };
    arguments.iter().find(is_of).cloned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;
    use crate::{Catalog, HubSettings, ModelCache, Pip};

    #[test]
    fn a_variant_is_named_as_it_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(at("several")).unwrap();
        for name in ["demo.gguf", "other.gguf", "several/a.gguf", "several/b.gguf"] {
            std::fs::write(at(name), "").unwrap();
        }
        let store = ModelStore {
            catalog: Catalog::load(None),
            cache: ModelCache::at(folder.path().join("cache")),
            hub: HubSettings::from_env(|_| None),
            pip: Pip::default(),
            offline: true,
        };

        let typed = [
            at("demo.gguf"),
            at("several"),
            "smollm2-135m-instruct".to_owned(),
            "http://127.0.0.1:8080/v1#m".to_owned(),
            "hf:owner/repo:file.gguf".to_owned(),
        ];
        for (variant, wanted) in [
            ("demo", Some(at("demo.gguf"))),
            ("b", Some(at("several/b.gguf"))),
            ("smollm2-135m-instruct/q8_0", Some("smollm2-135m-instruct/q8_0".to_owned())),
            ("127.0.0.1:8080/m", Some("http://127.0.0.1:8080/v1#m".to_owned())),
            ("repo/file", Some("hf:owner/repo:file.gguf".to_owned())),
            ("other", None),
        ] {
            assert_eq!(store.word_of(&typed, &VariantId::from(variant)), wanted, "{variant}");
        }
    }
}
