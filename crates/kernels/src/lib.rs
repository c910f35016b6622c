//! The steps of a forward pass on CPUs: products of quantized weights, attention, and what lies between them.
//!
//! A [`PackedMatrix`] holds a weight matrix of a GGUF file in the order in which a level of instructions ([`Isa`])
//! reads it. [`Activations`] hold the inputs, rounded to 8 bits the way llama.cpp rounds them for that
//! [`WeightType`], or as they are. Products of 8-bit codes are exact integers, so what levels differ in is the order
//! of additions in single precision.
//!
//! A [`Team`] of threads shares the work, one phase at a time: [`Team::multiply`], [`Team::attend`], [`Team::fill`].
//! Results are the same bits at any number of threads.
//!
//! This is the one crate of infercost with `unsafe` code of its own: instructions that Rust cannot check, and
//! buffers of which each thread writes its own part.
#![cfg_attr(not(test), warn(clippy::expect_used))]
#![allow(
    clippy::indexing_slicing,
    reason = "inner loops index rows whose lengths are checked at the entry of each product, so that the compiler drops the bounds check; `get` would keep a branch per element"
)]
#![allow(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod activations;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod buffer;
mod eviction;
mod format;
mod gate;
mod huge_pages;
mod isa;
mod job;
mod kv_cache;
mod lanes;
mod layout;
mod matmul;
mod norm;
mod output;
mod packed;
mod packing;
mod panel;
mod peak;
mod phases;
mod portable;
mod projection;
mod reduce;
mod rope;
mod rounding;
mod scratch;
mod team;
mod weight_type;

pub use activations::{ActivationForm, Activations};
pub use attention::{AttentionParts, AttentionShape, Queries};
pub use eviction::evict;
pub use format::decode_row;
pub use gate::{GateFunction, gate, softcap};
pub use isa::{ISA_VARIABLE, Isa, IsaError};
pub use kv_cache::{CacheType, KvCache};
pub use norm::{add, rms_norm, rms_norm_in_place, scale};
pub use output::Output;
pub use packed::{PackError, PackedMatrix};
pub use peak::product_peak;
pub use phases::KeyAndValue;
pub use projection::{Inputs, Projection};
pub use reduce::{argmax, log_softmax};
pub use rope::{Pairing, RotaryTable};
pub use scratch::Scratch;
pub use team::{LINGER, MOST_THREADS, SPIN, Team, Work, Workspace};
pub use weight_type::WeightType;

/// Rows of a panel: what one register of 512 bits holds in single precision.
pub const PANEL_ROWS: usize = 16;
