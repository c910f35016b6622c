//! The gated feed-forward part, <https://arxiv.org/abs/2002.05202>.

use candle_core::Tensor;

use super::loading::Loader;
use super::projection::Projections;
use crate::decoder::config::Activation;
use crate::decoder::error::DecoderError;

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
        let layer_name = format!("blk.{layer}");
        let down_name = format!("{layer_name}.ffn_down");

        Ok(Self {
            gate_up: loader.projections(
                &loader.source.gate_up_name(layer),
                &[
                    (format!("{layer_name}.ffn_gate"), inner_width),
                    (format!("{layer_name}.ffn_up"), inner_width),
                ],
                width,
                false,
            )?,
            down: loader.projections(&down_name, &[(down_name.clone(), width)], inner_width, false)?,
            inner_width,
            activation: config.activation,
        })
    }

    /// Maps `tokens × width` to the same shape.
    pub(crate) fn forward(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        let gate_up = self.gate_up.apply(input)?;
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
