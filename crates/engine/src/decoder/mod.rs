//! One decoder for the llama-like families, driven by a configuration read from the file.
//!
//! [`Decoder`] differs from candle-transformers' models in two ways. It returns the logits of
//! every position where asked, which scoring a text in one pass needs and those models cannot
//! do. And the families are values of one [`DecoderConfig`] instead of near-copies of one
//! another, so that a faster kernel is written once.
//!
//! It holds the cache of one sequence; batching is deliberately absent.

mod attention;
mod config;
mod cpu_kernels;
#[expect(clippy::module_inception, reason = "the file is named after the type it holds")]
mod decoder;
mod error;
mod family;
mod feed_forward;
mod gguf_config;
mod gguf_preflight;
mod hf_config;
mod kv_cache;
mod loading;
mod projection;
mod rope;
mod safetensors_header;
mod stored_tensor;
mod tensor_names;
mod weights;

pub use config::{
    Activation, AttentionBias, DecoderConfig, LayerKind, RopeConfig, RopePairing, RopeScaling, Rotation,
};
pub use decoder::{ComputeType, Decoder, DecoderOptions, Logits};
pub use error::DecoderError;
pub use family::Family;
pub use weights::WeightSource;
