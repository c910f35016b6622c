//! What is asked of a server, as JSON.

use infercost_core::{EngineError, GenerationRequest, Message, PromptBody, Role};
use serde::Serialize;

use crate::options::Api;

/// How bodies are written for one server.
#[derive(Debug, Clone)]
pub(crate) struct BodyStyle {
    pub(crate) api: Api,
    pub(crate) model: String,
    /// Ask for `usage` at the stream's end.
    pub(crate) include_usage: bool,
    /// Switch the prompt cache off, on servers that know `cache_prompt`.
    pub(crate) cache_off: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<&'a [Message]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    max_tokens: u32,
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    /// Left out where nothing is drawn: not every server knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_prompt: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl BodyStyle {
    /// The body of one streamed request.
    pub(crate) fn body(&self, request: &GenerationRequest<'_>) -> Result<Vec<u8>, EngineError> {
        let PromptBody::Chat(turns) = request.prompt;
        let (messages, prompt) = match self.api {
            Api::Chat => (Some(turns.as_slice()), None),
            Api::Completions => (None, Some(plain_text(request.prompt)?)),
        };
        let sampling = request.sampling;
        let body = Body {
            model: &self.model,
            messages,
            prompt,
            max_tokens: request.max_tokens,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            seed: (sampling.temperature > 0.0).then_some(sampling.seed),
            stream: true,
            stream_options: self.include_usage.then_some(StreamOptions { include_usage: true }),
            cache_prompt: self.cache_off.then_some(false),
        };
        serde_json::to_vec(&body).map_err(|error| EngineError::Compute(error.to_string()))
    }
}

/// The text of a lone user turn: all that plain completions can be given.
pub(crate) fn plain_text(prompt: &PromptBody) -> Result<&str, EngineError> {
    let PromptBody::Chat(turns) = prompt;
    match turns.as_slice() {
        [Message { role: Role::User, content }] => Ok(content),
        _ => Err(EngineError::Template(
            "the completions API takes the text of one user turn; ask the chat API for conversations".into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use infercost_core::Sampling;

    use super::*;

    fn user(text: &str) -> PromptBody {
        PromptBody::Chat(vec![Message { role: Role::User, content: text.into() }])
    }

    #[track_caller]
    fn check(style: &BodyStyle, sampling: &Sampling, expected: &str) {
        let prompt = user("a \"b\"");
        let body = style.body(&GenerationRequest { prompt: &prompt, max_tokens: 7, sampling }).unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn bodies_hold_what_was_asked_and_no_more() {
        let mut style = BodyStyle { api: Api::Chat, model: "m".into(), include_usage: true, cache_off: true };
        check(
            &style,
            &Sampling::default(),
            r#"{"model":"m","messages":[{"role":"user","content":"a \"b\""}],"max_tokens":7,"temperature":0.0,"stream":true,"stream_options":{"include_usage":true},"cache_prompt":false}"#,
        );
        style = BodyStyle { api: Api::Completions, include_usage: false, cache_off: false, ..style };
        check(
            &style,
            &Sampling { temperature: 0.5, top_p: Some(0.9), top_k: Some(4), seed: 3 },
            r#"{"model":"m","prompt":"a \"b\"","max_tokens":7,"temperature":0.5,"top_p":0.9,"top_k":4,"seed":3,"stream":true}"#,
        );
    }

    #[test]
    fn plain_completions_take_one_turn() {
        let turn = |role| Message { role, content: "x".into() };
        assert!(plain_text(&PromptBody::Chat(vec![turn(Role::System), turn(Role::User)])).is_err());
        assert!(plain_text(&PromptBody::Chat(vec![])).is_err());
    }
}
