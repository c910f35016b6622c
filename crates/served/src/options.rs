//! How a server is asked: which API, which time-outs, how many attempts.

use std::time::Duration;

use infercost_core::Sampling;

use crate::key::ApiKey;

/// How a served model is asked.
#[derive(Debug, Clone, Default)]
pub struct ServedOptions {
    /// Which of the two APIs.
    pub api: Api,
    /// When to give up.
    pub timeouts: Timeouts,
    /// When to try again.
    pub retries: RetryPolicy,
    /// The key to send, if any; see [`ApiKey::from_environment`].
    pub key: Option<ApiKey>,
    /// True where the server may use its prompt cache. By default it is asked not to, where it knows such a switch.
    pub allow_prompt_cache: bool,
    /// How tokens are chosen in the trial answer: as in the requests that follow, so that what the server refuses shows.
    pub sampling: Sampling,
    /// True leaves out the short trial answer that [`ServedModel::connect`](crate::ServedModel::connect) asks for
    /// to see how the server streams and counts (and to have it load its model).
    pub no_trial: bool,
}

/// Which API of the server is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Api {
    /// `chat/completions`: the server renders the conversation with the model's chat template.
    #[default]
    Chat,
    /// `completions`: the text of a lone user turn goes to the model as it is.
    Completions,
}

/// When to give up. Every stage of a request has its limit, so that nothing hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to stand.
    pub connect: Duration,
    /// From sending the request to the first byte of the answer's head or, later, to the first token: a queue or
    /// a long prefill.
    pub first_byte: Duration,
    /// Between two pieces of a stream.
    pub stall: Duration,
    /// For the whole request, further attempts included.
    pub whole: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, 5 minutes to the first token, 1 minute between pieces, 15 minutes for all.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(300),
            stall: Duration::from_secs(60),
            whole: Duration::from_secs(900),
        }
    }
}

/// When a request is tried again: after 429, 503, and connections refused or lost before any answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts beyond the first.
    pub most: u32,
    /// First pause, doubled for each further attempt, where the server names none.
    pub pause: Duration,
    /// Longest pause; a server that asks for more is not asked again.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    /// Three further attempts after 0.5, 1 and 2 s, or what the server asks for up to 30 s.
    fn default() -> Self {
        Self { most: 3, pause: Duration::from_millis(500), longest_pause: Duration::from_secs(30) }
    }
}
