//! Texts inside texts: JSON in attributes, and dictionaries as Python prints them.

/// The longest text that is searched, in bytes.
const LONGEST: usize = 64 << 10;

/// The number after a key in quotes, as JSON and Python write it: `"key": 5` or `'key': 5`.
pub(super) fn number_after(text: &str, key: &str) -> Option<f64> {
    let text = text.get(..text.len().min(LONGEST))?;
    let places = text.match_indices(key);
    places.filter_map(|(at, _)| number_at(text, at, key.len())).next()
}

fn number_at(text: &str, at: usize, length: usize) -> Option<f64> {
    let quote = text.get(..at)?.chars().next_back().filter(|quote| matches!(quote, '"' | '\''))?;
    let after = text.get(at + length..)?.strip_prefix(quote)?;
    let value = after.trim_start().strip_prefix(':')?.trim_start();

    let end = value.find(|c| !is_part_of_number(c)).unwrap_or(value.len());
    value.get(..end)?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn is_part_of_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E')
}

/// The text after a key in quotes, without escapes.
pub(super) fn text_after<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let text = text.get(..text.len().min(LONGEST))?;
    let (_, after) = text.split_once(&format!("\"{key}\""))?;
    let value = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let (value, _) = value.split_once('"')?;
    Some(value).filter(|value| !value.contains('\\') && !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_their_own_key() {
        let check = |text: &str, key: &str, wanted: Option<f64>| {
            assert_eq!(number_after(text, key), wanted, "{text} {key}");
        };
        check(r#"{"input": 5, "total":7}"#, "input", Some(5.0));
        check("{'prompt_tokens': 12, 'cached_tokens': None}", "prompt_tokens", Some(12.0));
        check("{'prompt_tokens': 12, 'cached_tokens': None}", "cached_tokens", None);
        check(r#"{"input_tokens":5}"#, "input", None);
        check(r#"{"note":"input","input":3}"#, "input", Some(3.0));
        check(r#"{"c":1.5e-3}"#, "c", Some(0.0015));
        check(r#"{"c":"1"}"#, "c", None);
        check("", "c", None);
        check("c", "c", None);
    }

    #[test]
    fn texts_are_found_behind_their_own_key() {
        assert_eq!(text_after(r#"{"model": "m-1", "x": 1}"#, "model"), Some("m-1"));
        assert_eq!(text_after(r#"{"model": "a\"b"}"#, "model"), None);
        assert_eq!(text_after(r#"{"model": 3}"#, "model"), None);
        assert_eq!(text_after(r#"{"model_name": "m"}"#, "model"), None);
    }
}
