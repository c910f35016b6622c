//! The JSON of a streamed chunk, and of a whole answer, borrowed from the bytes that came.

use std::borrow::Cow;
use std::time::Duration;

use infercost_core::{FinishReason, OtherEnd, ServerTimings};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::content::Content;
use crate::count::{Count, optional};

/// One `data` of the stream of either API, or the whole answer of a server that does not stream.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamChunk<'a> {
    #[serde(borrow, default)]
    pub(crate) choices: Option<Vec<Choice<'a>>>,
    #[serde(default, deserialize_with = "optional")]
    usage: Option<Usage>,
    #[serde(default, deserialize_with = "optional")]
    pub(crate) timings: Option<Timings>,
    /// Groq's own field, which holds `usage` while the standard place stays empty.
    #[serde(default, deserialize_with = "optional")]
    x_groq: Option<Enclosed>,
    /// Some servers put the error here, where the status can no longer say it.
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) object: Option<Text<'a>>,
}

/// What encloses a `usage`.
#[derive(Debug, Default, Deserialize)]
struct Enclosed {
    #[serde(default)]
    usage: Option<Usage>,
}

/// Text that is only copied where escapes stand in it; empty where something else stands in its place.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // what is no text has no thinking in it either
        Content::deserialize(deserializer).map(|content| Self(content.answer))
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(default)]
    index: Option<Count>,
    /// Chat, streamed.
    #[serde(borrow, default)]
    pub(crate) delta: Option<Delta<'a>>,
    /// Chat, whole.
    #[serde(borrow, default)]
    pub(crate) message: Option<Delta<'a>>,
    /// Plain completions.
    #[serde(borrow, default)]
    pub(crate) text: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) finish_reason: Option<Text<'a>>,
    /// Moonshot's place for it.
    #[serde(default, deserialize_with = "optional")]
    usage: Option<Usage>,
}

impl Choice<'_> {
    /// True for the one answer that was asked for; some servers number none.
    pub(crate) fn is_first(&self) -> bool {
        self.index.and_then(Count::known).unwrap_or(0) == 0
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Content<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Content<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Content<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Content<'a>>,
    #[serde(borrow, default)]
    reasoning_text: Option<Content<'a>>,
    #[serde(borrow, default)]
    reasoning_details: Option<Content<'a>>,
}

impl Delta<'_> {
    /// The thinking, under whichever name; a server that uses several names sends the same under each.
    pub(crate) fn thinking(&self) -> &str {
        let fields = [
            &self.reasoning_content,
            &self.reasoning,
            &self.thinking,
            &self.reasoning_text,
            &self.reasoning_details,
        ];
        let in_fields = fields.into_iter().flatten().map(Content::all_thinking);
        let in_content = self.content.iter().map(|content| &*content.thinking);
        in_fields.chain(in_content).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// What is said, a refusal included.
    pub(crate) fn content(&self) -> &str {
        let texts = [&self.content, &self.refusal].into_iter().flatten().map(|content| &*content.answer);
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }
}

impl StreamChunk<'_> {
    /// The `usage` of this chunk, wherever it stands.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let groq = self.x_groq.as_ref().and_then(|enclosed| enclosed.usage);
        let in_choice = self.choices.iter().flatten().find_map(|choice| choice.usage);
        self.usage.or(groq).or(in_choice)
    }
}

/// What a server counted; any field may be missing, or hold what is no count.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Usage {
    #[serde(default, alias = "input_tokens")]
    pub(crate) prompt_tokens: Option<Count>,
    #[serde(default, alias = "output_tokens")]
    pub(crate) completion_tokens: Option<Count>,
    #[serde(default)]
    pub(crate) total_tokens: Option<Count>,
    #[serde(default, deserialize_with = "optional", alias = "input_tokens_details")]
    prompt_tokens_details: Option<PromptTokensDetails>,
    #[serde(default)]
    prompt_cache_hit_tokens: Option<Count>,
    #[serde(default, deserialize_with = "optional", alias = "output_tokens_details")]
    completion_tokens_details: Option<CompletionTokensDetails>,
    #[serde(default)]
    reasoning_tokens: Option<Count>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct PromptTokensDetails {
    #[serde(default)]
    cached_tokens: Option<Count>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct CompletionTokensDetails {
    #[serde(default)]
    reasoning_tokens: Option<Count>,
}

impl Usage {
    /// Prompt tokens that came from the cache.
    pub(crate) fn cached(&self) -> Option<Count> {
        let details = self.prompt_tokens_details.and_then(|details| details.cached_tokens);
        details.or(self.prompt_cache_hit_tokens)
    }

    /// Tokens of thinking.
    pub(crate) fn reasoning(&self) -> Option<Count> {
        let details = self.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        details.or(self.reasoning_tokens)
    }

    /// This, completed by what was told before. A zero that follows a count is a field that was left unset.
    pub(crate) fn after(self, before: Self) -> Self {
        Self {
            prompt_tokens: latest(before.prompt_tokens, self.prompt_tokens),
            completion_tokens: latest(before.completion_tokens, self.completion_tokens),
            total_tokens: latest(before.total_tokens, self.total_tokens),
            prompt_tokens_details: self.prompt_tokens_details.or(before.prompt_tokens_details),
            prompt_cache_hit_tokens: latest(before.prompt_cache_hit_tokens, self.prompt_cache_hit_tokens),
            completion_tokens_details: self.completion_tokens_details.or(before.completion_tokens_details),
            reasoning_tokens: latest(before.reasoning_tokens, self.reasoning_tokens),
        }
    }
}

fn latest(before: Option<Count>, now: Option<Count>) -> Option<Count> {
    now.filter(|now| *now != Count::Known(0)).or(before).or(now)
}

/// llama.cpp's own clock.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Timings {
    #[serde(default)]
    cache_n: Option<Count>,
    #[serde(default)]
    prompt_n: Option<Count>,
    #[serde(default)]
    prompt_ms: Option<f64>,
    #[serde(default)]
    predicted_n: Option<Count>,
    #[serde(default)]
    predicted_ms: Option<f64>,
}

fn small(count: Option<Count>) -> Option<u32> {
    count?.known().and_then(|number| u32::try_from(number).ok())
}

fn milliseconds(number: Option<f64>) -> Option<Duration> {
    number.and_then(|number| Duration::try_from_secs_f64(number / 1000.0).ok())
}

impl Timings {
    pub(crate) fn cached(&self) -> Option<u32> {
        small(self.cache_n)
    }

    pub(crate) fn predicted(&self) -> Option<u32> {
        small(self.predicted_n)
    }

    /// Tokens of the whole prompt, where both parts are told.
    pub(crate) fn prompt(&self) -> Option<u32> {
        Some(small(self.prompt_n)?.saturating_add(self.cached()?))
    }

    pub(crate) fn facts(&self) -> ServerTimings {
        ServerTimings {
            prompt_tokens: small(self.prompt_n),
            prompt: milliseconds(self.prompt_ms),
            predicted_tokens: self.predicted(),
            predicted: milliseconds(self.predicted_ms),
        }
    }
}

/// Servers have many names for an end; those that mean a limit are few.
pub(crate) fn finish(reason: &str) -> FinishReason {
    match reason {
        "length" | "max_tokens" | "max_output_tokens" | "model_length" => FinishReason::Length,
        _ => FinishReason::Stop,
    }
}

/// The end that is neither the model's own stop nor the limit.
pub(crate) fn other_end(reason: &str) -> Option<OtherEnd> {
    match reason {
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => Some(OtherEnd::ToolCall),
        "content_filter" | "content_filtered" | "safety" => Some(OtherEnd::ContentFilter),
        _ => None,
    }
}

/// True for an end that is none: the server gave up.
pub(crate) fn is_failure(reason: &str) -> bool {
    matches!(reason, "error" | "abort" | "aborted" | "cancelled" | "canceled")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn nulls_and_strangers_are_taken() {
        for json in [
            "{}",
            r#"{"choices":null,"usage":null,"timings":null,"error":null}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null,"logprobs":null}]}"#,
            r#"{"choices":[{"delta":{}}],"new":{"deep":[1,{"a":[]}]}}"#,
            r#"{"choices":[],"usage":"none","timings":[1]}"#,
            r#"{"choices":[{"index":"0","delta":[],"message":[],"text":7,"finish_reason":0}],"object":[],"usage":[]}"#,
            r#"{"choices":[],"usage":{"completion_tokens_details":"x","prompt_tokens_details":[]}}"#,
        ] {
            let chunk: StreamChunk<'_> = serde_json::from_str(json).unwrap();
            assert!(chunk.error.is_none_or(|error| error.get() == "null"), "{json}");
        }
    }

    #[test]
    fn usage_is_found_wherever_it_stands() {
        for json in [
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
            r#"{"choices":[],"usage":{"input_tokens":3,"output_tokens":4}}"#,
            r#"{"choices":[{"delta":{},"usage":{"prompt_tokens":3,"completion_tokens":4}}]}"#,
            r#"{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":3,"completion_tokens":4}}}"#,
        ] {
            let chunk: StreamChunk<'_> = serde_json::from_str(json).unwrap();
            let usage = chunk.usage().unwrap();
            assert_eq!(usage.completion_tokens, Some(Count::Known(4)), "{json}");
        }
    }

    #[test]
    fn thinking_is_found_under_every_name() {
        for json in [
            r#"{"reasoning_content":"hm"}"#,
            r#"{"reasoning":"hm","content":""}"#,
            r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
            r#"{"reasoning_content":"","reasoning":"hm"}"#,
            r#"{"thinking":"hm"}"#,
            r#"{"reasoning":{"content":"hm"}}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","text":"hm"}]}"#,
            r#"{"content":[{"type":"thinking","thinking":"hm"}]}"#,
        ] {
            let delta: Delta<'_> = serde_json::from_str(json).unwrap();
            assert_eq!((delta.thinking(), delta.content()), ("hm", ""), "{json}");
        }
    }

    #[test]
    fn wild_timings_stay_unknown() {
        let timings: Timings =
            serde_json::from_str(r#"{"prompt_n":-1,"prompt_ms":-5.0,"predicted_n":99999999999,"cache_n":3}"#)
                .unwrap();
        assert_eq!(timings.facts(), ServerTimings::default());
        assert_eq!((timings.prompt(), timings.cached()), (None, Some(3)));
    }
}
