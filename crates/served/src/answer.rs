//! An answer as it grows out of a stream's events.

use std::ops::ControlFlow;

use infercost_core::{Chunk, FinishReason, Generation, ServedFacts, ServedFault, TokenCount};

use crate::failure::{Failure, inner_text, quote};
use crate::stream_chunk::{Choice, StreamChunk, Timings, Usage, count, finish};

/// Longest answer kept, in bytes. In a run's file control characters take six bytes each, and its lines have their own
/// limit, many times this: an answer of any kind must be a counted outcome and not the end of a run.
const LONGEST_ANSWER: usize = 1 << 20;

/// What has come of an answer so far.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: String,
    /// True once anything was handed on: from then on another attempt would count twice.
    pub(crate) begun: bool,
    pub(crate) finish: Option<FinishReason>,
    /// True once the stream has said that it is over.
    pub(crate) done: bool,
    streamed_tokens: u32,
    /// True where the last of the streamed tokens is an end-of-turn without text.
    ended_turn: bool,
    reasoning_chunks: u32,
    usage: Option<Usage>,
    timings: Option<Timings>,
    counting: Counting,
}

/// How the tokens of a chunk are known.
#[derive(Debug, Default, Clone, Copy)]
enum Counting {
    /// No chunk with text has come.
    #[default]
    Undecided,
    /// One token a chunk: all that can be assumed.
    ByChunk,
    /// Each chunk tells the sum so far.
    BySum(u32),
}

impl Answer {
    /// Takes the data of one event, at most `limit` tokens being asked for.
    pub(crate) fn event(
        &mut self,
        data: &[u8],
        is_error: bool,
        limit: u32,
        secret: Option<&str>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<ControlFlow<()>, Failure> {
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return Ok(ControlFlow::Break(()));
        }
        let told = |text: &str| {
            let inner = inner_text(text, 0);
            let message = format!("the server reports in its stream: {}", quote(&inner.message, secret));
            Failure { context: inner.context, ..Failure::new(ServedFault::Status, message) }
        };
        if is_error {
            return Err(told(&String::from_utf8_lossy(data)));
        }
        let strange = |error: &str| {
            let start = quote(&String::from_utf8_lossy(data), secret).chars().take(80).collect::<String>();
            // the parser quotes what it met
            let error = quote(error, secret);
            Failure::protocol(format!("a chunk of the stream is not what the API defines ({error}): {start}"))
        };
        if !data.trim_ascii_start().starts_with(b"{") {
            return Err(strange("no object"));
        }
        let chunk: StreamChunk<'_> =
            serde_json::from_slice(data).map_err(|error| strange(&error.to_string()))?;
        if let Some(error) = chunk.error.filter(|error| error.get() != "null") {
            return Err(told(error.get()));
        }
        if chunk.object.as_ref().is_some_and(|object| object.0 == "error") {
            return Err(told(&String::from_utf8_lossy(data)));
        }
        if chunk.usage.is_some() {
            self.usage = chunk.usage;
        }
        if chunk.timings.is_some() {
            self.timings = chunk.timings;
        }
        let sum = chunk.usage.and_then(|usage| usage.completion_tokens).map(count);
        let sum = sum.or(chunk.timings.and_then(|timings| timings.predicted()));
        for choice in chunk.choices.iter().flatten().filter(|choice| choice.index.unwrap_or(0) == 0) {
            self.choice(choice, sum, on_chunk)?;
        }
        // A server that ignores the limit must not fill the memory.
        if self.streamed_tokens > limit.saturating_mul(4).saturating_add(1024) {
            let streamed = self.streamed_tokens;
            return Err(Failure::protocol(format!(
                "{limit} tokens were asked for, and the server goes on after {streamed} chunks"
            )));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn choice(
        &mut self,
        choice: &Choice<'_>,
        sum: Option<u32>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<(), Failure> {
        let delta = choice.delta.as_ref().or(choice.message.as_ref());
        let content =
            choice.text.as_ref().map_or_else(|| delta.map_or("", |delta| delta.content()), |text| &text.0);
        let reasoning = delta.map_or("", |delta| delta.reasoning());
        let reason =
            choice.finish_reason.as_ref().map(|reason| reason.0.as_ref()).filter(|text| !text.is_empty());
        let text = if content.is_empty() { reasoning } else { content };
        if !text.is_empty() {
            let tokens = self.tokens_of_text(sum);
            self.reasoning_chunks += u32::from(!reasoning.is_empty());
            if self.text.len().saturating_add(content.len()) > LONGEST_ANSWER {
                return Err(Failure::protocol("the answer is longer than 1 MiB"));
            }
            self.text.push_str(content);
            self.hand_on(Chunk { text, tokens }, on_chunk);
        }
        if let Some(reason) = reason {
            let reason = finish(reason);
            self.finish = Some(reason);
            // The end-of-turn token took a decode step and has no text; a limit is reached without a token.
            if text.is_empty() && reason == FinishReason::Stop {
                let tokens = match (self.counting, sum) {
                    (Counting::BySum(last), Some(sum)) => sum.saturating_sub(last),
                    _ => 1,
                };
                if tokens > 0 {
                    self.ended_turn = true;
                    self.hand_on(Chunk { text: "", tokens }, on_chunk);
                }
            }
        }
        Ok(())
    }

    fn tokens_of_text(&mut self, sum: Option<u32>) -> u32 {
        match (self.counting, sum) {
            // Whoever tells sums tells them from the first chunk on: a sum in a last chunk alone would hide chunks
            // that held several tokens.
            (Counting::Undecided, Some(sum)) if sum > 0 => {
                self.counting = Counting::BySum(sum);
                sum
            }
            (Counting::BySum(last), Some(sum)) => {
                self.counting = Counting::BySum(sum.max(last));
                sum.saturating_sub(last)
            }
            _ => {
                self.counting = Counting::ByChunk;
                1
            }
        }
    }

    fn hand_on(&mut self, chunk: Chunk<'_>, on_chunk: &mut impl FnMut(Chunk<'_>)) {
        self.begun = true;
        self.streamed_tokens = self.streamed_tokens.saturating_add(chunk.tokens);
        on_chunk(chunk);
    }

    /// Completes `facts` with what the stream told.
    pub(crate) fn add_facts(&self, facts: &mut ServedFacts) {
        facts.streamed_tokens = self.streamed_tokens;
        facts.reasoning_chunks = self.reasoning_chunks;
        facts.timings = self.timings.map(|timings| timings.facts());
    }

    /// The finished answer.
    pub(crate) fn into_generation(self, mut facts: ServedFacts, limit: u32) -> Generation {
        self.add_facts(&mut facts);
        let streamed = self.streamed_tokens;
        let usage = self.usage.unwrap_or_default();
        let told =
            usage.completion_tokens.map(count).or(self.timings.and_then(|timings| timings.predicted()));
        // A sum of 0 beside text was never counted.
        let told = told.filter(|told| *told > 0 || streamed == 0);
        let output_tokens = told.unwrap_or(streamed);
        facts.counted_by = if told.is_some() { TokenCount::Usage } else { TokenCount::Chunks };
        facts.count_mismatch = told.is_some_and(|told| {
            let without_end = streamed.saturating_sub(u32::from(self.ended_turn));
            let stopped = self.finish == Some(FinishReason::Stop);
            let with_end = streamed.saturating_add(u32::from(stopped && !self.ended_turn));
            told < without_end || told > with_end
        });
        let timings = self.timings;
        let by_length = if output_tokens >= limit { FinishReason::Length } else { FinishReason::Stop };
        Generation {
            text: self.text,
            token_ids: Vec::new(),
            output_tokens,
            input_tokens: usage
                .prompt_tokens
                .map(count)
                .or(timings.and_then(|timings| timings.prompt()))
                // no prompt is empty once it is rendered: a sum of 0 was never counted
                .filter(|tokens| *tokens > 0),
            cached_input_tokens: usage.cached().or(timings.and_then(|timings| timings.cached())),
            finish: self.finish.unwrap_or(by_length),
            served: Some(facts),
        }
    }
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
