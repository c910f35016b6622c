//! Parameters that a server refuses by name, and what it is sent in their place.

use std::collections::BTreeSet;

use infercost_core::ParameterChange;
use serde_json::Value;

/// Statuses by which servers refuse what they do not know.
const STATUSES: [u16; 4] = [400, 422, 500, 501];
/// Words of a message that refuses a parameter, in lower case.
const REFUSING: [&str; 16] = [
    "unsupported",
    "not supported",
    "n't supported",
    "not support",
    "unrecognized",
    "unrecognised",
    "unknown",
    "unexpected",
    "extra",
    "not permitted",
    "not allowed",
    "not implemented",
    "deprecated",
    "forbidden",
    "instead",
    "only the default",
];
/// Words of a message that refuses a parameter's value.
const REFUSING_VALUE: [&str; 4] = ["must be", "should be", "strictly positive", "invalid"];

/// A parameter that an answer can do without, or that has another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Parameter {
    MaxTokens,
    MaxCompletionTokens,
    StreamOptions,
    Stream,
    Temperature,
    TopP,
    TopK,
    Seed,
    CachePrompt,
    TemplateVariables,
    ReasoningEffort,
}

impl Parameter {
    const ALL: [Self; 11] = [
        Self::MaxTokens,
        Self::MaxCompletionTokens,
        Self::StreamOptions,
        Self::Stream,
        Self::Temperature,
        Self::TopP,
        Self::TopK,
        Self::Seed,
        Self::CachePrompt,
        Self::TemplateVariables,
        Self::ReasoningEffort,
    ];

    /// As it is sent.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::StreamOptions => "stream_options",
            Self::Stream => "stream",
            Self::Temperature => "temperature",
            Self::TopP => "top_p",
            Self::TopK => "top_k",
            Self::Seed => "seed",
            Self::CachePrompt => "cache_prompt",
            Self::TemplateVariables => "chat_template_kwargs",
            Self::ReasoningEffort => "reasoning_effort",
        }
    }

    fn named(name: &str) -> Option<Self> {
        // `stream_options.include_usage` refuses `stream_options`
        let name = name.split(['.', '[']).next().unwrap_or(name).trim();
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// The parameter of which an error says that the server does not take it; `None` where it says no such thing.
pub(crate) fn refused(status: u16, body: &[u8]) -> Option<Parameter> {
    if !STATUSES.contains(&status) {
        return None;
    }
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    let refuses = contains_any(&text, &REFUSING);
    let is_refusal = refuses || contains_any(&text, &REFUSING_VALUE);

    let named = parsed.as_ref().and_then(|error| named_in(error, 0));
    let found = named.or_else(|| is_refusal.then(|| mentioned(&text)).flatten())?;
    // A limit that is only too high stays too high under any name.
    let is_limit = matches!(found, Parameter::MaxTokens | Parameter::MaxCompletionTokens);
    (is_refusal && (refuses || !is_limit)).then_some(found)
}

/// The parameter in a field made for it: OpenAI's `param`, or the last place of FastAPI's `loc`.
fn named_in(error: &Value, depth: u8) -> Option<Parameter> {
    if depth > 4 {
        return None;
    }
    match error {
        Value::Object(fields) => {
            let param = fields.get("param").and_then(Value::as_str).and_then(Parameter::named);
            let place = fields.get("loc").and_then(Value::as_array);
            let in_place =
                place.and_then(|place| place.iter().rev().find_map(|part| Parameter::named(part.as_str()?)));
            let inner = ["error", "detail", "errors"].iter().filter_map(|name| fields.get(*name));
            param.or(in_place).or_else(|| inner.into_iter().find_map(|inner| named_in(inner, depth + 1)))
        }
        Value::Array(all) => all.iter().find_map(|one| named_in(one, depth + 1)),
        _ => None,
    }
}

/// The parameter that a message names first. `stream` is too common a word to go by.
fn mentioned(text: &str) -> Option<Parameter> {
    let parameters = Parameter::ALL.iter().copied().filter(|parameter| *parameter != Parameter::Stream);
    let found = parameters.filter_map(|parameter| Some((word(text, parameter.name())?, parameter)));
    found.min().map(|(_, parameter)| parameter)
}

/// Where a name stands as a word of its own.
fn word(text: &str, name: &str) -> Option<usize> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|text| text.chars().next_back());
        let behind = text.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !behind.is_some_and(is_part)
    })
}

fn contains_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// What a server has refused so far, and so is no longer sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    left_out: BTreeSet<Parameter>,
    /// The limit goes under its newer name.
    renames_limit: bool,
}

impl Refused {
    /// True where the parameter may be sent.
    pub(crate) fn sends(&self, parameter: Parameter) -> bool {
        match parameter {
            Parameter::MaxTokens => !self.renames_limit,
            Parameter::MaxCompletionTokens => self.renames_limit,
            other => !self.left_out.contains(&other),
        }
    }

    /// Takes note of a refusal; `None` where nothing can be done about it: the parameter is not sent any more, or there
    /// is no other name to try.
    pub(crate) fn note(&mut self, parameter: Parameter) -> Option<ParameterChange> {
        let mut change = ParameterChange { refused: parameter.name().to_owned(), replacement: None };

        match parameter {
            Parameter::MaxTokens if !self.renames_limit => {
                self.renames_limit = true;
                change.replacement = Some(Parameter::MaxCompletionTokens.name().to_owned());
                Some(change)
            }
            Parameter::MaxTokens | Parameter::MaxCompletionTokens => None,
            other => {
                // without a stream there is nothing to have options for
                let is_new = self.left_out.insert(other);
                if other == Parameter::Stream {
                    self.left_out.insert(Parameter::StreamOptions);
                }
                is_new.then_some(change)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Option<Parameter>) {
        assert_eq!(refused(400, body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn refusals_name_their_parameter() {
        check(
            r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
            Some(Parameter::MaxTokens),
        );
        check(
            r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.","param":"temperature","code":"unsupported_value"}}"#,
            Some(Parameter::Temperature),
        );
        check(
            r#"{"error":{"message":"Your organization must be verified to stream this model.","param":"stream","code":"unsupported_value"}}"#,
            Some(Parameter::Stream),
        );
        check(r#"{"error":"temperature must be strictly positive"}"#, Some(Parameter::Temperature));
        check(
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
            Some(Parameter::StreamOptions),
        );
        check(
            r#"{"object":"error","message":"[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted'}]","code":400}"#,
            Some(Parameter::Seed),
        );
        check(
            "Unrecognized request argument supplied: chat_template_kwargs",
            Some(Parameter::TemplateVariables),
        );
        check(r#"{"error":{"message":"unknown field \"seed\""}}"#, Some(Parameter::Seed));
        check(
            r#"{"error":{"message":"stream_options.include_usage is not supported"}}"#,
            Some(Parameter::StreamOptions),
        );
    }

    #[test]
    fn other_errors_name_none() {
        check(
            r#"{"error":{"message":"max_tokens is too large: 9000; this model supports at most 4096"}}"#,
            None,
        );
        check(r#"{"error":{"message":"the model `seed-oss` does not exist"}}"#, None);
        check(r#"{"error":{"message":"invalid messages[0].content","param":"messages[0].content"}}"#, None);
        check(r#"{"error":{"message":"context length exceeded, lower max_tokens"}}"#, None);
        check("", None);
        assert_eq!(refused(401, b"unknown parameter: seed"), None);
    }

    #[test]
    fn each_is_replaced_once() {
        let mut state = Refused::default();
        assert!(state.sends(Parameter::MaxTokens) && !state.sends(Parameter::MaxCompletionTokens));
        let change = state.note(Parameter::MaxTokens);
        assert_eq!(
            change.map(|change| (change.refused, change.replacement)),
            Some(("max_tokens".to_owned(), Some("max_completion_tokens".to_owned())))
        );
        assert_eq!(state.note(Parameter::MaxCompletionTokens), None);
        assert_eq!(state.note(Parameter::Stream).and_then(|change| change.replacement), None);
        assert!(!state.sends(Parameter::StreamOptions));
        assert_eq!(state.note(Parameter::Stream), None);
    }
}
