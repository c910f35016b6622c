//! Headers of weight files: GGUF and safetensors, each read in one place.
//!
//! A header is the first thing that is read of a file from anywhere, so everything that it declares is bounded before
//! memory is taken for it. The one design decision: **what a caller does not need is walked over and not kept**
//! ([`gguf::Metadata`]), so that the same reader makes files out of files and stands guard before a decoder.
//!
//! Nothing here opens a file or knows what a tensor is for.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod entry;
mod error;
pub mod gguf;
pub mod safetensors;
mod tensor_type;

pub use entry::Entry;
pub use error::HeaderError;
pub use tensor_type::TensorType;
