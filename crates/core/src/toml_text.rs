//! TOML that people write, and what is wrong with it, in one line.

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::near::nearest;
use crate::text::printable;

/// Names that keys had once, or have in another spelling: they are read, and not offered.
const NOT_OFFERED: [&str; 3] = ["utilisation", "max_utilisation", "licence"];

/// What is wrong with a text of TOML: `line 3, column 1: unknown key`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{reason}", place.map_or_else(String::new, |place| format!("line {}, column {}: ", place.line, place.column)))]
pub struct TomlError {
    /// Where; `None` where the whole text is meant.
    place: Option<Place>,
    /// What is wrong there, fit to be shown.
    reason: String,
}

/// A place in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    /// In characters.
    column: usize,
}

impl TomlError {
    /// The same of a file: `infercost.toml:3:1: unknown key`.
    pub fn in_file(&self, file: &str) -> String {
        match self.place {
            Some(Place { line, column }) => format!("{file}:{line}:{column}: {}", self.reason),
            None => format!("{file}: {}", self.reason),
        }
    }
}

/// Reads a text of TOML.
///
/// # Errors
/// [`TomlError`] for what is not TOML, a key that is not known, and a value that does not fit.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, TomlError> {
    toml::from_str(text).map_err(|error| TomlError {
        place: error.span().map(|span| place(text, span.start)),
        reason: reason(error.message()),
    })
}

/// Where the byte at an offset stands.
fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

/// What the parser says, in one line and in the words of TOML.
fn reason(said: &str) -> String {
    if let Some((key, known)) = said.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        return unknown_key(key, known);
    }
    if let Some(key) = said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("the key `{}` is missing", printable(key));
    }

    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    printable(&line).into_owned()
}

/// The key that is probably meant, else all that there are; those stand in backticks.
fn unknown_key(key: &str, known: &str) -> String {
    let mut offered: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    offered.retain(|name| !NOT_OFFERED.contains(name));

    let key_shown = printable(key);
    match nearest(key, offered.iter().copied()) {
        Some(meant) => format!("unknown key `{key_shown}`; did you mean `{meant}`?"),
        None => format!("unknown key `{key_shown}`; known here: {}", offered.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is wrong is all that is looked at")]
    struct Settings {
        prices: Prices,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is wrong is all that is looked at")]
    struct Prices {
        currency: String,
        electricity: Option<f64>,
        #[serde(alias = "utilisation")]
        utilization: Option<f64>,
    }

    /// One line each, with the place, and without a spelling that is only read.
    #[test]
    fn what_is_wrong_stands_in_one_line() {
        for (text, wanted) in [
            (
                "[prices]\ncurrency = 'EUR'\nelektricity = 0.3",
                "f:3:1: unknown key `elektricity`; did you mean `electricity`?",
            ),
            ("[prices]\n utilisatoin = 1", "f:2:2: unknown key `utilisatoin`; did you mean `utilization`?"),
            (
                "[prices]\nrent = 1",
                "f:2:1: unknown key `rent`; known here: currency, electricity, utilization",
            ),
            ("[price]\n", "f:1:2: unknown key `price`; did you mean `prices`?"),
            ("[prices]\nelectricity = 1", "f:1:1: the key `currency` is missing"),
            ("[prices]\ncurrency = \n", "f:2:"),
            ("# é\n[prices]\ncurrency = 'é', é = 1", "f:3:15: "),
            ("[prices]\ncurrency = 'EUR'\nelectricity = 'much'", "f:3:15: invalid type: string \"much\""),
            ("", "f:1:1: the key `prices` is missing"),
        ] {
            let found = read::<Settings>(text).map_err(|error| error.in_file("f"));
            let error = found.err().unwrap_or_default();
            assert!(error.starts_with(wanted) && !error.contains('\n'), "{text}: {error}, wanted {wanted}");
        }

        let unknown = read::<Settings>("[prices]\nrent = 1").map_err(|error| error.to_string());
        assert!(unknown.is_err_and(|error| error.starts_with("line 2, column 1: unknown key `rent`")));
    }
}
