//! Choices at loading that the file does not make.

use infercost_kernels::{CacheType, Isa};

/// Choices at loading that the file does not make. What is `None` is chosen for the processor.
#[derive(Clone, Debug, Default)]
pub struct DecoderOptions {
    /// What computes on the CPU; a GPU always takes [`Executor::Candle`].
    pub executor: Option<Executor>,
    /// Threads of the fused decoder, the calling one included; `None` is one for each processor that the program may
    /// use.
    pub threads: Option<usize>,
    /// Level of the fused decoder's kernels; `None` is what `INFERCOST_ISA` says, else the fastest.
    pub isa: Option<Isa>,
    /// How the fused decoder keeps keys and values; `None` is half precision where the level converts it in one
    /// instruction, else single precision.
    pub cache_type: Option<CacheType>,
    /// Number type of activations, cache and plain weights of [`Executor::Candle`].
    ///
    /// `None` takes F32 on the CPU, for files in a half type too: candle multiplies half
    /// matrices on the CPU slower than F32 ones. On a GPU it takes BF16 for plain files and
    /// F32 for quantized ones, whose kernels take F32.
    pub compute_type: Option<ComputeType>,
}

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// The fused decoder on kernels of our own.
    Kernels,
    /// The decoder on candle's tensors.
    Candle,
}

impl Executor {
    /// What computes on this kind of CPU.
    ///
    /// On x86-64 our kernels. On others candle: its products of quantized matrices are written for NEON, and ours are
    /// plain loops there.
    pub const ON_THIS_CPU: Self = if cfg!(target_arch = "x86_64") { Self::Kernels } else { Self::Candle };
}

/// Number type of activations, cache and plain weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComputeType {
    /// 32-bit floating point.
    F32,
    /// IEEE half precision; overflows above 65,504.
    F16,
    /// Half the bits of F32 with all of its range.
    Bf16,
}

/// Which tokens of a forward pass can be asked for logits afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// The last one: what generation needs.
    Last,
    /// Every one: what teacher-forced scoring needs.
    All,
}
