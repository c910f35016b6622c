//! What is asked of a server, as JSON.

use std::collections::BTreeMap;

use infercost_core::{Conversation, Effort, Message, PromptBody, Role, ThinkingAllowance};
use infercost_core::{EngineError, GenerationRequest};
use serde::Serialize;
use serde_json::Value;

use crate::discovery::ServerKind;
use crate::options::Api;
use crate::refusal::{Parameter, Refused};

/// How bodies are written for one server.
#[derive(Debug, Clone)]
pub(crate) struct BodyStyle {
    pub(crate) api: Api,
    pub(crate) kind: ServerKind,
    pub(crate) model: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    /// The newer name of the limit, for servers that refuse the older.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
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
    /// Switches of the chat template: vLLM, SGLang, llama.cpp and others take them by this name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    chat_template_kwargs: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl BodyStyle {
    /// The body of one streamed request, without what the server has refused.
    pub(crate) fn body(
        &self,
        request: &GenerationRequest<'_>,
        refused: &Refused,
    ) -> Result<Vec<u8>, EngineError> {
        let PromptBody::Chat(conversation) = request.prompt;
        let (messages, prompt) = match self.api {
            Api::Chat => (Some(conversation.messages.as_slice()), None),
            Api::Completions => (None, Some(plain_text(request.prompt)?)),
        };

        let sampling = request.sampling;
        let limit = Some(request.max_tokens);
        let seed = (sampling.temperature > 0.0).then_some(sampling.seed);
        let usage = StreamOptions { include_usage: true };
        let body = Body {
            model: &self.model,
            messages,
            prompt,
            max_tokens: limit.filter(|_| refused.sends(Parameter::MaxTokens)),
            max_completion_tokens: limit.filter(|_| refused.sends(Parameter::MaxCompletionTokens)),
            temperature: Some(sampling.temperature).filter(|_| refused.sends(Parameter::Temperature)),
            top_p: sampling.top_p.filter(|_| refused.sends(Parameter::TopP)),
            top_k: sampling.top_k.filter(|_| refused.sends(Parameter::TopK)),
            seed: seed.filter(|_| refused.sends(Parameter::Seed)),
            stream: refused.sends(Parameter::Stream),
            stream_options: Some(usage).filter(|_| refused.sends(Parameter::StreamOptions)),
            cache_prompt: (self.cache_off && refused.sends(Parameter::CachePrompt)).then_some(false),
            chat_template_kwargs: self.template_variables(conversation, refused),
            reasoning_effort: self.effort(conversation).filter(|_| refused.sends(Parameter::ReasoningEffort)),
        };
        serde_json::to_vec(&body).map_err(|error| EngineError::Compute(error.to_string()))
    }

    /// Variables of the chat template; none where the server renders no template, or takes no variables.
    pub(crate) fn template_variables(
        &self,
        conversation: &Conversation,
        refused: &Refused,
    ) -> BTreeMap<String, Value> {
        let takes_some = self.api == Api::Chat && self.kind != ServerKind::Ollama;
        if takes_some && refused.sends(Parameter::TemplateVariables) {
            conversation.template_variables()
        } else {
            BTreeMap::new()
        }
    }

    /// How much thinking is allowed, in the one word that APIs have for it. Ollama has no other switch.
    fn effort(&self, conversation: &Conversation) -> Option<&'static str> {
        match conversation.thinking? {
            _ if self.api == Api::Completions => None,
            ThinkingAllowance::Effort(effort) => Some(effort.name()),
            ThinkingAllowance::Switch(false) if self.kind == ServerKind::Ollama => Some(Effort::None.name()),
            ThinkingAllowance::Switch(_) | ThinkingAllowance::Tokens(_) => None,
        }
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
        PromptBody::Chat(vec![Message { role: Role::User, content: text.into() }].into())
    }

    fn body(style: &BodyStyle, prompt: &PromptBody, sampling: &Sampling, refused: &Refused) -> String {
        let request = GenerationRequest { prompt, max_tokens: 7, sampling };
        String::from_utf8(style.body(&request, refused).unwrap()).unwrap()
    }

    fn style() -> BodyStyle {
        BodyStyle { api: Api::Chat, kind: ServerKind::Other, model: "m".into(), cache_off: true }
    }

    #[test]
    fn bodies_hold_what_was_asked_and_no_more() {
        let prompt = user("a \"b\"");
        let (mut style, none) = (style(), Refused::default());
        assert_eq!(
            body(&style, &prompt, &Sampling::default(), &none),
            r#"{"model":"m","messages":[{"role":"user","content":"a \"b\""}],"max_tokens":7,"temperature":0.0,"stream":true,"stream_options":{"include_usage":true},"cache_prompt":false}"#,
        );
        style = BodyStyle { api: Api::Completions, cache_off: false, ..style };
        let sampling = Sampling { temperature: 0.5, top_p: Some(0.9), top_k: Some(4), seed: 3 };
        assert_eq!(
            body(&style, &prompt, &sampling, &none),
            r#"{"model":"m","prompt":"a \"b\"","max_tokens":7,"temperature":0.5,"top_p":0.9,"top_k":4,"seed":3,"stream":true,"stream_options":{"include_usage":true}}"#,
        );
    }

    #[test]
    fn what_was_refused_is_sent_no_more() {
        let mut refused = Refused::default();
        let sampling = Sampling { temperature: 0.5, top_p: Some(0.9), top_k: Some(4), seed: 3 };
        for parameter in [
            Parameter::MaxTokens,
            Parameter::Temperature,
            Parameter::TopP,
            Parameter::TopK,
            Parameter::Seed,
            Parameter::Stream,
            Parameter::CachePrompt,
        ] {
            assert!(refused.note(parameter).is_some());
        }
        assert_eq!(
            body(&style(), &user("a"), &sampling, &refused),
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_completion_tokens":7,"stream":false}"#
        );
    }

    /// Kind of server, allowance, and what is sent for it.
    #[track_caller]
    fn check_thinking(kind: ServerKind, thinking: ThinkingAllowance, expected: &str) {
        let PromptBody::Chat(conversation) = user("a");
        let prompt = PromptBody::Chat(Conversation { thinking: Some(thinking), ..conversation });
        let style = BodyStyle { kind, ..style() };
        let body = body(&style, &prompt, &Sampling::default(), &Refused::default());
        let (_, tail) = body.split_once("\"cache_prompt\":false").unwrap();
        assert_eq!(tail, expected, "{kind:?} {thinking:?}");
    }

    #[test]
    fn thinking_is_switched_as_servers_know_it() {
        let off = ThinkingAllowance::Switch(false);
        let switched = r#","chat_template_kwargs":{"enable_thinking":false,"thinking":false}}"#;
        check_thinking(ServerKind::Vllm, off, switched);
        check_thinking(ServerKind::Ollama, off, r#","reasoning_effort":"none"}"#);
        check_thinking(
            ServerKind::Other,
            ThinkingAllowance::Effort(Effort::Low),
            r#","chat_template_kwargs":{"enable_thinking":true,"reasoning_effort":"low","thinking":true},"reasoning_effort":"low"}"#,
        );
    }

    #[test]
    fn plain_completions_take_one_turn() {
        let turn = |role| Message { role, content: "x".into() };
        assert!(plain_text(&PromptBody::Chat(vec![turn(Role::System), turn(Role::User)].into())).is_err());
        assert!(plain_text(&PromptBody::Chat(vec![].into())).is_err());
    }
}
