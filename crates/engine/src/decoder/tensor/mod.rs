//! The decoder over candle's tensors: on a GPU, on processors without kernels of our own, and as the reference that the
//! fused decoder is tested against.

mod attention;
mod decoder;
mod feed_forward;
mod kv_cache;
mod loading;
mod projection;
mod rotary;

pub(crate) use decoder::TensorDecoder;
