//! The JSON of a streamed chunk, and of a whole answer, borrowed from the bytes that came.

use std::borrow::Cow;
use std::time::Duration;

use infercost_core::{FinishReason, ServerTimings};
use serde::Deserialize;
use serde_json::value::RawValue;

/// One `data` of the stream of either API, or the whole answer of a server that does not stream.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamChunk<'a> {
    #[serde(borrow, default)]
    pub(crate) choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    #[serde(default)]
    pub(crate) timings: Option<Timings>,
    /// Some servers put the error here, where the status can no longer say it.
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) object: Option<Text<'a>>,
}

/// Text that is only copied where escapes stand in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

#[derive(Debug, Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(default)]
    pub(crate) index: Option<u32>,
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
}

#[derive(Debug, Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, default)]
    pub(crate) content: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) reasoning: Option<Text<'a>>,
}

impl Delta<'_> {
    /// The reasoning under whichever of its two names; a server that sends both sends the same twice.
    pub(crate) fn reasoning(&self) -> &str {
        let text = self.reasoning_content.as_ref().or(self.reasoning.as_ref());
        text.map_or("", |text| &text.0)
    }

    pub(crate) fn content(&self) -> &str {
        self.content.as_ref().map_or("", |text| &text.0)
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub(crate) prompt_tokens: Option<u64>,
    #[serde(default)]
    pub(crate) completion_tokens: Option<u64>,
    #[serde(default)]
    pub(crate) prompt_tokens_details: Option<PromptTokensDetails>,
    #[serde(default)]
    pub(crate) prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct PromptTokensDetails {
    #[serde(default)]
    pub(crate) cached_tokens: Option<u64>,
}

/// llama.cpp's own clock.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Timings {
    #[serde(default)]
    pub(crate) cache_n: Option<i64>,
    #[serde(default)]
    pub(crate) prompt_n: Option<i64>,
    #[serde(default)]
    pub(crate) prompt_ms: Option<f64>,
    #[serde(default)]
    pub(crate) predicted_n: Option<i64>,
    #[serde(default)]
    pub(crate) predicted_ms: Option<f64>,
}

/// A count that a server gave, kept within what a record holds.
pub(crate) fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn signed(number: Option<i64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

fn milliseconds(number: Option<f64>) -> Option<Duration> {
    number.and_then(|number| Duration::try_from_secs_f64(number / 1000.0).ok())
}

impl Usage {
    pub(crate) fn cached(&self) -> Option<u32> {
        let details = self.prompt_tokens_details.and_then(|details| details.cached_tokens);
        details.or(self.prompt_cache_hit_tokens).map(count)
    }
}

impl Timings {
    pub(crate) fn cached(&self) -> Option<u32> {
        signed(self.cache_n)
    }

    pub(crate) fn predicted(&self) -> Option<u32> {
        signed(self.predicted_n)
    }

    /// Tokens of the whole prompt, where both parts are told.
    pub(crate) fn prompt(&self) -> Option<u32> {
        Some(signed(self.prompt_n)?.saturating_add(self.cached()?))
    }

    pub(crate) fn facts(&self) -> ServerTimings {
        ServerTimings {
            prompt_tokens: signed(self.prompt_n),
            prompt: milliseconds(self.prompt_ms),
            predicted_tokens: self.predicted(),
            predicted: milliseconds(self.predicted_ms),
        }
    }
}

/// Servers have many names for an end; those that mean a limit are few.
pub(crate) fn finish(reason: &str) -> FinishReason {
    match reason {
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        _ => FinishReason::Stop,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        let chunk: StreamChunk<'_> =
            serde_json::from_slice(br#"{"choices":[{"delta":{"content":"hi"}}]}"#).unwrap();
        let choices = chunk.choices.unwrap();
        let content = choices[0].delta.as_ref().unwrap().content.as_ref().unwrap();
        assert!(matches!(content.0, Cow::Borrowed("hi")));
    }

    #[test]
    fn nulls_and_strangers_are_taken() {
        for json in [
            "{}",
            r#"{"choices":null,"usage":null,"timings":null,"error":null}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null,"logprobs":null}]}"#,
            r#"{"choices":[{"delta":{}}],"new":{"deep":[1,{"a":[]}]}}"#,
        ] {
            let chunk: StreamChunk<'_> = serde_json::from_str(json).unwrap();
            assert!(chunk.error.is_none_or(|error| error.get() == "null"), "{json}");
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
