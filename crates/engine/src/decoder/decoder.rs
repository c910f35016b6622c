//! The decoder: tokens in, logits out.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::RmsNorm;

use super::attention::{Attention, Masks};
use super::config::{DecoderConfig, LayerKind, Rotation};
use super::error::DecoderError;
use super::feed_forward::FeedForward;
use super::kv_cache::{KvCache, KvShape};
use super::loading::Loader;
use super::projection::{TokenEmbedding, Weight};
use super::rope::{RotaryRows, RotaryTable};
use super::weights::WeightSource;

/// Choices at loading that the file does not make.
#[derive(Clone, Debug, Default)]
pub struct DecoderOptions {
    /// Number type of activations, cache and plain weights.
    ///
    /// `None` takes F32 on the CPU, for files in a half type too: candle multiplies half
    /// matrices on the CPU slower than F32 ones. On a GPU it takes BF16 for plain files and
    /// F32 for quantized ones, whose kernels take F32.
    pub compute_type: Option<ComputeType>,
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

/// Which positions of a forward pass get logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// The last token's only: what generation needs.
    Last,
    /// Every token's: what teacher-forced scoring needs.
    All,
}

/// A llama-like language model with its cache of one sequence.
#[derive(Debug)]
pub struct Decoder {
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

impl Decoder {
    /// Tokens computed at once. A longer prompt goes in several passes, which bounds the
    /// memory of the attention scores at this many rows a head.
    const LARGEST_PASS: usize = 512;

    /// Opens a model file or folder and loads it, see [`WeightSource::open`].
    ///
    /// # Errors
    /// Those of [`WeightSource::open`] and [`Decoder::load`].
    pub fn open(path: &Path, device: &Device, options: &DecoderOptions) -> Result<Self, DecoderError> {
        Self::load(&WeightSource::open(path)?, device, options)
    }

    /// Loads all weights to the device.
    ///
    /// # Errors
    /// A tensor that is missing or of another shape than the configuration asks for, a file
    /// that cannot be read, or a device without the memory.
    pub fn load(
        source: &WeightSource,
        device: &Device,
        options: &DecoderOptions,
    ) -> Result<Self, DecoderError> {
        let config = source.config().clone();
        let dtype = match options.compute_type {
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
            global_table: RotaryTable::global(&config.rope, dtype, device),
            local_table: RotaryTable::local(&config.rope, dtype, device),
            device: device.clone(),
            dtype,
            layers,
            output_norm,
            output,
            cache,
            weights_bytes_per_token,
            quantization: loader.dominant_encoding().map_or("F32", |encoding| encoding.name()),
            config,
        })
    }

    /// Computes logits of new tokens that follow the cached ones, and caches the tokens.
    ///
    /// The result is F32 of shape `1 × vocabulary` or `tokens × vocabulary`; row `i` holds the
    /// scores of what follows token `i`.
    ///
    /// # Errors
    /// No tokens, a token outside the vocabulary, more tokens than the context holds, or a
    /// failure of the device. The cache is then as before the call.
    pub fn forward(&mut self, tokens: &[u32], logits: Logits) -> Result<Tensor, DecoderError> {
        let cached = self.cache.len();
        let vocabulary = self.config.vocabulary;
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
            return Err(DecoderError::TokenOutOfRange { token: *token, vocabulary });
        }
        let limit = self.config.context_length;
        if tokens.len() > limit.saturating_sub(cached) {
            return Err(DecoderError::ContextExceeded { cached, requested: tokens.len(), limit });
        }
        let result = self.forward_in_passes(tokens, logits);
        if result.is_err() {
            self.cache.truncate(cached);
        }
        result
    }

    /// Forgets every token.
    pub fn clear(&mut self) {
        self.cache.truncate(0);
    }

    /// Forgets the tokens from `length` on, so that a prompt that shares the first `length`
    /// tokens need not compute them again. Longer than [`Decoder::len`] changes nothing.
    pub fn truncate(&mut self, length: usize) {
        self.cache.truncate(length);
    }

    /// Tokens in the cache.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// True if no token is cached.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The configuration read from the file.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Number type of activations and plain weights: `F32`, `F16` or `BF16`.
    pub fn compute_type_name(&self) -> &'static str {
        match self.dtype {
            DType::F16 => "F16",
            DType::BF16 => "BF16",
            _ => "F32",
        }
    }

    /// The device the weights are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of weights read to decode one token, as they lie in memory: the numerator of a
    /// roofline's memory time, <https://doi.org/10.1145/1498765.1498785>. Of the embedding only
    /// one row counts, unless it is also the output layer.
    pub fn weights_bytes_per_token(&self) -> u64 {
        self.weights_bytes_per_token
    }

    /// Bytes of keys and values that each cached token adds.
    pub fn kv_bytes_per_token(&self) -> u64 {
        self.cache.bytes_per_token()
    }

    /// Number of tokens in the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.config.vocabulary
    }

    /// Longest sequence in tokens.
    pub fn context_length(&self) -> usize {
        self.config.context_length
    }

    /// Name of the encoding that most bytes of the file's matrices are in, such as `Q4_1` or
    /// `BF16`.
    pub fn quantization(&self) -> &'static str {
        self.quantization
    }

    fn forward_in_passes(&mut self, tokens: &[u32], logits: Logits) -> Result<Tensor, DecoderError> {
        let mut rows = Vec::new();
        let mut last = None;
        for pass in tokens.chunks(Self::LARGEST_PASS) {
            let hidden = self.pass(pass)?;
            match logits {
                Logits::All => rows.push(self.logits(&hidden)?),
                Logits::Last => last = Some(hidden.narrow(0, pass.len() - 1, 1)?),
            }
        }
        match (rows.as_slice(), last) {
            ([], None) => Err(DecoderError::NoTokens),
            ([], Some(last)) => Ok(self.logits(&last.contiguous()?)?),
            ([single], _) => Ok(single.clone()),
            (several, _) => Ok(Tensor::cat(several, 0)?),
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

    fn logits(&self, hidden: &Tensor) -> candle_core::Result<Tensor> {
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
        let name = |part: &str| format!("blk.{index}.{part}");
        let sandwich = |loader: &mut Loader<'_>, part: &str| {
            config.sandwich_norms.then(|| loader.norm(&name(part), config.width)).transpose()
        };
        Ok(Self {
            kind,
            attention_norm: loader.norm(&name("attn_norm"), config.width)?,
            attention: Attention::load(loader, index, kind.window)?,
            post_attention_norm: sandwich(loader, "post_attention_norm")?,
            feed_forward_norm: loader.norm(&name("ffn_norm"), config.width)?,
            feed_forward: FeedForward::load(loader, index)?,
            post_feed_forward_norm: sandwich(loader, "post_ffw_norm")?,
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
