//! The weights of a model, packed.

use std::sync::Arc;

use infercost_kernels::{AttentionShape, PackedMatrix, Projection};

use crate::decoder::config::Rotation;

/// The weights of a model.
pub(crate) struct ModelWeights {
    /// The rows of the tokens.
    pub(crate) embedding: Arc<PackedMatrix>,
    pub(crate) layers: Vec<LayerWeights>,
    pub(crate) output_norm: Vec<f32>,
    /// The output layer, which may be the embedding.
    pub(crate) output: Projection,
    /// Bytes read to decode one token.
    pub(crate) bytes_per_token: u64,
}

/// The weights of one layer.
pub(crate) struct LayerWeights {
    pub(crate) rotation: Rotation,
    pub(crate) attention: AttentionShape,
    pub(crate) attention_norm: Vec<f32>,
    /// Query, key and value.
    pub(crate) qkv: Projection,
    pub(crate) qkv_bias: Option<Vec<f32>>,
    pub(crate) query_norm: Option<Vec<f32>>,
    pub(crate) key_norm: Option<Vec<f32>>,
    pub(crate) attention_output: Projection,
    pub(crate) attention_output_bias: Option<Vec<f32>>,
    pub(crate) post_attention_norm: Option<Vec<f32>>,
    pub(crate) feed_forward_norm: Vec<f32>,
    /// Gate and up.
    pub(crate) gate_up: Projection,
    pub(crate) down: Projection,
    pub(crate) post_feed_forward_norm: Option<Vec<f32>>,
}

impl LayerWeights {
    /// Bytes of the matrices.
    pub(crate) fn matrix_bytes(&self) -> usize {
        [&self.qkv, &self.attention_output, &self.gate_up, &self.down]
            .into_iter()
            .map(Projection::bytes_in_memory)
            .sum()
    }

    /// Numbers of the norms and biases.
    pub(crate) fn vector_numbers(&self) -> usize {
        let always = [&self.attention_norm, &self.feed_forward_norm];
        let perhaps = [
            &self.qkv_bias,
            &self.query_norm,
            &self.key_norm,
            &self.attention_output_bias,
            &self.post_attention_norm,
            &self.post_feed_forward_norm,
        ];
        always.into_iter().chain(perhaps.into_iter().flatten()).map(Vec::len).sum()
    }
}
