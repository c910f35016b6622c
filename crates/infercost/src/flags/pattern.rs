//! Regular expressions on the command line.

use regex::Regex;
use regex_syntax::ast::Span;

/// A regular expression; what is wrong with one is said in one line.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| match regex_syntax::parse(text) {
        Err(regex_syntax::Error::Parse(wrong)) => at(text, wrong.span(), wrong.kind()),
        Err(regex_syntax::Error::Translate(wrong)) => at(text, wrong.span(), wrong.kind()),
        // too large, which a pattern that is right can be
        _ => error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

/// What is wrong, and at which character, counted from 1.
fn at(text: &str, span: &Span, wrong: &impl std::fmt::Display) -> String {
    let before = text.get(..span.start.offset).unwrap_or(text);
    format!("{wrong} at character {}", before.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn what_is_wrong_stands_in_one_line() {
        for (text, wanted) in [
            ("(", "unclosed group at character 1"),
            ("é[a", "unclosed character class at character 2"),
            ("a\nb)", "unopened group at character 4"),
            ("\\p{Nothing}", "Unicode property not found at character 1"),
        ] {
            let error = pattern(text).err().unwrap_or_default();
            assert_eq!(error, wanted, "{text}");
        }
        assert!(pattern(r"\+[\d ]+\d").is_ok());

        let large = pattern(&"\\w{500}".repeat(100)).err().unwrap_or_default();
        assert!(large.contains("size limit") && !large.contains('\n'), "{large}");
    }
}
