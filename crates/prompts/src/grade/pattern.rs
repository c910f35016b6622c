//! A regular expression.

use infercost_core::{Grader, Judgment, SharedGrader};
use regex::{Regex, RegexBuilder};
use unicode_normalization::UnicodeNormalization as _;

use super::{Definition, Key, shared};

const NAME: &str = "regex";
/// Largest compiled pattern, in bytes: a pattern comes from a file and must not eat the memory.
const LARGEST_PATTERN: usize = 1 << 20;

pub(super) const DEFINITION: Definition =
    Definition { name: NAME, right_when: "the pattern `answer` matches somewhere in it", parse };

#[derive(Debug)]
struct Pattern {
    pattern: Regex,
}

fn parse(key: &Key<'_>) -> Result<SharedGrader, String> {
    let pattern: String = key.text(NAME)?.nfc().collect();
    Ok(shared(Pattern { pattern: compile(&pattern)? }))
}

impl Grader for Pattern {
    fn name(&self) -> &'static str {
        NAME
    }

    /// On the answer as it is, or with its accents composed, as the pattern's are.
    fn judge(&self, answer: &str) -> Judgment {
        let composed: String = answer.nfc().collect();
        Judgment::of(self.pattern.is_match(answer) || self.pattern.is_match(&composed))
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("the pattern needs more than {limit} bytes compiled; use smaller repetitions")
        }
        _ => "the pattern is not a regular expression in the syntax of Rust's regex crate (which has no \
              look-around and no back-references)"
            .into(),
    })
}
