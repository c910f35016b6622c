//! Comparing texts.

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, in bytes: a pattern comes from a file and must not eat the memory.
const LARGEST_PATTERN: usize = 1 << 20;

/// True where the answer is one of the texts, but for case, outer white space and one trailing full stop.
pub(super) fn exact(wanted: &[String], answer: &str) -> bool {
    let answer = plain(answer);
    wanted.iter().any(|wanted| plain(wanted) == answer)
}

/// True where the answer holds one of the texts, whatever its case, not inside a longer word.
pub(super) fn contains(wanted: &[String], answer: &str) -> bool {
    let answer = answer.to_lowercase();
    wanted.iter().any(|wanted| {
        let wanted = wanted.trim().to_lowercase();
        answer.match_indices(&wanted).any(|(start, found)| stands_alone(&answer, start, found))
    })
}

/// Compiles a pattern within bounds.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("the pattern needs more than {limit} bytes compiled; use smaller repetitions")
        }
        _ => "the pattern is not a regular expression in the syntax of Rust's regex crate (which has no \
              look-around and no back-references)"
            .into(),
    })
}

fn plain(text: &str) -> String {
    let text = text.trim();
    text.strip_suffix('.').unwrap_or(text).trim_end().to_lowercase()
}

fn stands_alone(text: &str, start: usize, found: &str) -> bool {
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let after = text.get(start + found.len()..).and_then(|text| text.chars().next());
    let joins = |inside: Option<char>, outside: Option<char>| {
        inside.is_some_and(char::is_alphanumeric) && outside.is_some_and(char::is_alphanumeric)
    };
    !found.is_empty() && !joins(found.chars().next(), before) && !joins(found.chars().next_back(), after)
}
