//! An answer as it grows out of a stream's events.

use std::ops::ControlFlow;

use infercost_core::{Chunk, FinishReason, Generation, OtherEnd, ServedFacts, ServedFault, TokenCount};

use crate::count::{Count, saturated};
use crate::failure::{Failure, inner_text, quote};
use crate::sse::{EventKind, SseEvent};
use crate::stream_chunk::{Choice, StreamChunk, Timings, Usage, finish, is_failure, other_end};
use crate::usage::{Believed, Evidence, weigh};

/// Longest answer kept, in bytes, and longest thinking. In a run's file control characters take six bytes each, and its
/// lines have their own limit, many times this: an answer of any kind must be a counted outcome and not the end of a run.
const LONGEST_ANSWER: usize = 1 << 20;
/// What servers and gateways send as data to keep a connection open.
const KEEP_ALIVES: [&[u8]; 6] = [b"", b"null", b"ping", b"[PING]", b"keep-alive", b"keepalive"];

/// What was asked for, as far as an answer is held against it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// Output limit, in tokens.
    pub(crate) limit: u32,
    /// Bytes of the prompt's text.
    pub(crate) prompt_bytes: usize,
    /// What must not be quoted.
    pub(crate) secret: Option<&'a str>,
}

/// What has come of an answer so far.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    text: String,
    thinking: String,
    /// True once anything was handed on: from then on another attempt would count twice.
    pub(crate) begun: bool,
    pub(crate) finish: Option<FinishReason>,
    other_end: Option<OtherEnd>,
    /// True once the stream has said that it is over.
    pub(crate) done: bool,
    streamed_tokens: u32,
    streamed_thinking: u32,
    /// Chunks with a choice, empty ones included.
    chunks: u64,
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
    /// Takes one event.
    pub(crate) fn event(
        &mut self,
        event: SseEvent<'_>,
        asked: &Asked<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<ControlFlow<()>, Failure> {
        let data = event.data.trim_ascii();
        if data.eq_ignore_ascii_case(b"[DONE]") {
            self.done = true;
            return Ok(ControlFlow::Break(()));
        }
        if event.kind == EventKind::Error {
            return Err(reported(&String::from_utf8_lossy(data), asked.secret));
        }

        let is_object = data.starts_with(b"{");
        let is_ignored =
            KEEP_ALIVES.contains(&data) || data.starts_with(b":") || event.kind == EventKind::Other;
        if !is_object && is_ignored {
            return Ok(ControlFlow::Continue(()));
        }
        if !is_object {
            return Err(strange("no object", data, asked.secret));
        }
        let chunk: StreamChunk<'_> =
            serde_json::from_slice(data).map_err(|error| strange(&error.to_string(), data, asked.secret))?;
        self.chunk(&chunk, data, asked, on_chunk)?;

        // A server that ignores the limit must not fill the memory.
        if self.streamed_tokens > asked.limit.saturating_mul(4).saturating_add(1024) {
            let (limit, streamed) = (asked.limit, self.streamed_tokens);
            return Err(Failure::protocol(format!(
                "{limit} tokens were asked for, and the server goes on after {streamed} chunks"
            )));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn chunk(
        &mut self,
        chunk: &StreamChunk<'_>,
        data: &[u8],
        asked: &Asked<'_>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<(), Failure> {
        if let Some(error) = chunk.error.filter(|error| !is_nothing(error.get())) {
            return Err(reported(error.get(), asked.secret));
        }
        if chunk.object.as_ref().is_some_and(|object| object.0 == "error") {
            return Err(reported(&String::from_utf8_lossy(data), asked.secret));
        }

        let usage = chunk.usage();
        if let Some(usage) = usage {
            self.usage = Some(usage.after(self.usage.unwrap_or_default()));
            // Counts alone, behind the text, are the last that a server says; some gateways give no reason for the end.
            let is_alone = chunk.choices.as_ref().is_none_or(Vec::is_empty);
            let is_counted = usage.completion_tokens.and_then(Count::known).is_some_and(|count| count > 0);
            self.done |= self.begun && is_alone && is_counted;
        }
        self.timings = chunk.timings.or(self.timings);

        let sum = self.sum_so_far(usage, chunk.timings, asked.limit);
        for choice in chunk.choices.iter().flatten().filter(|choice| choice.is_first()) {
            self.choice(choice, sum, on_chunk)?;
        }
        Ok(())
    }

    /// Tokens up to and with this chunk, where it tells them and they can be.
    fn sum_so_far(&self, usage: Option<Usage>, timings: Option<Timings>, limit: u32) -> Option<u32> {
        let told = usage.and_then(|usage| usage.completion_tokens?.known());
        let told = told.map(saturated).or(timings.and_then(|timings| timings.predicted()))?;
        let hidden = usage.and_then(|usage| usage.reasoning()?.known()).map_or(0, saturated);
        let most = limit.max(self.streamed_tokens).saturating_add(1).saturating_add(hidden);
        (told <= most).then_some(told)
    }

    fn choice(
        &mut self,
        choice: &Choice<'_>,
        sum: Option<u32>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) -> Result<(), Failure> {
        let delta = choice.delta.as_ref().or(choice.message.as_ref());
        let in_delta = delta.map_or("", |delta| delta.content());
        let content = choice.text.as_ref().map_or(in_delta, |text| &text.0);
        let thinking = delta.map_or("", |delta| delta.thinking());
        self.chunks += 1;

        // An answer that comes whole holds both; its one moment is that of the answer.
        let (text, is_thinking) = if content.is_empty() { (thinking, true) } else { (content, false) };
        if !text.is_empty() {
            let tokens = self.tokens_of_text(sum);
            self.keep(content, thinking)?;
            self.hand_on(Chunk { text, tokens, thinking: is_thinking }, on_chunk);
        }

        let reason = choice.finish_reason.as_ref().map(|reason| &*reason.0).filter(|text| !text.is_empty());
        match reason {
            Some(reason) if is_failure(reason) => {
                let message = "the server ended the answer with an error in place of a reason";
                Err(Failure::new(ServedFault::Status, message))
            }
            Some(reason) => {
                self.other_end = other_end(reason);
                self.end(finish(reason), !text.is_empty(), sum, on_chunk);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The answer has ended. The end-of-turn token took a decode step and has no text; a limit is reached without a
    /// token.
    fn end(
        &mut self,
        reason: FinishReason,
        has_text: bool,
        sum: Option<u32>,
        on_chunk: &mut impl FnMut(Chunk<'_>),
    ) {
        self.finish = Some(reason);
        if has_text || reason != FinishReason::Stop || self.ended_turn {
            return;
        }
        let tokens = match (self.counting, sum) {
            (Counting::BySum(last), Some(sum)) => sum.saturating_sub(last),
            _ => 1,
        };
        if tokens > 0 {
            self.ended_turn = true;
            self.hand_on(Chunk { text: "", tokens, thinking: false }, on_chunk);
        }
    }

    fn keep(&mut self, content: &str, thinking: &str) -> Result<(), Failure> {
        self.reasoning_chunks += u32::from(!thinking.is_empty());
        for (kept, new) in [(&mut self.text, content), (&mut self.thinking, thinking)] {
            if kept.len().saturating_add(new.len()) > LONGEST_ANSWER {
                return Err(Failure::protocol("the answer is longer than 1 MiB"));
            }
            kept.push_str(new);
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
        if chunk.thinking {
            self.streamed_thinking = self.streamed_thinking.saturating_add(chunk.tokens);
        }
        on_chunk(chunk);
    }

    /// Completes `facts` with what the stream told.
    pub(crate) fn add_facts(&self, facts: &mut ServedFacts) {
        facts.streamed_tokens = self.streamed_tokens;
        facts.reasoning_chunks = self.reasoning_chunks;
        facts.other_end = self.other_end;
        facts.timings = self.timings.map(|timings| timings.facts());
    }

    /// The finished answer.
    pub(crate) fn into_generation(self, mut facts: ServedFacts, asked: &Asked<'_>) -> Generation {
        self.add_facts(&mut facts);
        let believed = self.believed(asked);
        let streamed = self.streamed_tokens;
        let output_tokens = believed.output.unwrap_or(streamed);
        facts.counted_by = if believed.output.is_some() { TokenCount::Usage } else { TokenCount::Chunks };
        facts.count_mismatch = believed.output.is_some_and(|told| self.is_mismatch(told));
        facts.claimed_output_tokens = believed.claimed;
        facts.reported_thinking_tokens = believed.thinking;
        facts.usage_faults = believed.faults;

        let timings = self.timings;
        let by_length = if output_tokens >= asked.limit { FinishReason::Length } else { FinishReason::Stop };
        Generation {
            text: self.text,
            thinking: (!self.thinking.is_empty()).then_some(self.thinking),
            thinking_tokens: believed.thinking,
            opens_thinking: false,
            token_ids: Vec::new(),
            output_tokens,
            input_tokens: believed
                .input
                .or(timings.and_then(|timings| timings.prompt()).filter(|tokens| *tokens > 0)),
            cached_input_tokens: believed.cached.or(timings.and_then(|timings| timings.cached())),
            finish: self.finish.unwrap_or(by_length),
            served: Some(facts),
        }
    }

    /// The server's counts, weighed against what came. Its own clock counts, too, where it sends no `usage`.
    fn believed(&self, asked: &Asked<'_>) -> Believed {
        let mut usage = self.usage.unwrap_or_default();
        let predicted = self.timings.and_then(|timings| timings.predicted());
        usage.completion_tokens =
            usage.completion_tokens.or(predicted.map(|tokens| Count::Known(tokens.into())));
        weigh(
            &usage,
            &Evidence {
                limit: asked.limit,
                streamed: self.streamed_tokens,
                streamed_thinking: self.streamed_thinking,
                chunks: self.chunks,
                bytes: self.text.len().saturating_add(self.thinking.len()),
                prompt_bytes: Some(asked.prompt_bytes),
                by_length: self.finish == Some(FinishReason::Length),
            },
        )
    }

    /// True where the server's count and the stream's differ by more than the end of turn.
    fn is_mismatch(&self, told: u32) -> bool {
        let streamed = self.streamed_tokens;
        let without_end = streamed.saturating_sub(u32::from(self.ended_turn));
        let stopped = self.finish == Some(FinishReason::Stop);
        let with_end = streamed.saturating_add(u32::from(stopped && !self.ended_turn));
        told < without_end || told > with_end
    }
}

/// True for an `error` that says that there is none. PHP writes `[]` where others write `{}`.
fn is_nothing(error: &str) -> bool {
    let without_space: String = error.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    matches!(without_space.as_str(), "null" | "\"\"" | "{}" | "[]" | "false" | "0")
}

/// The failure that a server reports inside its stream.
fn reported(text: &str, secret: Option<&str>) -> Failure {
    let inner = inner_text(text, 0);
    let message = format!("the server reports in its stream: {}", quote(&inner.message, secret));
    Failure { context: inner.context, ..Failure::new(ServedFault::Status, message) }
}

/// The failure of a chunk that cannot be read.
fn strange(error: &str, data: &[u8], secret: Option<&str>) -> Failure {
    let start: String = quote(&String::from_utf8_lossy(data), secret).chars().take(80).collect();
    // the parser quotes what it met
    let error = quote(error, secret);
    Failure::protocol(format!("a chunk of the stream is not what the API defines ({error}): {start}"))
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
