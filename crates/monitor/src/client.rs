//! Questions over HTTP, with bounds of time and size. Redirects are not followed: they would carry a token elsewhere.

use std::fmt;
use std::time::Duration;

/// Longest answer that is read: vLLM's metrics, with all its histograms, have a tenth of it.
pub(crate) const MOST_BYTES: u64 = 4 << 20;

/// Asks one base address.
pub(crate) struct Client {
    base: String,
    agent: ureq::Agent,
    patience: Duration,
    /// What the `Authorization` header holds; never shown.
    authorization: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What was answered.
pub(crate) struct Page {
    pub(crate) status: u16,
    bytes: Vec<u8>,
}

impl Client {
    /// Asks below `base`; `token` is shown to that address alone.
    pub(crate) fn new(base: &str, patience: Duration, token: Option<&str>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(patience))
            .user_agent(concat!("infercost/", env!("CARGO_PKG_VERSION")))
            .build();
        let authorization = token.map(|token| format!("Bearer {token}"));
        Self { base: base.to_owned(), agent: config.into(), patience, authorization }
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// One plain line: nobody answers, too slowly, or too much.
    pub(crate) fn get(&self, path: &str) -> Result<Page, String> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }

        let answer = request.call().map_err(|error| self.plain(&error))?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        match body.with_config().limit(MOST_BYTES).read_to_vec() {
            Ok(bytes) => Ok(Page { status, bytes }),
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                Err(format!("{path} has more than {} MiB, and is not read", MOST_BYTES >> 20))
            }
            Err(error) => Err(self.plain(&error)),
        }
    }

    /// What went wrong, in one plain line.
    fn plain(&self, error: &ureq::Error) -> String {
        let text = match error {
            ureq::Error::Timeout(_) => format!("it did not answer within {} s", self.patience.as_secs()),
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                "nothing listens there".to_owned()
            }
            ureq::Error::HostNotFound => "no such host".to_owned(),
            other => other.to_string(),
        };
        infercost_core::text::printable_up_to(&text, 200).into_owned()
    }
}

impl Page {
    /// The answer as text.
    ///
    /// # Errors
    /// One plain line where it is none.
    pub(crate) fn text(self) -> Result<String, String> {
        String::from_utf8(self.bytes).map_err(|_| "its answer is no text".to_owned())
    }
}
