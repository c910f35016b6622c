//! Why a run ended early.

use std::sync::atomic::{AtomicBool, Ordering};

use infercost_core::{EngineError, MeterError, PromptId, SinkError, VariantId};
use thiserror::Error;

/// Why a run ended early. What was measured before is with the sink.
#[derive(Debug, Error)]
pub enum HarnessError {
    /// A variant could not be loaded.
    #[error("cannot load {variant}")]
    Load {
        /// Which one.
        variant: VariantId,
        /// Why.
        source: EngineError,
    },
    /// A prompt does not fit a variant's context.
    #[error("prompt `{prompt}` does not fit {variant}")]
    Prompt {
        /// Which prompt.
        prompt: PromptId,
        /// Which variant.
        variant: VariantId,
        /// Why, with the numbers.
        source: EngineError,
    },
    /// The meter could not be started.
    #[error(transparent)]
    Meter(#[from] MeterError),
    /// The runtime or the thread that sends requests could not be started.
    #[error("cannot start what sends requests: {0}")]
    Sender(std::io::Error),
    /// The sink could not keep a fact.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The caller asked for an end.
    #[error("interrupted")]
    Interrupted,
}

impl HarnessError {
    /// An error where the caller wants the run to end.
    pub(crate) fn check(stop: &AtomicBool) -> Result<(), Self> {
        if stop.load(Ordering::Relaxed) { Err(Self::Interrupted) } else { Ok(()) }
    }
}
