//! One decoder for the llama-like families, driven by a configuration read from the file.
//!
//! [`Decoder`] differs from candle-transformers' models in three ways. It returns the logits of
//! every position where asked, which scoring a text in one pass needs and those models cannot
//! do. The families are values of one [`DecoderConfig`] instead of near-copies of one
//! another, so that a faster kernel is written once. And it has two executors: fused kernels of our own for CPUs
//! ([`Executor::Kernels`]), and candle's tensors ([`Executor::Candle`]).
//!
//! It holds the cache of one sequence; batching is deliberately absent.

mod config;
mod cpu;
mod error;
mod executor;
mod family;
mod free_memory;
mod frequencies;
mod gguf_config;
mod hf_config;
mod options;
mod regular_file;
mod safetensors_header;
mod stored_tensor;
mod tensor;
mod tensor_names;
mod tensor_place;
mod weights;

pub use config::{
    Activation, AttentionBias, DecoderConfig, LayerKind, RopeConfig, RopePairing, RopeScaling, Rotation,
};
pub use error::DecoderError;
pub use executor::{Decoder, ExecutorIdentity};
pub use family::Family;
pub use infercost_kernels::CacheType;
pub use options::{ComputeType, DecoderOptions, Executor, Logits};
pub use weights::WeightSource;
