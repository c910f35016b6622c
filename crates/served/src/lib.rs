//! Runs a model behind an OpenAI-compatible server: llama.cpp, vLLM, Ollama, LM Studio, mistral.rs and their like.
//!
//! [`ServedModel::connect`] checks a [`ServedAddress`] and gives a [`ServedEngine`], an
//! [`Engine`](infercost_core::Engine) like any other, with a handle for many requests at once. The one design
//! decision: **a server is believed only where it can be checked**. Tokens come from its `usage` and are compared
//! with the stream, its timings are kept beside the harness's and never in their place, and what it cannot give
//! stays unknown, with the reason.
//!
//! Deliberately absent: this crate stamps no time on an answer (the harness does), reads no meter, knows no price.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod address;
mod answer;
mod ask;
mod body_reader;
mod client;
mod content;
mod count;
mod discovery;
mod engine;
mod exchange;
mod failure;
#[doc(hidden)]
pub mod hostile;
mod key;
mod model_list;
mod options;
mod refusal;
mod request_body;
mod scoring;
mod sse;
mod stream_chunk;
mod usage;

pub use address::{AddressError, ServedAddress};
pub use discovery::ServerKind;
pub use engine::{ServedEngine, ServedModel};
pub use infercost_core::ServedTrial;
pub use key::ApiKey;
pub use options::{Api, RetryPolicy, ServedOptions, Timeouts};
