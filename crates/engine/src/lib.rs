//! Runs a model in process, from GGUF and safetensors: on kernels of our own on CPUs, with candle on GPUs (feature
//! `cuda`).
//!
//! [`InProcessEngine`] is an [`Engine`](infercost_core::Engine) that runs in process. The one design decision: **one
//! decoder, described by a configuration read from the
//! file** ([`decoder`]), instead of a file per model family. The stock models of candle-transformers return only
//! the last position's logits, and scoring needs every position.
//!
//! Deliberately absent: this crate reads no power meter, knows no price, and fetches nothing.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

pub mod chat_template;
pub mod decoder;
pub mod in_process;
pub mod tokenizer;

pub use in_process::{
    DistributionRows, Distributions, InProcessEngine, InProcessOptions, ModelDevice, TextWindow, TextWindows,
    TextWindowsError,
};
pub use infercost_kernels::{ISA_VARIABLE, Isa, IsaError, WeightType, evict, product_peak};
