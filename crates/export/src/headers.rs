//! Headers sent with each request. Their values are secrets: nothing here ever shows one.

use std::fmt;

use ureq::http::{HeaderName, HeaderValue};

use crate::error::DestinationError;

/// Names and values of headers; a later value takes the place of an earlier one of the same name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A header that cannot be sent: its name, escaped and cut, and never its value.
fn refused(name: &str, problem: &'static str) -> DestinationError {
    let name = infercost_core::text::printable_up_to(name, 60).into_owned();
    DestinationError::Header { name, problem }
}

impl Headers {
    /// Sets a header.
    ///
    /// # Errors
    /// [`DestinationError::Header`] where name or value cannot stand in a request; the value is not in the message.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), DestinationError> {
        let Ok(known_name) = HeaderName::try_from(name) else {
            return Err(refused(name, "the name is not a header's name"));
        };
        if HeaderValue::try_from(value).is_err() {
            return Err(refused(name, "the value holds characters that no header may"));
        }

        let name = known_name;
        self.0.retain(|(known, _)| known != name.as_str());
        self.0.push((name.as_str().to_owned(), value.to_owned()));
        Ok(())
    }

    /// Sets a header from `NAME=VALUE`, as a command line has it.
    ///
    /// # Errors
    /// [`DestinationError::Header`] where there is no `=`, or as [`set`](Self::set).
    pub fn set_pair(&mut self, pair: &str) -> Result<(), DestinationError> {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(DestinationError::Header { name: "…".into(), problem: "write NAME=VALUE" });
        };
        self.set(name.trim(), value.trim())
    }

    /// Sets headers from `a=1,b=2` with percent-encoding, as `OTEL_EXPORTER_OTLP_HEADERS` has them (W3C Baggage
    /// without properties). Empty entries are skipped.
    ///
    /// # Errors
    /// [`DestinationError::Header`].
    pub fn set_list(&mut self, list: &str) -> Result<(), DestinationError> {
        for pair in list.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(DestinationError::Header {
                    name: "…".into(),
                    problem: "write NAME=VALUE,NAME=VALUE",
                });
            };

            let decoded = percent_decoded(value.trim());
            let value = String::from_utf8(decoded)
                .map_err(|_| refused(name, "the percent-encoded value is not UTF-8"))?;
            self.set(name.trim(), &value)?;
        }
        Ok(())
    }

    /// Adds what `others` holds and this does not.
    pub fn or(mut self, others: &Self) -> Self {
        for (name, value) in &others.0 {
            if self.get(name).is_none() {
                self.0.push((name.clone(), value.clone()));
            }
        }
        self
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Names in lower case, and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// True where a text holds a value, or a word of one (`Bearer KEY`): such a text is not to be shown.
    pub(crate) fn shows_in(&self, text: &str) -> bool {
        let words = self.0.iter().flat_map(|(_, value)| value.split_whitespace());
        words.filter(|word| word.len() > 6).any(|word| text.contains(word))
    }
}

/// `%41` becomes `A`; a `%` without two hexadecimal digits stays.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    decoded
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    #[test]
    fn lists_are_decoded() {
        let check = |list: &str, wanted: &[(&str, &str)]| {
            let mut headers = Headers::default();
            headers.set_list(list).unwrap();
            assert_eq!(headers.iter().collect::<Vec<_>>(), wanted, "{list}");
        };
        check("", &[]);
        check("a=1, B = 2 ,,", &[("a", "1"), ("b", "2")]);
        check("authorization=Basic%20YTpi%3D", &[("authorization", "Basic YTpi=")]);
        check("a=b=c", &[("a", "b=c")]);
        check("a=%zz%4", &[("a", "%zz%4")]);
        check("a=1,A=2", &[("a", "2")]);
    }

    #[test]
    fn values_are_never_shown() {
        let mut headers = Headers::default();
        headers.set("x-api-key", "hunter2-secret").unwrap();
        assert!(!format!("{headers:?}").contains("hunter2"));
        for wrong in ["x=a\r\nhunter2: b", "x y=hunter2", "hunter2", "x=%0d%0ahunter2"] {
            let error = headers.set_list(wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(headers.shows_in("echo: hunter2-secret!"));
    }
}
