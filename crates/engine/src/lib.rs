//! Runs a model in process, from GGUF and safetensors: on kernels of our own on CPUs, with candle on GPUs (feature
//! `cuda`).
//!
//! [`Engine`] is the contract; [`InProcessEngine`] runs in process; [`ScriptedEngine`] is its twin for
//! tests without weights. The one design decision: **one decoder, described by a configuration read from the
//! file** ([`decoder`]), instead of a file per model family. The stock models of candle-transformers return only
//! the last position's logits, and scoring needs every position.
//!
//! Deliberately absent: this crate reads no power meter, knows no price, and fetches nothing.

pub mod chat_template;
pub mod decoder;
pub mod engine;
pub mod in_process;
pub mod scripted;
pub mod tokenizer;

pub use in_process::{
    DistributionRows, Distributions, InProcessEngine, InProcessOptions, ModelDevice, TextWindow, TextWindows,
    TextWindowsError,
};
pub use infercost_kernels::{Isa, IsaError};
pub use engine::{
    Chunk, ConcurrentEngine, Continuation, Distribution, Engine, EngineError, Generation, GenerationRequest,
    PendingGeneration, PositionTop, ScoreRequest, ServedError, ServedFault, TokenName, TokenScores,
};
pub use scripted::{Script, ScriptedEngine};
