//! Measured facts: what the harness writes and everything else reads.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::board::{BoardState, CrossCheck};
use crate::chunk_arrivals::ChunkArrivals;
use crate::energy::EnergyReading;
use crate::identity::{PromptId, VariantId, WindowId};
use crate::interference::Interference;
use crate::load::LoadFacts;
use crate::number::plain;
use crate::sampling::Sampling;
use crate::served::ServedFacts;
use crate::thinking::Thinking;

/// The load that a variant was put under.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "loop")]
pub enum OperatingPoint {
    /// A closed loop: this many requests always in flight.
    Closed {
        /// Requests in flight.
        concurrency: u32,
    },
    /// An open loop: requests sent at this mean rate, whatever comes back.
    Open {
        /// Requests per second.
        rate: f64,
    },
}

impl OperatingPoint {
    /// One request at a time.
    pub const SEQUENTIAL: Self = Self::Closed { concurrency: 1 };
}

impl fmt::Display for OperatingPoint {
    /// `concurrency 4`, `2.5 requests/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { concurrency } => write!(f, "concurrency {concurrency}"),
            Self::Open { rate } => write!(f, "{} requests/s", plain(*rate)),
        }
    }
}

/// One metered window and the inferences inside it.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowRecord {
    /// Which window of which variant.
    pub id: WindowId,
    /// When the meter started.
    pub started_at: SystemTime,
    /// From meter start to meter stop.
    pub wall_time: Duration,
    /// The load that the variant was put under.
    pub operating_point: OperatingPoint,
    /// What the load generator found; `None` for a window of single requests, which quality and paired cost
    /// come from.
    pub load: Option<LoadFacts>,
    /// Gross energy of the window.
    pub energy: EnergyReading,
    /// True where the run was cut off inside the window: its inferences stand, its energy is unavailable.
    pub interrupted: bool,
    /// What else the machine did meanwhile; `None` where it was not watched.
    pub interference: Option<Box<Interference>>,
    /// The index of an earlier window of the same variant that was disturbed, and that this one measures again: the
    /// same prompts under fresh repetitions. Times, energy and cost are this window's; quality is the first's.
    pub remeasures: Option<u32>,
    /// The inferences, in the order in which they ended.
    pub inferences: Vec<InferenceRecord>,
}

/// One inference.
#[derive(Debug, Clone, PartialEq)]
pub struct InferenceRecord {
    /// Which prompt.
    pub prompt: PromptId,
    /// Which repetition of it, 0 first. Requests under load go on counting where the single ones ended.
    pub repetition: u32,
    /// When the request was issued.
    pub issued_at: SystemTime,
    /// Prompt text as given to the model, unless the user keeps content out (`--no-content`).
    pub input_text: Option<String>,
    /// Tokens of the rendered prompt, at least one; `None` where nobody counted them: a failure, or a server that does
    /// not tell.
    pub input_tokens: Option<u32>,
    /// Of those, tokens served from a prefix cache; `None` where unknown.
    pub cached_input_tokens: Option<u32>,
    /// Output limit of this request, in tokens.
    pub max_tokens: u32,
    /// How tokens were chosen; requests of a run have it in common.
    pub sampling: Arc<Sampling>,
    /// What the server said about it; `None` in process. Kept apart, since a run may hold a million inferences without any.
    pub served: Option<Box<ServedFacts>>,
    /// What came of it. A failure is a result, not a hole.
    pub outcome: Outcome,
}

/// What came of an inference.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The model answered.
    Completed {
        /// The answer without thinking; `None` where content is kept out of the trace.
        text: Option<String>,
        /// Why it ended.
        finish: FinishReason,
        /// Output tokens, thinking included.
        output_tokens: u32,
        /// What the model thought before it answered; `None` where it did not think. Kept apart, as what a server said.
        thinking: Option<Box<Thinking>>,
        /// When each chunk arrived, since `issued_at`, in order.
        arrivals: ChunkArrivals,
        /// From issue to end.
        latency: Duration,
    },
    /// It did not.
    Failed {
        /// What kind of failure, for counting.
        kind: FailureKind,
        /// One plain line.
        message: String,
        /// From issue to failure.
        latency: Duration,
    },
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended by itself.
    Stop,
    /// The output limit or the context was reached.
    Length,
}

/// Kinds of failure, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Prompt and output do not fit the context.
    ContextExceeded,
    /// Logits were NaN or infinite.
    NotFinite,
    /// The chat template could not render the prompt.
    Template,
    /// Nothing came within the time-out.
    Timeout,
    /// The server could not be reached or hung up.
    Connection,
    /// The server answered with an error status.
    Status,
    /// The server's answer could not be understood.
    Protocol,
    /// The engine itself failed.
    Engine,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ContextExceeded,
        Self::NotFinite,
        Self::Template,
        Self::Timeout,
        Self::Connection,
        Self::Status,
        Self::Protocol,
        Self::Engine,
    ];

    /// What may be said of a failure where content is kept out: the message of kinds that infercost alone words,
    /// and a fixed sentence for those whose messages quote a server, a template or a model, which repeat prompts.
    pub fn own_words(self, message: &str) -> &str {
        match self {
            Self::ContextExceeded | Self::NotFinite | Self::Timeout | Self::Connection => message,
            Self::Template => "the model's chat template cannot render this prompt",
            Self::Status => "the server answered with an error",
            Self::Protocol => "the server's answer is not what the API defines",
            Self::Engine => "the engine failed",
        }
    }

    /// The name used as `error.type` and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::ContextExceeded => "context_exceeded",
            Self::NotFinite => "not_finite",
            Self::Template => "template",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Status => "status",
            Self::Protocol => "protocol",
            Self::Engine => "engine",
        }
    }
}

/// A model was brought into memory.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadRecord {
    /// Which variant.
    pub variant: VariantId,
    /// When loading began.
    pub started_at: SystemTime,
    /// How long it took: a cost of spot and serverless hosting.
    pub load_time: Duration,
}

/// When idle power was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdlePhase {
    /// Before any model was loaded.
    BeforeLoad,
    /// With every model resident and none at work.
    Resident,
    /// After the last window.
    After,
}

/// A stretch in which nothing was asked of any model.
#[derive(Debug, Clone, PartialEq)]
pub struct IdleRecord {
    /// Before, resident or after.
    pub phase: IdlePhase,
    /// When the meter started.
    pub started_at: SystemTime,
    /// From meter start to meter stop.
    pub wall_time: Duration,
    /// Energy of the stretch.
    pub energy: EnergyReading,
    /// What the metered boards showed when it began; empty where the meter reads none.
    pub boards: Vec<BoardState>,
    /// Counters against integrals of power over the run so far; empty where no instrument shows both.
    pub cross_checks: Vec<CrossCheck>,
}

impl Outcome {
    /// From issue to end or failure.
    pub fn latency(&self) -> Duration {
        match self {
            Self::Completed { latency, .. } | Self::Failed { latency, .. } => *latency,
        }
    }

    /// Output tokens; a failure has none that count.
    pub fn output_tokens(&self) -> u32 {
        match self {
            Self::Completed { output_tokens, .. } => *output_tokens,
            Self::Failed { .. } => 0,
        }
    }

    /// True where the model answered with at least one token. A stream that ends without any has answered nothing.
    pub fn is_answered(&self) -> bool {
        self.output_tokens() > 0
    }

    /// Time to first token: issue to first chunk. `None` for a failure or an empty answer.
    pub fn time_to_first_token(&self) -> Option<Duration> {
        match self {
            Self::Completed { arrivals, .. } => arrivals.first().map(|chunk| chunk.at),
            Self::Failed { .. } => None,
        }
    }

    /// Time to the first token of the answer itself: the time to first token where the model did not think; `None` for a
    /// failure, and where the answer never began.
    pub fn time_to_first_answer_token(&self) -> Option<Duration> {
        match self {
            Self::Completed { thinking: Some(thinking), .. } => thinking.first_answer,
            _ => self.time_to_first_token(),
        }
    }

    /// True where thinking that the server does not show was generated before the first token came: then nothing tells when
    /// prefill ended.
    pub fn hides_thinking(&self) -> bool {
        self.hidden_tokens() > 0
    }

    /// Time in which the prompt was computed: the time to first token. `None` for a failure or an empty answer, and where
    /// thinking was hidden.
    pub fn prefill_time(&self) -> Option<Duration> {
        self.time_to_first_token().filter(|_| !self.hides_thinking())
    }

    /// Output tokens that were generated between the first that came and the end. Tokens of hidden thinking were
    /// generated before, and are left out.
    pub fn tokens_after_first(&self) -> u32 {
        self.output_tokens().saturating_sub(self.hidden_tokens()).saturating_sub(1)
    }

    /// Time per output token: (latency − TTFT) ÷ tokens after the first; undefined below two tokens.
    pub fn time_per_output_token(&self) -> Option<Duration> {
        let after_first = Some(self.tokens_after_first()).filter(|tokens| *tokens > 0)?;
        Some(self.latency().saturating_sub(self.time_to_first_token()?) / after_first)
    }

    /// Tokens of thinking that only the server's count tells of.
    fn hidden_tokens(&self) -> u32 {
        match self {
            Self::Completed { thinking: Some(thinking), .. } if thinking.is_hidden => {
                thinking.tokens.unwrap_or(0)
            }
            _ => 0,
        }
    }
}
