//! Why a setting could not be measured: an outcome of a sprint, and no end of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kept a setting from being measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind it was.
    pub kind: FailureKind,
    /// One plain line, as the server or the engine said it.
    pub said: String,
}

/// Kinds of failure, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The program does not know a flag or a value.
    UnknownFlag,
    /// Memory ran out.
    OutOfMemory,
    /// It did not answer in time.
    Timeout,
    /// It ended, or never began to answer.
    DidNotStart,
    /// Too many requests were not answered.
    Requests,
}

impl FailureKind {
    /// What happened, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::UnknownFlag => "this build does not know it",
            Self::OutOfMemory => "out of memory",
            Self::Timeout => "timed out",
            Self::DidNotStart => "did not start",
            Self::Requests => "requests failed",
        }
    }
}

/// What programs write where memory ran out, in lower case.
const OUT_OF_MEMORY: [&str; 9] = [
    "out of memory",
    "outofmemory",
    "cannot allocate memory",
    "failed to allocate",
    "unable to allocate",
    "bad_alloc",
    "oom",
    "signal: 9",
    "no available memory for the cache blocks",
];

/// What programs write where they do not know a flag or a value of one, in lower case.
const UNKNOWN_FLAG: [&str; 10] = [
    "invalid argument",
    "unknown argument",
    "unrecognized argument",
    "unrecognized option",
    "unknown option",
    "unexpected argument",
    "invalid choice",
    "invalid value",
    "unsupported cache type",
    "no such option",
];

impl Failure {
    /// Tells by what was said why a server did not start.
    pub fn of_start(said: &str) -> Self {
        let lower = said.to_lowercase();
        let kind = if contains_any(&lower, &UNKNOWN_FLAG) {
            FailureKind::UnknownFlag
        } else if contains_any(&lower, &OUT_OF_MEMORY) {
            FailureKind::OutOfMemory
        } else if lower.contains("within") && lower.contains("--serve-timeout") {
            FailureKind::Timeout
        } else {
            FailureKind::DidNotStart
        };
        Self { kind, said: said.to_owned() }
    }
}

fn contains_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| contains_word(text, word))
}

/// True where `text` holds `word` and no letter stands next to it: `oom` is no part of `room`.
fn contains_word(text: &str, word: &str) -> bool {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(word)) {
        let start = from + found;
        let end = start + word.len();
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(end..).and_then(|text| text.chars().next());
        let plural = after == Some('s');
        if !before.is_some_and(char::is_alphabetic) && (plural || !after.is_some_and(char::is_alphabetic)) {
            return true;
        }
        from = end;
    }
    false
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.words(), self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_names_the_kind() {
        for (said, kind) in [
            ("error: invalid argument: --frobnicate", FailureKind::UnknownFlag),
            ("api_server.py: error: unrecognized arguments: --x", FailureKind::UnknownFlag),
            ("argument --dtype: invalid choice: 'q9'", FailureKind::UnknownFlag),
            ("torch.OutOfMemoryError: CUDA out of memory. Tried to", FailureKind::OutOfMemory),
            ("the server ended before it answered (signal: 9 (SIGKILL))", FailureKind::OutOfMemory),
            ("terminate called: std::bad_alloc", FailureKind::OutOfMemory),
            ("the server did not answer within 60 s (--serve-timeout): refused", FailureKind::Timeout),
            ("there is no room in /tmp; exit status: 1", FailureKind::DidNotStart),
            ("", FailureKind::DidNotStart),
        ] {
            assert_eq!(Failure::of_start(said).kind, kind, "{said}");
        }
    }
}
