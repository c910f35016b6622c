//! Everything that was seen at one moment.

use std::time::Duration;

use infercost_energy::devices::{DeviceReading, Known};
use jiff::Timestamp;

/// Everything that was seen at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Time since the monitor began, by a clock that never goes back.
    pub at: Duration,
    /// What the wall clock showed; it may jump, and only labels.
    pub wall: Timestamp,
    /// Every device.
    pub devices: Vec<DeviceReading>,
    /// Every server that is watched, in the order in which they were given.
    pub servers: Vec<ServerReading>,
}

/// What came of asking one server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerReading {
    /// Its address, without credentials.
    pub address: String,
    /// What it answered, or why it did not.
    pub answer: ServerAnswer,
}

/// What came of asking a server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerAnswer {
    /// It answered since the last observation.
    Fresh(Box<ServerFacts>),
    /// It is being asked, and has not answered yet; what it said last still stands.
    Pending,
    /// It did not answer, or not in a way that says anything: one plain line.
    Away(String),
}

/// Which program serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// llama.cpp's llama-server.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// Hugging Face's text-generation-inference.
    Tgi,
    /// Ollama.
    Ollama,
}

impl ServerKind {
    /// Its name, as its makers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LlamaCpp => "llama.cpp",
            Self::Vllm => "vLLM",
            Self::Sglang => "SGLang",
            Self::Tgi => "TGI",
            Self::Ollama => "Ollama",
        }
    }
}

/// Seconds in all and how often they were counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Sum of seconds.
    pub seconds: f64,
    /// Number of summands.
    pub count: f64,
}

/// What a server tells of itself: counts since it was started, and gauges of now.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFacts {
    /// Which program it is.
    pub kind: ServerKind,
    /// Names of the models that it serves, where it tells.
    pub models: Vec<String>,
    /// Output tokens since it was started.
    pub output_tokens: Known<f64>,
    /// Input tokens since it was started.
    pub input_tokens: Known<f64>,
    /// Requests answered since it was started.
    pub requests: Known<f64>,
    /// Requests under way.
    pub running: Known<f64>,
    /// Requests that wait.
    pub waiting: Known<f64>,
    /// Share of the cache of keys and values in use, 0 to 1.
    pub cache: Known<f64>,
    /// Seconds to the first token, since it was started.
    pub first_token: Known<Counted>,
}
