//! Addresses of meters that are asked over HTTP.

use crate::instrument::ChoiceError;

/// Longer than any address of an instrument.
const LONGEST: usize = 2048;

/// Text as it may be shown: control characters escaped, and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    infercost_core::text::printable_up_to(text, 80).into_owned()
}

/// An `http` or `https` address without a password; `http` where no scheme is written.
pub(crate) fn address(text: &str) -> Result<String, ChoiceError> {
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let Some((scheme, rest)) = full.split_once("://") else { return Err(refused(text, "write http://HOST")) };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();

    if let Some((_, behind)) = host.rsplit_once('@') {
        let reason = "a run records its command line, so the address must hold no password";
        return Err(refused(behind, reason));
    }
    if scheme != "http" && scheme != "https" {
        return Err(refused(&full, "only http and https are asked"));
    }
    if host.is_empty() {
        return Err(refused(&full, "the host is missing"));
    }
    if full.len() > LONGEST || full.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused(&full, "it is too long, or holds blanks or control characters"));
    }
    Ok(full)
}

fn refused(url: &str, reason: &'static str) -> ChoiceError {
    ChoiceError::Address { url: shown(url), reason }
}

/// `NAME=VALUE` pairs behind the `?` of an address, in order.
pub(crate) fn settings<'a>(
    meter: &'static str,
    text: &'a str,
) -> Result<Vec<(&'a str, &'a str)>, ChoiceError> {
    text.split('&')
        .filter(|setting| !setting.is_empty())
        .map(|setting| {
            setting.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(
                || ChoiceError::Query { meter, reason: format!("`{}` is not NAME=VALUE", shown(setting)) },
            )
        })
        .collect()
}
