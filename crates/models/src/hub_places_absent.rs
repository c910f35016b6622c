//! What stands in for hf-hub's layout in a program that was built without it: nothing of the hub is found, and the refusal says
//! why.

use std::io;
use std::path::PathBuf;

use crate::hub_settings::HubSettings;

/// Said wherever the hub is needed.
const REFUSAL: &str =
    "this program was built without hf-hub\nhint: name a file, or build it with the feature `hub`";

impl HubSettings {
    pub(crate) fn cached_repo(&self, _repo: &str, _revision: &str) -> Result<CachedRepo, String> {
        Err(REFUSAL.into())
    }

    pub(crate) fn file_url(&self, _repo: &str, _revision: &str, _file: &str) -> Result<String, String> {
        Err(REFUSAL.into())
    }

    pub(crate) fn listing_url(&self, _repo: &str, _revision: &str) -> Result<String, String> {
        Err(REFUSAL.into())
    }
}

/// A repository's place in the hub's cache: there is none.
pub(crate) enum CachedRepo {}

impl CachedRepo {
    pub(crate) fn blob(&self, _etag: &str) -> PathBuf {
        match *self {}
    }

    pub(crate) fn snapshot(&self, _commit: &str) -> PathBuf {
        match *self {}
    }

    pub(crate) fn lock_file(&self, _etag: &str) -> PathBuf {
        match *self {}
    }

    pub(crate) fn known_commit(&self) -> Option<String> {
        match *self {}
    }

    pub(crate) fn note_commit(&self, _commit: &str) -> io::Result<()> {
        match *self {}
    }
}
