//! Where the hub is, where its cache is, and who asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where models are looked for unless `HF_ENDPOINT` names another place.
const PUBLIC_HUB: &str = "https://huggingface.co";

/// The hub as the environment describes it.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Address (`HF_ENDPOINT`); `None` for the public hub.
    pub endpoint: Option<String>,
    /// The hub's own cache folder (`HF_HUB_CACHE`, `HF_HOME/hub`, `~/.cache/huggingface/hub`), in the layout that
    /// every client shares; `None` where there is no home folder, and then the hub is not used.
    pub cache: Option<PathBuf>,
    /// Access token (`HF_TOKEN`, or the file that the hub's own tools keep).
    pub token: Option<Token>,
    /// `HF_HUB_OFFLINE`: the cache is used, the network is not.
    pub offline: bool,
    /// How long to wait for what.
    pub patience: Patience,
}

/// An access token. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// How long to wait for the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a name to be resolved, and for a connection, each.
    pub connect: Duration,
    /// For the head of an answer.
    pub answer: Duration,
    /// For the next bytes of a file.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(4),
            answer: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}

impl HubSettings {
    /// Reads the settings from environment variables, by way of a function that looks one up.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = set("HF_HOME").map(PathBuf::from).or_else(|| {
            set("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| {
                    set("HOME").or_else(|| set("USERPROFILE")).map(|home| PathBuf::from(home).join(".cache"))
                })
                .map(|cache| cache.join("huggingface"))
        });
        let cache =
            set("HF_HUB_CACHE").map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join("hub")));
        let stored = set("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| home.map(|home| home.join("token")));
        let token = set("HF_TOKEN").or_else(|| std::fs::read_to_string(stored?).ok());
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()).map(Token);

        let offline = set("HF_HUB_OFFLINE")
            .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str()));
        Self { endpoint: set("HF_ENDPOINT"), cache, token, offline, patience: Patience::default() }
    }

    /// The hub's cache for one repository at one revision.
    pub(crate) fn cached_repo(&self, repo: &str, revision: &str) -> Option<CachedRepo> {
        let cache = self.cache.as_ref()?;
        let name = format!("models--{}", repo.replace('/', "--"));
        let locks = cache.join(".locks").join(&name);
        Some(CachedRepo { folder: cache.join(name), locks, revision: revision.to_owned() })
    }

    /// The address of a file.
    pub(crate) fn file_url(&self, repo: &str, revision: &str, file: &str) -> Result<String, String> {
        let file: Vec<String> =
            file.split('/').map(|part| part.replace(' ', "%20").replace('+', "%2B")).collect();
        let (endpoint, revision) = (self.endpoint()?, escaped_revision(revision));
        Ok(format!("{endpoint}/{repo}/resolve/{revision}/{}", file.join("/")))
    }

    /// The address of a repository's listing.
    pub(crate) fn listing_url(&self, repo: &str, revision: &str) -> Result<String, String> {
        let (endpoint, revision) = (self.endpoint()?, escaped_revision(revision));
        Ok(format!("{endpoint}/api/models/{repo}/revision/{revision}"))
    }

    fn endpoint(&self) -> Result<&str, String> {
        let Some(endpoint) = &self.endpoint else { return Ok(PUBLIC_HUB) };
        let known = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        if !known || endpoint.chars().any(|one| one.is_control() || one == ' ') {
            return Err("HF_ENDPOINT is not an http or https address".into());
        }
        Ok(endpoint.trim_end_matches('/'))
    }
}

/// A branch may have slashes in its name.
fn escaped_revision(revision: &str) -> String {
    revision.replace('/', "%2F")
}

/// A repository's place in the hub's cache: `blobs/<etag>`, `snapshots/<commit>/<file>`, `refs/<revision>`. Every client of
/// the hub shares this layout (Hugging Face Hub, *Understand caching*).
pub(crate) struct CachedRepo {
    folder: PathBuf,
    locks: PathBuf,
    revision: String,
}

impl CachedRepo {
    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    pub(crate) fn lock_file(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    /// The commit that the revision stood for when it was last asked for.
    pub(crate) fn known_commit(&self) -> Option<String> {
        let noted = std::fs::read_to_string(self.reference()).ok();
        noted
            .map(|commit| commit.trim().to_owned())
            .or_else(|| is_commit(&self.revision).then(|| self.revision.clone()))
            .filter(|commit| is_safe_name(commit))
    }

    /// Notes which commit a branch or tag stands for.
    pub(crate) fn note_commit(&self, commit: &str) -> std::io::Result<()> {
        if is_commit(&self.revision) {
            return Ok(());
        }

        let reference = self.reference();
        if let Some(folder) = reference.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(reference, commit.trim())
    }

    fn reference(&self) -> PathBuf {
        self.folder.join("refs").join(&self.revision)
    }
}

/// Whether a revision is a commit rather than a branch or tag.
pub(crate) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a name that a server sent can stand as one part of a path.
pub(crate) fn is_safe_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read() {
        let check = |variables: &[(&str, &str)],
                     wanted_cache: Option<&str>,
                     offline: bool,
                     token: Option<&str>| {
            let settings = HubSettings::from_env(|name| {
                variables.iter().find(|variable| variable.0 == name).map(|variable| variable.1.to_owned())
            });
            assert_eq!(settings.cache.as_deref(), wanted_cache.map(std::path::Path::new), "{variables:?}");
            assert_eq!(settings.offline, offline, "{variables:?}");
            assert_eq!(settings.token.map(|token| token.0).as_deref(), token, "{variables:?}");
        };
        check(&[], None, false, None);
        check(&[("HOME", "/nowhere")], Some("/nowhere/.cache/huggingface/hub"), false, None);
        check(&[("HOME", "/nowhere"), ("HF_HOME", "/x")], Some("/x/hub"), false, None);
        check(&[("HF_HOME", "/x"), ("HF_HUB_CACHE", "/y")], Some("/y"), false, None);
        check(&[("HF_HUB_OFFLINE", "1")], None, true, None);
        check(&[("HF_HUB_OFFLINE", "0")], None, false, None);
        check(&[("HF_TOKEN", " secret\n")], None, false, Some("secret"));
    }

    #[test]
    fn tokens_are_not_shown() {
        assert!(!format!("{:?}", Token("secret".into())).contains("secret"));
    }

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
