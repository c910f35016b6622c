//! Causal attention with grouped queries.

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::RmsNorm;

use super::kv_cache::KvCache;
use super::loading::Loader;
use super::projection::Projections;
use super::rotary::RotaryRows;
use crate::decoder::config::{AttentionBias, DecoderConfig};
use crate::decoder::error::DecoderError;

/// The attention part of one layer.
#[derive(Debug)]
pub(crate) struct Attention {
    qkv: Projections,
    output: Projections,
    query_norm: Option<RmsNorm>,
    key_norm: Option<RmsNorm>,
    layer: usize,
    heads: usize,
    kv_heads: usize,
    head_width: usize,
    query_scale: f64,
    softcap: Option<f64>,
    window: Option<usize>,
}

impl Attention {
    pub(crate) fn load(
        loader: &mut Loader<'_>,
        layer: usize,
        window: Option<usize>,
    ) -> Result<Self, DecoderError> {
        let config: &DecoderConfig = loader.config;
        let [q, k, v] = config.qkv_rows();
        let layer_name = format!("blk.{layer}");
        let output_name = format!("{layer_name}.attn_output");
        let parts = [
            (format!("{layer_name}.attn_q"), q),
            (format!("{layer_name}.attn_k"), k),
            (format!("{layer_name}.attn_v"), v),
        ];
        let bias = config.attention_bias;
        let (normed, head_width) = (config.query_key_norm, config.head_width);

        Ok(Self {
            qkv: loader.projections(
                &format!("{layer_name}.attn_qkv"),
                &parts,
                config.width,
                bias != AttentionBias::None,
            )?,
            output: loader.projections(
                &output_name,
                &[(output_name.clone(), config.width)],
                q,
                bias == AttentionBias::All,
            )?,
            query_norm: loader.norm_if(normed, &format!("{layer_name}.attn_q_norm"), head_width)?,
            key_norm: loader.norm_if(normed, &format!("{layer_name}.attn_k_norm"), head_width)?,
            layer,
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_width: config.head_width,
            query_scale: config.query_scale,
            softcap: config.attention_softcap,
            window,
        })
    }

    /// Maps `tokens × width` to the same shape, reading and extending the cache.
    pub(crate) fn forward(
        &self,
        input: &Tensor,
        rotation: Option<&RotaryRows<'_>>,
        masks: &mut Masks,
        cache: &mut KvCache,
    ) -> candle_core::Result<Tensor> {
        let tokens = input.dim(0)?;
        let cached = cache.len();
        let qkv = self.qkv.apply(input)?;
        let (q_rows, kv_rows) = (self.heads * self.head_width, self.kv_heads * self.head_width);
        let mut q = self.heads_of(&qkv, 0, self.heads)?;
        let mut k = self.heads_of(&qkv, q_rows, self.kv_heads)?;
        let v = self.heads_of(&qkv, q_rows + kv_rows, self.kv_heads)?;

        if let (Some(query_norm), Some(key_norm)) = (&self.query_norm, &self.key_norm) {
            q = query_norm.forward(&q)?;
            k = key_norm.forward(&k)?;
        }

        if let Some(rotation) = rotation {
            q = rotation.rotate(&q)?;
            k = rotation.rotate(&k)?;
        }

        // The first key that any of these queries sees.
        let first = self.window.map_or(0, |window| (cached + 1).saturating_sub(window));
        let (k, v) = cache.append(self.layer, &k, &v, first)?;
        let seen = k.dim(1)?;

        // Queries that share a key head become rows of one product, so that keys and values
        // are never repeated.
        let group = self.heads / self.kv_heads;
        let q = (q.reshape((self.kv_heads, group * tokens, self.head_width))? * self.query_scale)?;
        let mut scores = q.matmul(&k.t()?)?;
        if let Some(cap) = self.softcap {
            scores = ((scores / cap)?.tanh()? * cap)?;
        }
        if tokens > 1 {
            let mask = masks.get(tokens, cached, first, self.window)?;
            scores = scores.reshape((self.heads, tokens, seen))?.broadcast_add(&mask)?.reshape((
                self.kv_heads,
                group * tokens,
                seen,
            ))?;
        }

        let weights = candle_nn::ops::softmax_last_dim(&scores)?;
        let mixed = weights
            .matmul(&v)?
            .reshape((self.heads, tokens, self.head_width))?
            .transpose(0, 1)?
            .reshape((tokens, q_rows))?;
        self.output.apply(&mixed)
    }

    /// Heads that lie side by side from column `start` on, as `heads × tokens × head width`.
    fn heads_of(&self, qkv: &Tensor, start: usize, heads: usize) -> candle_core::Result<Tensor> {
        qkv.narrow(1, start, heads * self.head_width)?
            .reshape((qkv.dim(0)?, heads, self.head_width))?
            .transpose(0, 1)?
            .contiguous()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.qkv.bytes() + self.output.bytes()
    }
}

/// Masks of one forward pass, one for each window size.
#[derive(Debug)]
pub(crate) struct Masks {
    dtype: DType,
    device: Device,
    made: Vec<(Option<usize>, Tensor)>,
}

impl Masks {
    pub(crate) fn new(dtype: DType, device: &Device) -> Self {
        Self { dtype, device: device.clone(), made: Vec::new() }
    }

    /// `tokens × seen`: zero where a query sees a key, minus infinity elsewhere. Row `i` is
    /// position `cached + i`, column `j` is position `first + j`.
    fn get(
        &mut self,
        tokens: usize,
        cached: usize,
        first: usize,
        window: Option<usize>,
    ) -> candle_core::Result<Tensor> {
        if let Some((_, mask)) = self.made.iter().find(|(made, _)| *made == window) {
            return Ok(mask.clone());
        }
        let seen = cached + tokens - first;
        let window_size = window.unwrap_or(usize::MAX);
        let values: Vec<f32> = (cached..cached + tokens)
            .flat_map(|query| {
                (first..first + seen).map(move |key| {
                    let visible = key <= query && query - key < window_size;
                    if visible { 0.0 } else { f32::NEG_INFINITY }
                })
            })
            .collect();
        let mask = Tensor::from_vec(values, (tokens, seen), &Device::Cpu)?
            .to_dtype(self.dtype)?
            .to_device(&self.device)?;
        self.made.push((window, mask.clone()));
        Ok(mask)
    }
}
