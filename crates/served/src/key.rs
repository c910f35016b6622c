//! The key to a server, which is shown to nobody but the server.

use std::fmt;

use reqwest::header::HeaderValue;

/// Names of the environment variables looked at, first hit wins.
const VARIABLES: [&str; 2] = ["INFERCOST_API_KEY", "OPENAI_API_KEY"];

/// A key to a server. Its text appears in no `Debug`, error, log or trace.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// The key in `INFERCOST_API_KEY`, else in `OPENAI_API_KEY`; `None` where neither holds one.
    ///
    /// # Errors
    /// The variable's name, where its text cannot stand in an HTTP header.
    pub fn from_environment() -> Result<Option<Self>, &'static str> {
        for variable in VARIABLES {
            if let Some(key) = Self::of_variable(variable)? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The key in one variable of the environment; `None` where it holds none.
    ///
    /// # Errors
    /// The variable's name, where its text cannot stand in an HTTP header.
    pub fn of_variable(variable: &'static str) -> Result<Option<Self>, &'static str> {
        let Some(text) = std::env::var_os(variable).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.to_str().and_then(Self::new).map(Some).ok_or(variable)
    }

    /// A key of this text; `None` where it is empty or cannot stand in an HTTP header.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut value = HeaderValue::from_str(&format!("Bearer {text}")).ok()?;
        value.set_sensitive(true);
        (!text.is_empty()).then_some(Self(value))
    }

    /// The text itself, to find it where it must not stand.
    pub(crate) fn secret(&self) -> &str {
        let bearer = std::str::from_utf8(self.0.as_bytes()).unwrap_or_default();
        bearer.strip_prefix("Bearer ").unwrap_or_default()
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_key_is_not_shown() {
        let key = ApiKey::new(" sk-secret\n").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
        assert_eq!(key.header().to_str().unwrap(), "Bearer sk-secret");
        assert!(!format!("{:?}", key.header()).contains("secret"));
    }

    #[test]
    fn what_no_header_can_hold_is_no_key() {
        assert!(ApiKey::new("").is_none() && ApiKey::new("a\nb").is_none());
    }
}
