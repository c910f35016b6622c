//! What a server behind HTTP says about one answer, beside what the harness timed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Facts about one request to a server, kept apart from what the harness measured itself.
///
/// It is there for failures too, as far as the request came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServedFacts {
    /// Attempts beyond the first. The latency holds all of them.
    pub retries: u32,
    /// Time lost to attempts before the last one, waiting included: part of TTFT and latency.
    pub retried_for: Duration,
    /// HTTP status of the last answer; `None` where none came.
    pub status: Option<u16>,
    /// Where the number of output tokens comes from.
    pub counted_by: TokenCount,
    /// Output tokens as the chunks give them, end-of-turn included where a chunk ended the turn.
    pub streamed_tokens: u32,
    /// True where the server's own count and the chunks disagree by more than the end-of-turn token: chunks then
    /// held several tokens, or some that were never shown, and gaps between chunks are not gaps between tokens.
    pub count_mismatch: bool,
    /// Chunks of thinking that the server keeps apart from the answer. They count as output and toward TTFT; the
    /// answer's text leaves them out.
    pub reasoning_chunks: u32,
    /// Output tokens as the server's `usage` gives them, believed or not; `None` where it gives none, or no count.
    pub claimed_output_tokens: Option<u64>,
    /// Output tokens that the server reports as thinking.
    pub reported_thinking_tokens: Option<u32>,
    /// What does not add up in the server's `usage`.
    pub usage_faults: Vec<UsageFault>,
    /// Parameters that the server refused in this request and that were replaced, for this request and all later ones.
    pub replaced: Vec<ParameterChange>,
    /// What ended the answer in place of the model's own stop or the limit.
    pub other_end: Option<OtherEnd>,
    /// The server's own clock, where it tells.
    pub timings: Option<ServerTimings>,
}

/// An end of an answer that is neither the model's own stop nor the limit. What came before it is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherEnd {
    /// The model called a tool, though none was offered: the call is no text.
    ToolCall,
    /// The server's content filter cut the answer off.
    ContentFilter,
}

impl OtherEnd {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ToolCall, Self::ContentFilter];

    /// Its name in traces.
    pub fn code(self) -> &'static str {
        match self {
            Self::ToolCall => "tool_call",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// Something in a server's `usage` that cannot be, or that needs reading with care.
///
/// Where a number cannot be, it is not believed: tokens are counted from the stream instead, or stay unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum UsageFault {
    /// A number that is no count: negative, fractional, or no number at all. Not believed.
    NotACount,
    /// More output tokens than were asked for and than came. Not believed.
    OutputBeyondLimit {
        /// The server's count.
        claimed: u64,
    },
    /// More output tokens than the bytes and chunks that came can hold, no thinking being reported. Not believed.
    OutputBeyondText {
        /// The server's count.
        claimed: u64,
    },
    /// More prompt tokens than the prompt's bytes can hold, chat template allowed for. Not believed.
    PromptBeyondText {
        /// The server's count.
        claimed: u64,
    },
    /// More cached tokens than the prompt has. Not believed.
    CachedBeyondPrompt {
        /// The server's count.
        claimed: u64,
    },
    /// More thinking than any context holds. Not believed.
    ThinkingBeyondContext {
        /// The server's count.
        claimed: u64,
    },
    /// Thinking is not part of the reported completion tokens, as the total shows, or since there is more of it: it was
    /// added.
    ThinkingOutsideCompletion {
        /// Tokens that were added.
        added: u32,
    },
    /// The total is not the sum of prompt and completion, and no thinking explains the difference. The total was not
    /// used.
    TotalDoesNotAddUp {
        /// Total, less prompt and completion tokens.
        difference: i64,
    },
}

impl UsageFault {
    /// True where a number of the server's was not believed.
    pub fn is_disbelieved(self) -> bool {
        !matches!(self, Self::ThinkingOutsideCompletion { .. } | Self::TotalDoesNotAddUp { .. })
    }
}

/// A parameter that a server refuses, and what it is sent in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterChange {
    /// The parameter that was refused.
    pub refused: String,
    /// The parameter or value that is sent instead; `None` where it is left out.
    pub replacement: Option<String>,
}

/// What a server is known to do before a run begins, beside what it says of single answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServedHabits {
    /// True where it is asked not to use its prompt cache, and has such a switch.
    pub cache_off: bool,
    /// What a short answer showed; `None` where none was asked for.
    pub trial: Option<ServedTrial>,
    /// Parameters that it refused in the trial, and what it is sent in their place.
    pub replaced: Vec<ParameterChange>,
}

/// What a short trial answer showed of a server's habits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedTrial {
    /// True where the server sends `usage`, so that tokens are its own count.
    pub sends_usage: bool,
    /// True where that count disagrees with the stream: see [`ServedFacts::count_mismatch`].
    pub count_mismatch: bool,
    /// The server's count and its tokenizer's of the same text; `None` where it has no tokenizer to ask. The count
    /// may be one higher: the end-of-turn token is no text.
    pub counted_and_tokenized: Option<(u32, u32)>,
    /// True where the server says how many prompt tokens came from its cache.
    pub tells_cached: bool,
}

impl ServedTrial {
    /// True where the server's tokenizer confirms its count, `None` where there is none to ask.
    ///
    /// Text may split into other tokens than it was generated in, so that a false is a warning and no proof.
    pub fn tokenizer_agrees(&self) -> Option<bool> {
        self.counted_and_tokenized.map(|(counted, tokenized)| counted.abs_diff(tokenized) <= 1)
    }
}

/// Where the number of output tokens comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCount {
    /// The server's `usage`.
    Usage,
    /// Counted from the chunks, since the server sends no `usage`: a lower bound where a chunk holds several.
    #[default]
    Chunks,
}

/// What a server measured of one request, by its own clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerTimings {
    /// Tokens of the prompt that were computed, cached ones left out.
    pub prompt_tokens: Option<u32>,
    /// Time spent on them.
    pub prompt: Option<Duration>,
    /// Tokens generated.
    pub predicted_tokens: Option<u32>,
    /// Time spent on them.
    pub predicted: Option<Duration>,
}
