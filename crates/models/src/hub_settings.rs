//! The hub as the environment describes it: its address, its cache, and who asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
}
