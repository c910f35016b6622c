//! `--vary np=1,2,4,8`: values of a placeholder, as they are typed. The first is the present one.

use crate::placeholder::DRAFT;
use crate::space::{Parameter, SpaceError};

/// Most values of one parameter.
const MOST_VALUES: usize = 64;

/// Reads one `NAME=VALUE,VALUE,…`.
///
/// # Errors
/// [`SpaceError`] for a text without a name or without two different values.
pub fn parse(text: &str) -> Result<Parameter, SpaceError> {
    let wrong = |reason: &str| SpaceError::Vary { text: text.to_owned(), reason: reason.to_owned() };
    let (name, values) = text.split_once('=').ok_or_else(|| wrong("wants NAME=VALUE,VALUE"))?;
    let name = name.trim();
    if !is_name(name) {
        return Err(wrong("the name must be letters, digits, `-` and `_`"));
    }
    if ["model", "port", DRAFT].contains(&name) {
        return Err(wrong("{model}, {port} and {draft} are filled by infercost itself"));
    }

    let mut found: Vec<String> = Vec::new();
    for value in values.split(',') {
        let value = value.trim();
        if value.is_empty() {
            return Err(wrong("a value is empty"));
        }
        if value.chars().any(char::is_control) {
            return Err(wrong("a value holds a control character"));
        }
        if found.iter().any(|known| known == value) {
            return Err(wrong(&format!("`{value}` stands there twice")));
        }
        found.push(value.to_owned());
    }

    match found.len() {
        0 | 1 => Err(wrong("one value is nothing to vary; the first is the present one, others follow")),
        count if count > MOST_VALUES => Err(wrong("more than 64 values")),
        _ => Ok(Parameter::placeholder(name, found)),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_or_refused() {
        let read = parse("np=1, 2,4").map(|parameter| (parameter.name, parameter.values));
        let wanted = ["1", "2", "4"].map(str::to_owned).to_vec();
        assert_eq!(read, Ok(("np".to_owned(), wanted)));

        for (text, reason) in [
            ("np", "NAME=VALUE"),
            ("=1,2", "name"),
            ("n p=1,2", "name"),
            ("np=", "empty"),
            ("np=1", "nothing to vary"),
            ("np=1,,2", "empty"),
            ("np=1,2,1", "twice"),
            ("port=1,2", "infercost itself"),
            ("np=1,\u{1b}[31m", "control"),
        ] {
            let error = parse(text).map(|parameter| parameter.name).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|error| error.contains(reason)), "{text}: {error:?}");
        }
    }
}
