//! The fused decoder for CPUs, on the kernels of `infercost-kernels`.
//!
//! A layer is five products and attention, each a phase that a team of threads shares; what lies between them (norms,
//! residuals, rotation, gates, the rounding of activations) is done along the way, on rows that are in the cache of the
//! processor already. Memory is taken at loading, and when the cache of keys and values grows; a token takes none.

mod arena;
mod decoder;
mod layer;
mod loading;

pub(crate) use decoder::CpuDecoder;
