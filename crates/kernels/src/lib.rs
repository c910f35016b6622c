//! Matrix products of quantized weights on CPUs.
//!
//! A [`PackedMatrix`] holds a weight matrix of a GGUF file in the order in which a level of instructions ([`Isa`])
//! reads it. [`Activations`] hold the inputs, rounded to 8 bits the way llama.cpp rounds them for that
//! [`WeightType`], or as they are. Products of 8-bit codes are exact integers, so what levels differ in is the order
//! of additions in single precision.
//!
//! This is the one crate of infercost with `unsafe` code of its own: instructions that Rust cannot check, and
//! buffers of which each thread writes its own part.

#![allow(unsafe_code)]

mod activations;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod buffer;
mod format;
mod isa;
mod layout;
mod matmul;
mod output;
mod packed;
mod packing;
mod portable;
mod scratch;
mod weight_type;

pub use activations::{ActivationForm, Activations};
pub use format::decode_row;
pub use isa::{ISA_VARIABLE, Isa, IsaError};
pub use output::Output;
pub use packed::{PackError, PackedMatrix};
pub use scratch::Scratch;
pub use weight_type::WeightType;

/// Rows of a panel: what one register of 512 bits holds in single precision.
pub const PANEL_ROWS: usize = 16;
