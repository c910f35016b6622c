//! `http://host:port/v1#model`: where a served model is asked for.

use std::fmt;
use std::str::FromStr;

use infercost_core::without_secrets;
use reqwest::Url;
use thiserror::Error;

/// Longest address read, in bytes.
const LONGEST: usize = 4096;

/// The base address of an OpenAI-compatible server and the name of a model on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServedAddress {
    base: Url,
    model: Option<String>,
}

/// Why a text is not the address of a served model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{address}` is not the address of a served model: {reason}; expected http://host:port/v1#model")]
pub struct AddressError {
    /// What was given, control characters escaped and credentials left out.
    pub address: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ServedAddress {
    /// True where the text means a server and not a file: it begins with `http://` or `https://`.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("http://") || text.starts_with("https://")
    }

    /// The model's name; `None` where the server is asked for its only model.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The base address without the model, as in `http://127.0.0.1:8080/v1`.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The server's host, as in `127.0.0.1`.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.base.port_or_known_default().unwrap_or_default()
    }

    /// True where the server runs on this machine, as far as its name says: then this machine's meters see it.
    pub fn is_loopback(&self) -> bool {
        match self.base.host() {
            Some(host) => {
                let host = host.to_string();
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
            None => false,
        }
    }

    /// The address of a path below the base, `chat/completions` say.
    pub(crate) fn below(&self, path: &str) -> Url {
        self.with_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')))
    }

    /// The address of a path beside the base's `/v1`, where llama.cpp and vLLM keep what OpenAI does not have.
    pub(crate) fn beside(&self, path: &str) -> Url {
        let base = self.base.path().trim_end_matches('/');
        let root = base.strip_suffix("/v1").unwrap_or(base);
        self.with_path(&format!("{root}/{path}"))
    }

    fn with_path(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }
}

impl FromStr for ServedAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let shown = without_secrets(text);
        let fails = |reason: &str| AddressError {
            address: infercost_core::text::printable_up_to(&shown, 200).into_owned(),
            reason: reason.to_owned(),
        };

        if text.len() > LONGEST {
            return Err(fails("it is too long"));
        }
        if !Self::is_meant(text) {
            return Err(fails("it does not begin with http:// or https://"));
        }

        // The model is everything behind the first `#`, taken as it stands: names hold `/`, `:` and spaces.
        let (base, model) = match text.split_once('#') {
            Some((base, model)) => (base, Some(model)),
            None => (text, None),
        };

        // The standard would take `http:///v1` for the host `v1`.
        if base.split_once("://").is_some_and(|(_, rest)| rest.starts_with('/')) {
            return Err(fails("it names no host"));
        }
        let mut base = Url::parse(base).map_err(|error| fails(&error.to_string()))?;
        if base.host_str().is_none_or(str::is_empty) {
            return Err(fails("it names no host"));
        }

        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        if !base.username().is_empty() || base.password().is_some() {
            return Err(fails("it holds credentials; put the key into INFERCOST_API_KEY"));
        }
        if base.query().is_some() {
            return Err(fails("it holds a query"));
        }

        let model = match model {
            Some("") => return Err(fails("the name behind # is empty")),
            Some(model) if model.chars().any(char::is_control) => {
                return Err(fails("the model's name holds control characters"));
            }
            model => model.map(str::to_owned),
        };

        Ok(Self { base, model })
    }
}

impl fmt::Display for ServedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base())?;
        self.model.as_ref().map_or(Ok(()), |model| write!(f, "#{model}"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[track_caller]
    fn check(text: &str, base: &str, model: Option<&str>, loopback: bool) {
        let address: ServedAddress = text.parse().unwrap();
        assert_eq!((address.base(), address.model(), address.is_loopback()), (base, model, loopback));
        assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn addresses_are_read() {
        check("http://127.0.0.1:8080/v1#m", "http://127.0.0.1:8080/v1", Some("m"), true);
        check("http://localhost:11434/v1/#a/b:latest", "http://localhost:11434/v1", Some("a/b:latest"), true);
        check("http://[::1]:1/v1", "http://[::1]:1/v1", None, true);
        check("https://api.example.org/v1#gpt#2", "https://api.example.org/v1", Some("gpt#2"), false);
        check("http://127.example.org/v1", "http://127.example.org/v1", None, false);
    }

    #[track_caller]
    fn check_refused(text: &str, wanted: &str) {
        let error = text.parse::<ServedAddress>().unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains("secret"), "{error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }

    #[test]
    fn others_are_refused() {
        check_refused("model/q8_0", "does not begin");
        check_refused("http:///v1#m", "expected http://host");
        check_refused("http://a:b/v1", "port");
        check_refused("http://me:secret@host/v1#m", "INFERCOST_API_KEY");
        check_refused("http://host/v1?key=1#m", "query");
        check_refused("http://host/v1#", "empty");
        check_refused("http://host/v1#a\x1b[31m", "control");
        check_refused(&format!("http://host/{}", "a".repeat(5000)), "too long");
    }

    #[test]
    fn paths_lie_below_and_beside() {
        let address: ServedAddress = "http://h:1/v1/#m".parse().unwrap();
        assert_eq!(address.below("models").as_str(), "http://h:1/v1/models");
        assert_eq!(address.beside("props").as_str(), "http://h:1/props");
        let address: ServedAddress = "http://h:1/api/x#m".parse().unwrap();
        assert_eq!(address.beside("props").as_str(), "http://h:1/api/x/props");
    }
}
