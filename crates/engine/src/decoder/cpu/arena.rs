//! The memory of forward passes, taken once.

use infercost_kernels::{AttentionParts, Inputs, Isa};

use super::layer::ModelWeights;
use crate::decoder::config::DecoderConfig;

/// Rows of every step of a pass, one a token.
pub(crate) struct Arena {
    /// The residual stream.
    pub(crate) hidden: Vec<f32>,
    /// Queries, keys and values.
    pub(crate) qkv: Vec<f32>,
    /// What attention gives.
    pub(crate) mixed: Vec<f32>,
    /// Gate and up.
    pub(crate) gate_up: Vec<f32>,
    /// What a part of a layer adds to the residual stream.
    pub(crate) projected: Vec<f32>,
    /// Inputs as wide as the residual stream.
    pub(crate) normed: Inputs,
    /// Inputs of the output projection of attention.
    pub(crate) attended: Inputs,
    /// Inputs of the down projection.
    pub(crate) gated: Inputs,
    pub(crate) parts: AttentionParts,
}

impl Arena {
    /// Memory for passes over up to `tokens` tokens.
    pub(crate) fn new(isa: Isa, config: &DecoderConfig, weights: &ModelWeights, tokens: usize) -> Self {
        let layers = &weights.layers;
        let [query_rows, key_rows, value_rows] = config.qkv_rows();
        let of_width = layers.iter().flat_map(|layer| [&layer.qkv, &layer.gate_up]);

        Self {
            hidden: vec![0.0; tokens * config.width],
            qkv: vec![0.0; tokens * (query_rows + key_rows + value_rows)],
            mixed: vec![0.0; tokens * query_rows],
            gate_up: vec![0.0; tokens * 2 * config.feed_forward_width],
            projected: vec![0.0; tokens * config.width],
            normed: Inputs::new(isa, tokens, of_width.chain([&weights.output])),
            attended: Inputs::new(isa, tokens, layers.iter().map(|layer| &layer.attention_output)),
            gated: Inputs::new(isa, tokens, layers.iter().map(|layer| &layer.down)),
            parts: AttentionParts::default(),
        }
    }
}
