//! Ids of variants that no manifest names.

use std::path::{Path, PathBuf};

use infercost_core::VariantId;
use infercost_core::manifest::Provenance;

use crate::file_text::escaped;
use crate::resolved::{ModelLocation, ResolvedModel};

/// The id of a local file or folder: the file's stem, the folder's name.
pub(crate) fn local(path: &Path) -> VariantId {
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    VariantId::from(escaped(&name.unwrap_or(path.as_os_str()).to_string_lossy()))
}

/// The folder whose name a safetensors model takes: as it was typed, or where that is `.` or a snapshot of the hub's
/// cache, what stands for it.
pub(crate) fn folder_name(typed: &Path, real: &Path) -> PathBuf {
    if let Some(repository) = hub_repository(real).filter(|_| real.is_dir()) {
        return repository.into();
    }
    if typed.file_name().is_some() { typed.to_owned() } else { real.to_owned() }
}

/// The repository that a folder or file of the hub's cache belongs to:
/// `models--owner--name/snapshots/<commit>/…`.
fn hub_repository(path: &Path) -> Option<String> {
    path.ancestors().find_map(|folder| {
        let name = folder.file_name()?.to_str()?.strip_prefix("models--")?;
        Some(name.rsplit("--").next().unwrap_or(name).to_owned())
    })
}

/// A name that can stand in a file's name.
pub(crate) fn file_safe(name: &str) -> String {
    let safe = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' });
    safe.take(100).collect()
}

/// The id of a hub file: `repository/stem`, or `repository/full` for a repository's safetensors.
pub(crate) fn hub(repo: &str, file: &str) -> VariantId {
    let repo = repo.rsplit('/').next().unwrap_or(repo);
    let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
    VariantId::from(format!("{repo}/{stem}"))
}

/// A server, as it stands.
pub(crate) fn served(url: &str, served_name: Option<&str>) -> ResolvedModel {
    let shown = without_credentials(url);
    let host = shown.split_once("://").map_or(shown.as_str(), |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    let variant = served_name.map_or_else(|| host.to_owned(), |name| format!("{host}/{name}"));

    ResolvedModel {
        variant: VariantId::from(escaped(&variant)),
        argument: None,
        named: None,
        location: ModelLocation::Server { url: url.to_owned(), served_name: served_name.map(str::to_owned) },
        sha256: None,
        bytes: None,
        provenance: Provenance::Served { url: shown },
        license: None,
        is_full_precision: false,
    }
}

/// The address without user, password and query.
pub(crate) fn without_credentials(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else { return escaped(url) };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    escaped(&format!("{scheme}://{host}{path}"))
}

/// Gives every model an id of its own: a local file that shares its name gets the name of its folder in front, or of its
/// repository in the hub's cache, and where that does not help, a number behind.
pub(crate) fn tell_apart(models: &mut [ResolvedModel]) {
    let ids: Vec<VariantId> = models.iter().map(|model| model.variant.clone()).collect();
    for model in models.iter_mut() {
        if ids.iter().filter(|id| **id == model.variant).count() > 1 {
            let path = model.named.as_deref().or(model.location.path());
            let parent = path.and_then(Path::parent).and_then(Path::file_name);
            let parent = parent.map(|parent| parent.to_string_lossy().into_owned());
            if let Some(parent) = path.and_then(hub_repository).or(parent) {
                model.variant = VariantId::from(format!("{}/{}", escaped(&parent), model.variant));
            }
        }
    }

    let mut taken: Vec<VariantId> = Vec::new();
    for model in models {
        let plain = model.variant.clone();
        let mut number = 2;
        while taken.contains(&model.variant) {
            model.variant = VariantId::from(format!("{plain}-{number}"));
            number += 1;
        }
        taken.push(model.variant.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> ResolvedModel {
        let mut model = served("http://h", None);
        model.location = ModelLocation::Gguf(path.into());
        model.variant = local(Path::new(path));
        model
    }

    #[test]
    fn every_variant_has_an_id_of_its_own() {
        let check = |paths: &[&str], wanted: &[&str]| {
            let mut models: Vec<ResolvedModel> = paths.iter().map(|path| at(path)).collect();
            tell_apart(&mut models);
            let found: Vec<&str> = models.iter().map(|model| model.variant.as_str()).collect();
            assert_eq!(found, wanted);
        };
        check(&["/x/foo.gguf", "/x/other.gguf"], &["foo", "other"]);
        check(&["/x/a/foo.gguf", "/x/b/foo.gguf", "/x/b/bar.gguf"], &["a/foo", "b/foo", "bar"]);
        check(&["/x/a/foo.gguf", "/y/a/foo.gguf"], &["a/foo", "a/foo-2"]);
        let cached = ["/hub/models--o--r1/snapshots/ab/foo.gguf", "/hub/models--o--r2/snapshots/cd/foo.gguf"];
        check(&cached, &["r1/foo", "r2/foo"]);
    }

    #[test]
    fn addresses_lose_their_credentials() {
        let check = |url: &str, wanted: &str| assert_eq!(without_credentials(url), wanted);
        check("http://u:p@h:1/v1?key=s#m", "http://h:1/v1");
        check("https://h", "https://h");
        check("https://h/a@b", "https://h/a@b");
        assert_eq!(served("http://u:p@h:1/v1", Some("m")).variant.as_str(), "h:1/m");
        assert_eq!(hub("o/r", "x/model-Q8_0.gguf").as_str(), "r/model-Q8_0");
    }
}
