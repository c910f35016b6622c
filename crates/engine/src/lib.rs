//! Runs a model: candle in process, from GGUF and safetensors, on CPU and (feature `cuda`) on GPU.
//!
//! [`CandleEngine`] is an [`Engine`](infercost_core::Engine) that runs in process. The one design decision: **one decoder, described by a configuration read from the
//! file** ([`decoder`]), instead of a file per model family. The stock models of candle-transformers return only
//! the last position's logits, and scoring needs every position.
//!
//! Deliberately absent: this crate reads no power meter, knows no price, and fetches nothing.

pub mod candle;
pub mod chat_template;
pub mod decoder;
pub mod tokenizer;

pub use candle::{CandleDevice, CandleEngine, CandleOptions, TextWindow, TextWindows, TextWindowsError};
