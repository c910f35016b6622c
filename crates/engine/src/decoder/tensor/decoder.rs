//! The decoder over candle's tensors: tokens in, logits out.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::RmsNorm;

use super::attention::{Attention, Masks};
use super::feed_forward::FeedForward;
use super::kv_cache::{KvCache, KvShape};
use super::loading::Loader;
use super::projection::{TokenEmbedding, Weight};
use super::rotary::{RotaryRows, RotaryTable};
use crate::decoder::config::{DecoderConfig, LayerKind, Rotation};
use crate::decoder::error::DecoderError;
use crate::decoder::frequencies::Frequencies;
use crate::decoder::options::{ComputeType, Logits};
use crate::decoder::weights::WeightSource;

/// A llama-like language model on candle's tensors, with its cache of one sequence.
#[derive(Debug)]
pub(crate) struct TensorDecoder {
    config: DecoderConfig,
    device: Device,
    dtype: DType,
    embedding: TokenEmbedding,
    layers: Vec<Layer>,
    output_norm: RmsNorm,
    output: Arc<Weight>,
    global_table: RotaryTable,
    local_table: RotaryTable,
    cache: KvCache,
    /// States of the last pass's tokens that logits can be computed of.
    kept: Option<Tensor>,
    logits: Vec<f32>,
    weights_bytes_per_token: u64,
    quantization: &'static str,
}

#[derive(Debug)]
struct Layer {
    kind: LayerKind,
    attention_norm: RmsNorm,
    attention: Attention,
    post_attention_norm: Option<RmsNorm>,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
    post_feed_forward_norm: Option<RmsNorm>,
}

impl TensorDecoder {
    /// Tokens computed at once. A longer prompt goes in several passes, which bounds the
    /// memory of the attention scores at this many rows a head.
    const LARGEST_PASS: usize = 512;

    /// Loads all weights to the device.
    ///
    /// # Errors
    /// A tensor that is missing or of another shape than the configuration asks for, a file
    /// that cannot be read, or a device without the memory.
    pub(crate) fn load(
        source: &WeightSource,
        device: &Device,
        compute_type: Option<ComputeType>,
    ) -> Result<Self, DecoderError> {
        let config = source.config().clone();
        let dtype = match compute_type {
            Some(ComputeType::F32) => DType::F32,
            Some(ComputeType::F16) => DType::F16,
            Some(ComputeType::Bf16) => DType::BF16,
            None if device.is_cpu() || source.gguf().is_some() => DType::F32,
            None => DType::BF16,
        };

        let mut loader = Loader::new(source, device, dtype);
        let stored = loader.matrix("token_embd.weight", config.vocabulary, config.width)?;
        let embedding = Arc::new(loader.weight(stored)?);
        let output = if config.tied_output {
            embedding.clone()
        } else {
            let stored = loader.matrix("output.weight", config.vocabulary, config.width)?;
            Arc::new(loader.weight(stored)?)
        };

        let output_norm = loader.norm("output_norm", config.width)?;
        let mut layers = Vec::with_capacity(config.layers.len());
        for (index, kind) in config.layers.iter().enumerate() {
            layers.push(Layer::load(&mut loader, index, *kind)?);
        }

        let embedding_row = embedding.bytes() / config.vocabulary as u64;
        let weights_bytes_per_token = loader.vector_bytes
            + embedding_row
            + output.bytes()
            + layers.iter().map(Layer::bytes).sum::<u64>();

        let cache = KvCache::new(
            layers.len(),
            KvShape {
                kv_heads: config.kv_heads,
                head_width: config.head_width,
                context_length: config.context_length,
                dtype,
                device: device.clone(),
            },
        );

        Ok(Self {
            embedding: TokenEmbedding::new(embedding, config.embedding_scale, dtype),
            global_table: RotaryTable::new(Frequencies::global(&config.rope), &config.rope, dtype, device),
            local_table: RotaryTable::new(Frequencies::local(&config.rope), &config.rope, dtype, device),
            device: device.clone(),
            dtype,
            layers,
            output_norm,
            output,
            cache,
            kept: None,
            logits: Vec::new(),
            weights_bytes_per_token,
            quantization: loader.dominant_encoding().map_or("F32", |encoding| encoding.name()),
            config,
        })
    }

    /// Reads new tokens that follow the cached ones, and caches them. A failure leaves the cache as before the call.
    pub(crate) fn forward(&mut self, tokens: &[u32], logits: Logits) -> Result<(), DecoderError> {
        let cached = self.cache.len();
        self.kept = None;
        match self.forward_in_passes(tokens, logits) {
            Ok(kept) => {
                self.kept = Some(kept);
                Ok(())
            }
            Err(error) => {
                self.cache.truncate(cached);
                Err(error)
            }
        }
    }

    /// Logits of kept states, row after row.
    pub(crate) fn logits(&mut self, rows: Range<usize>) -> Result<&mut [f32], DecoderError> {
        let kept = self.kept.as_ref().ok_or(DecoderError::NoTokens)?;
        let hidden = kept.narrow(0, rows.start, rows.len())?.contiguous()?;
        self.logits = self.compute_logits(&hidden)?.flatten_all()?.to_vec1()?;
        Ok(&mut self.logits)
    }

    pub(crate) fn config(&self) -> &DecoderConfig {
        &self.config
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.cache.truncate(length);
    }

    pub(crate) fn len(&self) -> usize {
        self.cache.len()
    }

    /// Number type of activations and plain weights: `F32`, `F16` or `BF16`.
    pub(crate) fn compute_type_name(&self) -> &'static str {
        match self.dtype {
            DType::F16 => "F16",
            DType::BF16 => "BF16",
            _ => "F32",
        }
    }

    /// Bytes of weights read to decode one token, as they lie in memory: the numerator of a
    /// roofline's memory time, <https://doi.org/10.1145/1498765.1498785>. Of the embedding only
    /// one row counts, unless it is also the output layer.
    pub(crate) fn weights_bytes_per_token(&self) -> u64 {
        self.weights_bytes_per_token
    }

    /// Bytes of keys and values that each cached token adds.
    pub(crate) fn kv_bytes_per_token(&self) -> u64 {
        self.cache.bytes_per_token()
    }

    /// Name of the encoding that most bytes of the file's matrices are in, such as `Q4_1` or
    /// `BF16`.
    pub(crate) fn quantization(&self) -> &'static str {
        self.quantization
    }

    /// The states of the tokens that logits can be wanted of.
    fn forward_in_passes(&mut self, tokens: &[u32], logits: Logits) -> Result<Tensor, DecoderError> {
        let mut kept = Vec::new();
        for pass in tokens.chunks(Self::LARGEST_PASS) {
            let hidden = self.pass(pass)?;
            match logits {
                Logits::All => kept.push(hidden),
                Logits::Last => kept = vec![hidden.narrow(0, pass.len() - 1, 1)?.contiguous()?],
            }
        }

        match kept.as_slice() {
            [] => Err(DecoderError::NoTokens),
            [single] => Ok(single.clone()),
            several => Ok(Tensor::cat(several, 0)?),
        }
    }

    /// Runs the layers over up to [`Self::LARGEST_PASS`] tokens: `tokens × width`.
    fn pass(&mut self, tokens: &[u32]) -> candle_core::Result<Tensor> {
        let cached = self.cache.len();
        let end = cached + tokens.len();
        self.cache.reserve(tokens.len())?;
        self.global_table.extend(end)?;
        self.local_table.extend(end)?;
        let global = self.global_table.rows(cached, tokens.len())?;
        let local = self.local_table.rows(cached, tokens.len())?;

        let mut masks = Masks::new(self.dtype, &self.device);
        let tokens_tensor = Tensor::new(tokens, &self.device)?;
        let mut hidden = self.embedding.rows(&tokens_tensor)?;
        for layer in &self.layers {
            let rotation = match layer.kind.rotation {
                Rotation::None => None,
                Rotation::Global => Some(&global),
                Rotation::Local => Some(&local),
            };
            hidden = layer.forward(hidden, rotation, &mut masks, &mut self.cache)?;
        }

        self.cache.advance(tokens.len());
        Ok(hidden)
    }

    fn compute_logits(&self, hidden: &Tensor) -> candle_core::Result<Tensor> {
        let logits = self.output.apply(&self.output_norm.forward(hidden)?)?.to_dtype(DType::F32)?;
        match self.config.output_softcap {
            Some(cap) => (logits / cap)?.tanh()? * cap,
            None => Ok(logits),
        }
    }
}

impl Layer {
    fn load(loader: &mut Loader<'_>, index: usize, kind: LayerKind) -> Result<Self, DecoderError> {
        let config = loader.config;
        let sandwich = config.sandwich_norms;

        Ok(Self {
            kind,
            attention_norm: loader.norm(&format!("blk.{index}.attn_norm"), config.width)?,
            attention: Attention::load(loader, index, kind.window)?,
            post_attention_norm: loader.norm_if(
                sandwich,
                &format!("blk.{index}.post_attention_norm"),
                config.width,
            )?,
            feed_forward_norm: loader.norm(&format!("blk.{index}.ffn_norm"), config.width)?,
            feed_forward: FeedForward::load(loader, index)?,
            post_feed_forward_norm: loader.norm_if(
                sandwich,
                &format!("blk.{index}.post_ffw_norm"),
                config.width,
            )?,
        })
    }

    fn forward(
        &self,
        input: Tensor,
        rotation: Option<&RotaryRows<'_>>,
        masks: &mut Masks,
        cache: &mut KvCache,
    ) -> candle_core::Result<Tensor> {
        let normed = self.attention_norm.forward(&input)?;
        let attended = self.attention.forward(&normed, rotation, masks, cache)?;
        let hidden = (input + optional(&self.post_attention_norm, attended)?)?;

        let normed = self.feed_forward_norm.forward(&hidden)?;
        let fed = self.feed_forward.forward(&normed)?;
        hidden + optional(&self.post_feed_forward_norm, fed)?
    }

    fn bytes(&self) -> u64 {
        self.attention.bytes() + self.feed_forward.bytes()
    }
}

fn optional(norm: &Option<RmsNorm>, input: Tensor) -> candle_core::Result<Tensor> {
    match norm {
        Some(norm) => norm.forward(&input),
        None => Ok(input),
    }
}
