//! What went wrong with a server, in one plain line that holds no secret.

use infercost_core::{EngineError, ServedError, ServedFacts, ServedFault};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::refusal::Parameter;

/// Longest text of a server that an error quotes, in characters.
const LONGEST_QUOTE: usize = 300;

/// One failed attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) fault: ServedFault,
    pub(crate) message: String,
    pub(crate) status: Option<u16>,
    /// True where another attempt may succeed and none of the answer has come.
    pub(crate) again: bool,
    /// How long the server asks to wait before.
    pub(crate) wait: Option<std::time::Duration>,
    /// Told by a server whose context is too short: prompt, context.
    pub(crate) context: Option<(usize, usize)>,
    /// The parameter that the server does not take.
    pub(crate) refused: Option<Parameter>,
}

impl Failure {
    pub(crate) fn new(fault: ServedFault, message: impl Into<String>) -> Self {
        Self {
            fault,
            message: message.into(),
            status: None,
            again: false,
            wait: None,
            context: None,
            refused: None,
        }
    }

    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self::new(ServedFault::Timeout, message)
    }

    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self::new(ServedFault::Connection, message)
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(ServedFault::Protocol, message)
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// The error for callers. `output` is how many tokens were asked for.
    pub(crate) fn into_error(self, facts: ServedFacts, output: u32) -> EngineError {
        if let Some((input, context)) = self.context {
            let output = usize::try_from(output).unwrap_or(usize::MAX);
            return EngineError::ContextExceeded { input, output, context };
        }
        let message = match facts.retries {
            0 => self.message,
            1 => format!("{} (after one further attempt)", self.message),
            retries => format!("{} (after {retries} further attempts)", self.message),
        };
        let facts = ServedFacts { status: self.status.or(facts.status), ..facts };
        EngineError::Served(Box::new(ServedError { fault: self.fault, message, facts }))
    }
}

/// What a server wrote, made fit to stand in a message: one short line without control characters or the key.
pub(crate) fn quote(text: &str, secret: Option<&str>) -> String {
    let clean = match secret.filter(|secret| !secret.is_empty()) {
        Some(secret) => text.replace(secret, "…"),
        None => text.to_owned(),
    };
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    infercost_core::text::printable_up_to(&words, LONGEST_QUOTE).into_owned()
}

/// An error as servers write it.
#[derive(Debug, Default)]
pub(crate) struct ErrorText {
    pub(crate) message: String,
    /// Prompt tokens and context, of an error that says that the prompt is too long.
    pub(crate) context: Option<(usize, usize)>,
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
    #[serde(default)]
    n_prompt_tokens: Option<usize>,
    #[serde(default)]
    n_ctx: Option<usize>,
}

/// Finds the message in an error body of any of the usual shapes, or in a page for people.
pub(crate) fn error_text(body: &[u8]) -> ErrorText {
    if body.trim_ascii_start().starts_with(b"{")
        && let Ok(parsed) = serde_json::from_slice::<ErrorBody<'_>>(body)
    {
        let inner = parsed.error.or(parsed.message).or(parsed.detail);
        if let Some(inner) = inner {
            return inner_text(inner.get(), 0);
        }
    }
    let text = String::from_utf8_lossy(body);
    ErrorText { message: page_title(&text).unwrap_or(&text).to_owned(), context: None }
}

/// The message in the value of `error`: a text, or an object with a message.
pub(crate) fn inner_text(json: &str, depth: u8) -> ErrorText {
    if let Ok(message) = serde_json::from_str::<String>(json) {
        return ErrorText { message, context: None };
    }
    if depth < 3
        && json.starts_with('{') // a list would be taken for the fields in order
        && let Ok(parsed) = serde_json::from_str::<ErrorBody<'_>>(json)
        && let Some(inner) = parsed.message.or(parsed.error).or(parsed.detail)
    {
        let context = parsed.n_prompt_tokens.zip(parsed.n_ctx);
        return ErrorText { context, ..inner_text(inner.get(), depth + 1) };
    }
    ErrorText { message: json.to_owned(), context: None }
}

/// True for a body that is a page for people.
pub(crate) fn is_page(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let tags: [&[u8]; 4] = [b"<!doctype", b"<html", b"<head", b"<body"];
    tags.iter().any(|tag| start.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)))
}

fn page_title(text: &str) -> Option<&str> {
    if !is_page(text.as_bytes()) {
        return None;
    }
    let lower = text.to_ascii_lowercase(); // keeps every byte's place
    let from = lower.find("<title>")?.checked_add("<title>".len())?;
    let to = lower.get(from..)?.find('<')?.checked_add(from)?;
    text.get(from..to)
}

/// The innermost cause of an error of the HTTP library: what the system said.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    quote(&innermost.to_string(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        assert_eq!(quote(&error_text(body.as_bytes()).message, Some("sk-1")), expected);
    }

    #[test]
    fn messages_are_found() {
        check(r#"{"error":{"message":"no such model","type":"x"}}"#, "no such model");
        check(r#"{"error":"plain"}"#, "plain");
        check(r#"{"object":"error","message":"old","code":1}"#, "old");
        check(r#"{"detail":"Not Found"}"#, "Not Found");
        check(r#"{"detail":[{"msg":"x"}]}"#, r#"[{"msg":"x"}]"#);
        check("<!DOCTYPE html><html><head><TITLE>502 Bad\nGateway</title>", "502 Bad Gateway");
        check("wrong key sk-1 \u{1b}[31m\nagain", "wrong key … \\u{1b}[31m again");
        check(&"ä".repeat(400), &format!("{}…", "ä".repeat(300)));
        check("", "");
    }

    #[test]
    fn deep_errors_end() {
        let mut deep = r#""x""#.to_owned();
        for _ in 0..100 {
            deep = format!(r#"{{"error":{deep}}}"#);
        }
        assert!(error_text(deep.as_bytes()).message.contains('x'));
    }

    #[test]
    fn a_prompt_that_is_too_long_is_told_with_its_numbers() {
        let body = br#"{"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}"#;
        assert_eq!(error_text(body).context, Some((9, 8)));
    }
}
