//! Where a repository's files are: in the hub's cache, and at the hub's address, as hf-hub lays them out.

use std::path::PathBuf;

use hf_hub::api::sync::ApiBuilder;
use hf_hub::{Cache, Repo, RepoType};

use crate::hub_settings::{HubSettings, is_commit, is_safe_name};

impl HubSettings {
    /// The hub's cache for one repository at one revision.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn cached_repo(&self, repo: &str, revision: &str) -> Result<CachedRepo, String> {
        let folder = self.cache.clone().ok_or("no folder for the hub's cache\nhint: set HF_HOME")?;
        let cache = Cache::new(folder);
        let repo = Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned());
        let folder = cache.path().join(repo.folder_name());
        let locks = cache.path().join(".locks").join(repo.folder_name());
        Ok(CachedRepo { folder, locks, revision: revision.to_owned(), repo: cache.repo(repo) })
    }

    /// The address of a file.
    pub(crate) fn file_url(&self, repo: &str, revision: &str, file: &str) -> Result<String, String> {
        let file: Vec<String> =
            file.split('/').map(|part| part.replace(' ', "%20").replace('+', "%2B")).collect();
        let repo = Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned());
        Ok(self.api()?.repo(repo).url(&file.join("/")))
    }

    /// The address of a repository's listing.
    pub(crate) fn listing_url(&self, repo: &str, revision: &str) -> Result<String, String> {
        let repo = Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned());
        let path = repo.api_url();
        // The library gives the endpoint's address only as the start of a file's.
        let file = self.api()?.repo(repo).url("");
        let (scheme, rest) = file.split_once("://").ok_or("an endpoint without a scheme")?;
        let base = rest.split("/resolve/").next().unwrap_or(rest);
        let endpoint = base.rsplitn(3, '/').nth(2).unwrap_or(base);
        Ok(format!("{scheme}://{endpoint}/api/{path}"))
    }

    fn api(&self) -> Result<hf_hub::api::sync::Api, String> {
        let mut builder = ApiBuilder::from_cache(Cache::new(PathBuf::new())).with_progress(false);
        if let Some(endpoint) = &self.endpoint {
            let known = endpoint.starts_with("http://") || endpoint.starts_with("https://");
            if !known || endpoint.chars().any(|one| one.is_control() || one == ' ') {
                return Err("HF_ENDPOINT is not an http or https address".into());
            }
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        builder.build().map_err(|error| error.to_string())
    }
}

/// A repository's place in the hub's cache: `blobs/<etag>`, `snapshots/<commit>/<file>`, `refs/<revision>`.
pub(crate) struct CachedRepo {
    folder: PathBuf,
    locks: PathBuf,
    revision: String,
    repo: hf_hub::CacheRepo,
}

impl CachedRepo {
    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.repo.blob_path(etag)
    }

    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repo.pointer_path(commit)
    }

    pub(crate) fn lock_file(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    /// The commit that the revision stood for when it was last asked for.
    pub(crate) fn known_commit(&self) -> Option<String> {
        let noted = std::fs::read_to_string(self.folder.join("refs").join(&self.revision)).ok();
        noted
            .map(|commit| commit.trim().to_owned())
            .or_else(|| is_commit(&self.revision).then(|| self.revision.clone()))
            .filter(|commit| is_safe_name(commit))
    }

    /// Notes which commit a branch or tag stands for.
    pub(crate) fn note_commit(&self, commit: &str) -> std::io::Result<()> {
        if is_commit(&self.revision) { Ok(()) } else { self.repo.create_ref(commit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let mut settings = HubSettings::from_env(|_| None);
        settings.endpoint = Some("http://h:1/".into());
        assert_eq!(
            settings.file_url("o/r", "a/b", "x/y z.gguf").as_deref(),
            Ok("http://h:1/o/r/resolve/a%2Fb/x/y%20z.gguf")
        );
        assert_eq!(
            settings.listing_url("o/r", "main").as_deref(),
            Ok("http://h:1/api/models/o/r/revision/main")
        );
        settings.endpoint = Some("h:1".into());
        assert!(settings.file_url("o/r", "main", "x").is_err());
    }
}
