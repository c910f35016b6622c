//! The manifests there are: those shipped inside the program, and the user's own.

use std::fs;
use std::path::{Path, PathBuf};

use infercost_core::manifest::{ManifestError, ModelManifest};

/// Largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 1 << 20;

/// Compiled in, so that the program runs anywhere.
const SHIPPED: &[(&str, &str)] = &[
    ("smollm2-135m-instruct", include_str!("../manifests/smollm2-135m-instruct.toml")),
    ("gemma-3-270m", include_str!("../manifests/gemma-3-270m.toml")),
];

/// Name of the model that is taken where none is named.
pub const DEFAULT_MODEL: &str = "smollm2-135m-instruct";

/// All manifests, the default model's first.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    known: Vec<KnownManifest>,
    broken: Vec<(String, ManifestError)>,
}

/// A manifest and where it stands.
#[derive(Debug, Clone)]
pub struct KnownManifest {
    /// The manifest.
    pub manifest: ModelManifest,
    /// Its file; `None` for one that is shipped.
    pub file: Option<PathBuf>,
}

impl Catalog {
    /// The shipped manifests, and those in the user's folder (`./models`), if it is there. A user's file of the
    /// same name takes a shipped one's place. A file that is no manifest is an error only once its name is
    /// asked for, since the folder may hold TOML files of another program.
    pub fn load(folder: Option<&Path>) -> Self {
        let mut catalog = Self::default();
        for (name, text) in SHIPPED {
            catalog.add(name, None, ModelManifest::parse(&format!("{name}.toml"), text));
        }
        let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
        let mut files: Vec<PathBuf> =
            entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
        files.sort();

        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let parsed =
                read(&file).and_then(|text| ModelManifest::parse(&file.display().to_string(), &text));
            catalog.add(&name, Some(file), parsed);
        }
        catalog
    }

    /// The manifest of that name; `Ok(None)` where there is none.
    ///
    /// # Errors
    /// [`ManifestError`] where a file of that name is there and is no manifest.
    pub fn find(&self, name: &str) -> Result<Option<&KnownManifest>, ManifestError> {
        if let Some((_, error)) = self.broken.iter().find(|broken| broken.0 == name) {
            return Err(error.clone());
        }
        Ok(self.known.iter().find(|known| known.manifest.name == name))
    }

    /// Every manifest that can be used.
    pub fn manifests(&self) -> &[KnownManifest] {
        &self.known
    }

    /// Files that cannot be used, with the reason.
    pub fn broken(&self) -> impl Iterator<Item = &ManifestError> {
        self.broken.iter().map(|(_, error)| error)
    }

    /// The names, for messages.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.known.iter().map(|known| known.manifest.name.as_str()).collect();
        names.join(", ")
    }

    fn add(&mut self, name: &str, file: Option<PathBuf>, parsed: Result<ModelManifest, ManifestError>) {
        match parsed {
            Ok(manifest) => {
                let at = self.known.iter().position(|known| known.manifest.name == manifest.name);
                let known = KnownManifest { manifest, file };
                match at.and_then(|at| self.known.get_mut(at)) {
                    Some(place) => *place = known,
                    None => self.known.push(known),
                }
            }
            Err(error) => self.broken.push((name.to_owned(), error)),
        }
    }
}

fn read(file: &Path) -> Result<String, ManifestError> {
    let bytes = fs::metadata(file).map_err(|error| unusable(file, error.to_string()))?.len();
    if bytes > MAX_MANIFEST {
        return Err(unusable(file, format!("{bytes} bytes are too many for a manifest")));
    }
    fs::read_to_string(file).map_err(|error| unusable(file, error.to_string()))
}

fn unusable(file: &Path, reason: String) -> ManifestError {
    ManifestError::Value { file: file.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use infercost_core::manifest::Source;

    use super::*;
    use crate::recipe::Recipe;

    #[test]
    fn shipped_manifests_are_good() {
        let catalog = Catalog::load(None);
        assert_eq!(catalog.broken().count(), 0, "{:?}", catalog.broken().collect::<Vec<_>>());
        assert_eq!(catalog.manifests().len(), SHIPPED.len());
        assert!(catalog.find(DEFAULT_MODEL).unwrap().is_some());
        for known in catalog.manifests() {
            assert!(SHIPPED.iter().any(|shipped| shipped.0 == known.manifest.name), "the file has the name");
            for variant in &known.manifest.variants {
                for source in &variant.sources {
                    if let Source::Quantize { recipe } = source {
                        let recipe = Recipe::parse(recipe).unwrap();
                        assert_eq!(recipe.name().to_lowercase(), variant.name);
                    }
                }
            }
        }
    }

    #[test]
    fn a_users_manifest_wins_and_a_broken_one_waits_to_be_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mine = SHIPPED[1].1.replace("Gemma 3 270M (base)", "Mine");
        fs::write(folder.path().join("gemma-3-270m.toml"), mine).unwrap();
        fs::write(folder.path().join("other.toml"), "[settings]\nx = 1\n").unwrap();
        fs::write(folder.path().join("README.md"), "no manifest").unwrap();
        let catalog = Catalog::load(Some(folder.path()));
        let found = catalog.find("gemma-3-270m").unwrap().unwrap();
        assert_eq!((found.manifest.title.as_str(), found.file.is_some()), ("Mine", true));
        assert!(catalog.find(DEFAULT_MODEL).unwrap().is_some());
        assert!(catalog.find("nothing").unwrap().is_none());
        assert!(catalog.find("other").unwrap_err().to_string().contains("other.toml"));
        assert_eq!(catalog.broken().count(), 1);
    }
}
