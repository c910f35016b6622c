//! One question to one price source over HTTP, within bounds of time and size.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use infercost_core::ServerPlace;
use thiserror::Error;
use ureq::config::ConfigBuilder;
use ureq::http::HeaderMap;
use ureq::typestate::AgentScope;
use ureq::{Agent, Body};

/// The whole of one question and its answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// More than any source answers: a price map of all hosted models is a few MB.
const MAX_BYTES: u64 = 64 << 20;
/// A source that asks for a short pause gets it once; a longer one is the user's to wait.
const LONGEST_PAUSE: u64 = 5;

/// Why prices could not be had.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The source did not answer.
    #[error(
        "{url} cannot be reached: {reason}; what was fetched before still stands (`infercost prices list`)"
    )]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        reason: String,
    },
    /// The source refused.
    #[error("{url} answers with status {status}: {body}")]
    Status {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// The source wants to be asked less often.
    #[error("{url} limits how often it is asked{}; try again later", after(.retry_after_s))]
    RateLimited {
        /// What was asked.
        url: String,
        /// Seconds to wait, where the source says so.
        retry_after_s: Option<u64>,
    },
    /// The source sends on to another address, and a key is not taken there.
    #[error("{url} sends on to {to}, which is not followed with a key; if it has moved, give --base-url")]
    Redirected {
        /// What was asked.
        url: String,
        /// Where to.
        to: String,
    },
    /// A credential is needed and none is set.
    #[error("{source_name} needs a key: set {variable} in the environment")]
    NoCredential {
        /// The source.
        source_name: &'static str,
        /// The environment variable.
        variable: &'static str,
    },
    /// A key must not go to the address that would be asked.
    #[error("{variable} is not sent to {host}: {reason}")]
    KeyKept {
        /// The environment variable that holds the key.
        variable: &'static str,
        /// Where it would have gone.
        host: String,
        /// Why not, and what would do.
        reason: &'static str,
    },
    /// The answer is not what the source is known to send.
    #[error("{what}: {reason}")]
    Format {
        /// The address or file.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The question lacks something.
    #[error("{0}")]
    Question(String),
    /// A file could not be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file is no text, or cannot be read.
    #[error(transparent)]
    Text(#[from] infercost_text::TextError),
}

fn after(seconds: &Option<u64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!("; it asks for a pause of {seconds} s"))
}

/// Asks price sources.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    /// For addresses on this machine, which no proxy leads to.
    direct: Agent,
    max_bytes: u64,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(TIMEOUT, MAX_BYTES)
    }
}

impl Client {
    /// A client with bounds of its own, for tests.
    pub fn new(timeout: Duration, max_bytes: u64) -> Self {
        Self {
            agent: bounded(timeout).build().new_agent(),
            direct: bounded(timeout).proxy(None).build().new_agent(),
            max_bytes,
        }
    }

    fn agent(&self, url: &str) -> &Agent {
        if ServerPlace::of(url).is_this_machine() { &self.direct } else { &self.agent }
    }

    /// The text at an address. `secret` is a header's name and value; it appears in no error, and goes to that
    /// address alone: with a secret no redirect is followed.
    ///
    /// # Errors
    /// [`FetchError`] where there is no answer, a bad one, or one beyond the bounds.
    pub fn get(&self, url: &str, secret: Option<(&str, &str)>) -> Result<String, FetchError> {
        self.ask(url, secret.is_some(), &|| {
            let request = self.agent(url).get(url).header("accept", "application/json, text/csv, text/xml");
            match secret {
                Some((name, value)) => request.header(name, value).config().max_redirects(0).build().call(),
                None => request.call(),
            }
        })
    }

    /// The answer to a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, url: &str, body: &str, secret: Option<(&str, &str)>) -> Result<String, FetchError> {
        self.ask(url, secret.is_some(), &|| {
            let request = self.agent(url).post(url).header("content-type", "application/json");
            match secret {
                Some((name, value)) => {
                    request.header(name, value).config().max_redirects(0).build().send(body)
                }
                None => request.send(body),
            }
        })
    }

    fn ask(
        &self,
        url: &str,
        keyed: bool,
        call: &dyn Fn() -> Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<String, FetchError> {
        let shown = shown(url);
        let mut paused = false;

        loop {
            let mut answer = call().map_err(|error| unreachable(&shown, &error))?;
            let status = answer.status().as_u16();
            if status == 429 {
                let retry_after_s = retry_after(answer.headers());
                match retry_after_s.filter(|seconds| *seconds <= LONGEST_PAUSE && !paused) {
                    Some(seconds) => sleep(Duration::from_secs(seconds)),
                    None => return Err(FetchError::RateLimited { url: shown, retry_after_s }),
                }
                paused = true;
                continue;
            }

            if keyed && (300..400).contains(&status) {
                let to = answer.headers().get("location").and_then(|to| to.to_str().ok());
                return Err(FetchError::Redirected { url: shown, to: self::shown(to.unwrap_or("nowhere")) });
            }

            let body = answer.body_mut().with_config().limit(self.max_bytes).read_to_string();
            if !(200..300).contains(&status) {
                let body = quoted(&body.unwrap_or_default());
                return Err(FetchError::Status { url: shown, status, body });
            }
            return body.map_err(|error| match error {
                ureq::Error::BodyExceedsLimit(limit) => {
                    let reason = format!("the answer is larger than {limit} bytes; this is not a price list");
                    FetchError::Format { what: shown.clone(), reason }
                }
                error => unreachable(&shown, &error),
            });
        }
    }
}

/// What every question keeps to.
fn bounded(timeout: Duration) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .timeout_connect(Some(CONNECT_TIMEOUT.min(timeout)))
        .max_redirects(3)
        .http_status_as_error(false)
        .user_agent(concat!("infercost/", env!("CARGO_PKG_VERSION")))
}

fn unreachable(url: &str, error: &ureq::Error) -> FetchError {
    let reason = match error {
        ureq::Error::Timeout(_) => format!("no answer in time ({})", quoted(&error.to_string())),
        ureq::Error::HostNotFound => "the host's name is not known here".to_owned(),
        _ => quoted(&error.to_string()),
    };
    FetchError::Unreachable { url: url.to_owned(), reason }
}

/// Seconds that a server wants to be left alone.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get("retry-after")?.to_str().ok()?;
    infercost_core::retry_after(value, SystemTime::now()).map(|pause| pause.as_secs())
}

/// An address without its query, which may hold anything, and without credentials.
fn shown(url: &str) -> String {
    quoted(&infercost_core::without_secrets(url))
}

/// Text from a server, without characters that a terminal obeys, and not endless.
pub(crate) fn quoted(text: &str) -> String {
    infercost_core::text::printable_up_to(text, 200).into_owned()
}

/// A key to a source. It shows in no debug output and no error.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key; `None` where the text is empty.
    pub fn new(text: String) -> Option<Self> {
        (!text.trim().is_empty()).then(|| Self(text.trim().to_owned()))
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Text in a query or path, percent-encoded but for what is never special.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(encoded("DE-LU"), "DE-LU");
        assert_eq!(encoded("a/../b?c=d&e f"), "a%2F..%2Fb%3Fc%3Dd%26e%20f");
        assert_eq!(shown("http://h/p?api_key=secret"), "http://h/p?…");
        assert_eq!(shown("https://u:secret@h/p"), "https://h/p");
        assert_eq!(quoted("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(quoted("a\u{1b}[31m"), "a\\u{1b}[31m");
    }
}
