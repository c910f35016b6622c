//! The gated feed-forward part, <https://arxiv.org/abs/2002.05202>.

use candle_core::{DType, Tensor};

use super::config::Activation;
use super::cpu_kernels::Gate;
use super::error::DecoderError;
use super::loading::Loader;
use super::projection::Projections;

/// The feed-forward part of one layer.
#[derive(Debug)]
pub(crate) struct FeedForward {
    gate_up: Projections,
    down: Projections,
    inner_width: usize,
    activation: Activation,
}

impl FeedForward {
    pub(crate) fn load(loader: &mut Loader<'_>, layer: usize) -> Result<Self, DecoderError> {
        let config = loader.config;
        let (width, inner_width) = (config.width, config.feed_forward_width);
        let name = |part: &str| format!("blk.{layer}.{part}");
        // A GGUF file without a gate has it in the upper half of `ffn_up` (phi3).
        let fused = if loader.source.has(&format!("{}.weight", name("ffn_gate"))) {
            name("ffn_gate_up")
        } else if loader.source.gguf().is_some() {
            name("ffn_up")
        } else {
            name("ffn_gate_up")
        };
        Ok(Self {
            gate_up: Projections::load(
                loader,
                &fused,
                &[(name("ffn_gate"), inner_width), (name("ffn_up"), inner_width)],
                width,
                false,
            )?,
            down: Projections::load(
                loader,
                &name("ffn_down"),
                &[(name("ffn_down"), width)],
                inner_width,
                false,
            )?,
            inner_width,
            activation: config.activation,
        })
    }

    /// Maps `tokens × width` to the same shape.
    pub(crate) fn forward(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        let gate_up = self.gate_up.apply(input)?;
        if gate_up.device().is_cpu() && gate_up.dtype() == DType::F32 && gate_up.is_contiguous() {
            return self.down.apply(&gate_up.apply_op1_no_bwd(&Gate(self.activation))?);
        }
        let gate = gate_up.narrow(1, 0, self.inner_width)?;
        let up = gate_up.narrow(1, self.inner_width, self.inner_width)?;
        let gate = match self.activation {
            Activation::Silu => gate.silu()?,
            Activation::GeluTanh => gate.gelu()?,
        };
        self.down.apply(&(gate * up)?)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.gate_up.bytes() + self.down.bytes()
    }
}
