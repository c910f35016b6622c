//! The contract between the harness and whatever runs a model.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{EngineIdentity, FailureKind, FinishReason, PromptBody, Sampling, ServedFacts};
use thiserror::Error;

/// Runs one model.
///
/// An engine never times itself: the harness stamps the clock in `on_chunk`, so that every engine is timed by
/// the same code.
pub trait Engine: Send {
    /// What runs, and how it was built. Fixed while the engine lives.
    fn identity(&self) -> &EngineIdentity;

    /// Tokens of the rendered prompt, or `None` where the engine cannot tell beforehand.
    ///
    /// # Errors
    /// [`EngineError::Template`] where the prompt cannot be rendered.
    fn count_input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<u32>, EngineError>;

    /// The rendered prompt's tokens, or `None` where the engine does not show them.
    ///
    /// # Errors
    /// [`EngineError::Template`] where the prompt cannot be rendered.
    fn input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<Vec<u32>>, EngineError> {
        let _ = prompt;
        Ok(None)
    }

    /// SHA-256, in hexadecimal, over the text of every token that a distribution has a place for, in order; `None`
    /// where the engine does not show its vocabulary. It is the same for a GGUF file and a `tokenizer.json` of one
    /// model, whose fingerprints are not.
    fn vocabulary_sha256(&self) -> Option<&str> {
        None
    }

    /// Generates one answer. Each new piece of output goes to `on_chunk` as soon as it is there; the end-of-turn
    /// token counts as output (it took a decode step) and arrives as a chunk without text.
    ///
    /// No state is carried from one call to the next: equal requests do equal work.
    ///
    /// # Errors
    /// [`EngineError`]; chunks that arrived before it are void.
    fn generate(
        &mut self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError>;

    /// Teacher-forced log-probabilities of a given continuation.
    ///
    /// # Errors
    /// [`EngineError::CannotScore`] where the engine has no access to log-probabilities, and all others.
    fn score(&mut self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError>;

    /// The likeliest tokens at each position of a given continuation, teacher-forced: what an engine can give
    /// that shows no whole distribution. `top` is how many a position; fewer may come.
    ///
    /// # Errors
    /// [`EngineError::CannotScore`] with the reason, unless the engine says otherwise.
    fn top_scores(&mut self, request: &ScoreRequest<'_>, top: u32) -> Result<Vec<PositionTop>, EngineError> {
        let _ = (request, top);
        Err(EngineError::CannotScore("it lists no likeliest tokens".into()))
    }

    /// The likeliest tokens at each position of the engine's own greedy answer. Two engines' lists can be compared
    /// as long as their answers are the same, the first token that differs included: up to there both had the same
    /// text before them.
    ///
    /// # Errors
    /// [`EngineError::CannotScore`] with the reason, unless the engine says otherwise.
    fn top_answer(
        &mut self,
        request: &GenerationRequest<'_>,
        top: u32,
    ) -> Result<Vec<PositionTop>, EngineError> {
        let _ = (request, top);
        Err(EngineError::CannotScore("it lists no likeliest tokens".into()))
    }

    /// The token with these bytes, for engines that name tokens by their text; `None` where there is none, or where
    /// the engine shows no vocabulary.
    fn token_of_bytes(&self, bytes: &[u8]) -> Option<u32> {
        let _ = bytes;
        None
    }

    /// A handle through which several requests may be in flight at once; `None` where the engine serves one at a
    /// time.
    fn concurrent(&self) -> Option<Arc<dyn ConcurrentEngine>> {
        None
    }
}

/// An engine that serves several requests at once, each a future.
///
/// The futures want a tokio runtime with time and I/O enabled. Dropping one gives its request up.
pub trait ConcurrentEngine: Send + Sync {
    /// As [`Engine::generate`].
    fn generate<'a>(
        &'a self,
        request: GenerationRequest<'a>,
        on_chunk: &'a mut (dyn FnMut(Chunk<'_>) + Send),
    ) -> PendingGeneration<'a>;
}

/// A request in flight.
pub type PendingGeneration<'a> = Pin<Box<dyn Future<Output = Result<Generation, EngineError>> + Send + 'a>>;

/// One answer to ask for.
#[derive(Debug, Clone, Copy)]
pub struct GenerationRequest<'a> {
    /// The conversation.
    pub prompt: &'a PromptBody,
    /// Output limit, in tokens.
    pub max_tokens: u32,
    /// How tokens are chosen.
    pub sampling: &'a Sampling,
}

/// A piece of output, as it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// New text; empty while a character is incomplete, and for the end-of-turn token.
    pub text: &'a str,
    /// Tokens behind it.
    pub tokens: u32,
    /// True where the engine itself tells it apart from the answer, as thinking. Its text is then no part of
    /// [`Generation::text`].
    pub thinking: bool,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The whole text, without special tokens but those that mark thinking.
    pub text: String,
    /// Thinking that the engine keeps apart from the text; `None` where it keeps none apart.
    pub thinking: Option<String>,
    /// Tokens of thinking as a server counts them, part of the output tokens; `None` where it does not tell.
    pub thinking_tokens: Option<u32>,
    /// True where the rendered prompt ends inside thinking, so that the text goes on with it.
    pub opens_thinking: bool,
    /// Output token ids, end-of-turn included; empty where the engine does not show them.
    pub token_ids: Vec<u32>,
    /// Output tokens.
    pub output_tokens: u32,
    /// Tokens of the rendered prompt; `None` where a server does not tell.
    pub input_tokens: Option<u32>,
    /// Of those, tokens served from a prefix cache; `None` where unknown.
    pub cached_input_tokens: Option<u32>,
    /// Why it ended.
    pub finish: FinishReason,
    /// What a server said about it; `None` in process.
    pub served: Option<ServedFacts>,
}

/// A continuation to score.
#[derive(Debug, Clone, Copy)]
pub struct ScoreRequest<'a> {
    /// The conversation that comes before.
    pub prompt: &'a PromptBody,
    /// What follows it.
    pub continuation: Continuation<'a>,
    /// True where the whole distribution at each position is wanted, not only its value at the target.
    pub distribution: bool,
}

/// What follows the prompt in a [`ScoreRequest`].
#[derive(Debug, Clone, Copy)]
pub enum Continuation<'a> {
    /// Token ids, as another engine with the same tokenizer generated them.
    Tokens(&'a [u32]),
    /// Text, tokenized by this engine.
    Text(&'a str),
}

/// Log-probabilities of a continuation, in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenScores {
    /// The continuation's tokens.
    pub targets: Vec<u32>,
    /// ln p of each target given all before it.
    pub log_probabilities: Vec<f64>,
    /// The distribution at each target's position, where asked for.
    pub distribution: Option<Distribution>,
}

/// ln-probabilities over the whole vocabulary, one row a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Row length.
    pub vocabulary: usize,
    /// Rows, one after the other.
    pub rows: Vec<f32>,
}

/// The likeliest tokens at one position of a continuation, teacher-forced.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionTop {
    /// The token that stands there, as far as the engine names it.
    pub target: TokenName,
    /// ln p of it; `None` where it is not among the tokens listed.
    pub target_ln_p: Option<f64>,
    /// The likeliest tokens with ln p, best first. Their probabilities add up to at most 1; the rest is not shown.
    pub top: Vec<(TokenName, f64)>,
}

/// A token as a server names it. Two engines' tokens can be matched by `id` where they have the same tokenizer,
/// else by `bytes`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName {
    /// Its number in the vocabulary, where told.
    pub id: Option<u32>,
    /// Its text as bytes; part of a character may be missing.
    pub bytes: Vec<u8>,
}

/// Why an engine could not do what it was asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Prompt and output do not fit.
    #[error(
        "the prompt has {input} tokens and may be answered with {output}, but the model's context is {context}; shorten the prompt or lower max_tokens"
    )]
    ContextExceeded {
        /// Tokens of the prompt.
        input: usize,
        /// Tokens wanted behind it.
        output: usize,
        /// The model's limit.
        context: usize,
    },
    /// A logit was NaN or infinite.
    #[error(
        "the model's logits are not finite at position {position}: the weights are damaged, or the arithmetic overflowed"
    )]
    NotFinite {
        /// Position in the sequence, from 0.
        position: usize,
    },
    /// The chat template could not render the prompt.
    #[error("the model's chat template cannot render this prompt: {0}")]
    Template(String),
    /// The engine has no log-probabilities to give.
    #[error("this engine gives no log-probabilities: {0}")]
    CannotScore(String),
    /// A server was asked for log-probabilities and refused.
    #[error("this engine gives no log-probabilities: {reason}: {said}")]
    ScoringRefused {
        /// What it refused, in infercost's words.
        reason: String,
        /// What the server said: one plain line, no secrets.
        said: String,
    },
    /// The model's files cannot be used.
    #[error("{path}: {reason}")]
    Load {
        /// The file or folder.
        path: String,
        /// What is wrong, and what to try.
        reason: String,
    },
    /// The engine failed while computing.
    #[error("{0}")]
    Compute(String),
    /// A server did not answer as it should.
    #[error("{0}")]
    Served(Box<ServedError>),
}

/// What went wrong between infercost and a server.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{message}")]
pub struct ServedError {
    /// Which side of the exchange failed.
    pub fault: ServedFault,
    /// One plain line: what happened and what to try; control characters escaped, no secrets.
    pub message: String,
    /// Status, retries and what else was known when it failed.
    pub facts: ServedFacts,
}

/// The ways in which an exchange with a server fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServedFault {
    /// Nothing came within a time-out.
    Timeout,
    /// The server could not be reached or hung up.
    Connection,
    /// The server answered with an error status, or with an error object inside a stream.
    Status,
    /// The server's answer could not be understood.
    Protocol,
}

impl EngineError {
    /// The kind under which a failed inference is counted.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::ContextExceeded { .. } => FailureKind::ContextExceeded,
            Self::NotFinite { .. } => FailureKind::NotFinite,
            Self::Template(_) => FailureKind::Template,
            Self::CannotScore(_) | Self::ScoringRefused { .. } | Self::Load { .. } | Self::Compute(_) => {
                FailureKind::Engine
            }
            Self::Served(error) => match error.fault {
                ServedFault::Timeout => FailureKind::Timeout,
                ServedFault::Connection => FailureKind::Connection,
                ServedFault::Status => FailureKind::Status,
                ServedFault::Protocol => FailureKind::Protocol,
            },
        }
    }

    /// The error as it may be kept where prompts and answers may not: without what a server, a template or a model
    /// said, any of which may repeat them.
    pub fn own_words(&self) -> String {
        match self {
            Self::CannotScore(_) => self.to_string(),
            Self::ScoringRefused { reason, .. } => Self::CannotScore(reason.clone()).to_string(),
            Self::Served(error) => {
                let words = self.kind().own_words(&error.message);
                match error.facts.status.filter(|_| words != error.message) {
                    Some(status) => format!("{words} (status {status})"),
                    None => words.to_owned(),
                }
            }
            other => other.kind().own_words(&other.to_string()).to_owned(),
        }
    }

    /// What a server had said before it failed; `None` where no server was asked.
    pub fn served_facts(&self) -> Option<&ServedFacts> {
        match self {
            Self::Served(error) => Some(&error.facts),
            _ => None,
        }
    }
}
