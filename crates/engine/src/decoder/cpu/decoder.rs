//! The fused decoder: tokens in, logits out.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use infercost_kernels::{
    CacheType, GateFunction, Isa, KeyAndValue, KvCache, Pairing, Queries, RotaryTable, Team, add, gate,
    log_softmax, rms_norm, rms_norm_in_place, scale, softcap,
};

use super::arena::Arena;
use super::layer::{LayerWeights, ModelWeights};
use super::loading;
use crate::decoder::config::{Activation, DecoderConfig, RopePairing, Rotation};
use crate::decoder::error::DecoderError;
use crate::decoder::frequencies::Frequencies;
use crate::decoder::options::{DecoderOptions, Logits};
use crate::decoder::weights::WeightSource;

/// A llama-like language model on kernels for CPUs, with its cache of one sequence.
pub(crate) struct CpuDecoder {
    config: DecoderConfig,
    isa: Isa,
    team: Team,
    weights: ModelWeights,
    tables: Tables,
    caches: Vec<KvCache>,
    /// Tokens cached.
    length: usize,
    arena: Arena,
    kept: Kept,
    logits: Vec<f32>,
    quantization: &'static str,
}

/// The rotations that layers use.
struct Tables {
    global: RotaryTable,
    local: RotaryTable,
}

/// States of the residual stream after the last layer, of which logits can be computed.
#[derive(Default)]
struct Kept {
    rows: Vec<f32>,
    count: usize,
}

/// What a part of a layer adds to the residual stream.
struct Residual<'a> {
    isa: Isa,
    projected: &'a [f32],
    bias: Option<&'a [f32]>,
    norm: Option<&'a [f32]>,
    epsilon: f32,
}

impl CpuDecoder {
    /// Tokens computed at once. A longer prompt goes in several passes, which bounds the memory of a pass.
    const LARGEST_PASS: usize = 512;

    /// Loads all weights.
    ///
    /// # Errors
    /// A tensor that is missing, of another shape than the configuration asks for, or of a type without a kernel; a
    /// file that cannot be read; a level that the processor lacks; threads that the system does not start.
    pub(crate) fn load(source: &WeightSource, options: &DecoderOptions) -> Result<Self, DecoderError> {
        let config = source.config().clone();
        let isa = match options.isa {
            Some(isa) => isa,
            None => Isa::from_environment()?,
        };
        let threads = options.threads.unwrap_or_else(processors);
        let mut team = Team::new(threads).map_err(|source| DecoderError::Threads { threads, source })?;

        let loaded = loading::load(source, isa, &mut team)?;
        let longest_pass = Self::LARGEST_PASS.min(config.context_length);
        let arena = Arena::new(isa, &config, &loaded.weights, longest_pass);

        let cache_type = options.cache_type.unwrap_or(usual_cache_type(isa));
        let caches = config.layers.iter();
        let caches = caches.map(|_| KvCache::new(cache_type, config.kv_heads, config.head_width)).collect();
        Ok(Self {
            tables: Tables::new(&config),
            isa,
            team,
            weights: loaded.weights,
            caches,
            length: 0,
            arena,
            kept: Kept::default(),
            logits: Vec::new(),
            quantization: loaded.dominant_encoding.map_or("F32", |encoding| encoding.name()),
            config,
        })
    }

    /// Reads new tokens that follow the cached ones, and caches them. The caller has checked that they fit.
    pub(crate) fn forward(&mut self, tokens: &[u32], logits: Logits) -> Result<(), DecoderError> {
        self.kept.count = 0;
        if tokens.is_empty() {
            return Err(DecoderError::NoTokens);
        }
        self.reserve(self.length + tokens.len());

        let width = self.config.width;
        for pass in tokens.chunks(Self::LARGEST_PASS) {
            self.pass(pass);
            self.length += pass.len();

            let computed = self.arena.hidden.get(..pass.len() * width).unwrap_or_default();
            match logits {
                Logits::All => self.kept.push(computed, width),
                Logits::Last => self.kept.set(computed.rchunks(width).next().unwrap_or_default(), width),
            }
        }
        Ok(())
    }

    /// Logits of kept states, row after row.
    pub(crate) fn logits(&mut self, rows: Range<usize>) -> Result<&mut [f32], DecoderError> {
        let Self { config, isa, team, weights, arena, kept, logits, .. } = self;
        let (isa, width, vocabulary) = (*isa, config.width, config.vocabulary);
        let epsilon = config.rms_epsilon as f32;
        if rows.start > rows.end || rows.end > kept.count {
            return Err(DecoderError::NoTokens);
        }

        let states = kept.rows.get_mut(rows.start * width..rows.end * width).unwrap_or_default();
        if logits.len() < rows.len() * vocabulary {
            logits.resize(rows.len() * vocabulary, 0.0);
        }
        let logits = logits.get_mut(..rows.len() * vocabulary).unwrap_or_default();

        let most = Self::LARGEST_PASS.min(config.context_length);
        let parts = states.chunks_mut(most * width).zip(logits.chunks_mut(most * vocabulary));
        for (states, logits) in parts {
            let count = states.len() / width;
            team.fill(&weights.output, &mut arena.normed, count, states, width, |_, state, input| {
                rms_norm(isa, state, &weights.output_norm, epsilon, input);
            });
            team.multiply(&weights.output, &arena.normed, count, logits);
        }

        if let Some(cap) = config.output_softcap {
            team.change(rows.len(), logits, vocabulary, |_, row, _| softcap(isa, row, cap as f32));
        }
        Ok(logits)
    }

    /// ln-probabilities of what follows kept tokens, row after row.
    ///
    /// # Errors
    /// [`DecoderError::NotFinite`] with the number of the row in place of a position.
    pub(crate) fn ln_probabilities(&mut self, rows: Range<usize>) -> Result<&mut [f32], DecoderError> {
        let first = rows.start;
        let count = rows.len();
        self.logits(rows)?;

        let vocabulary = self.config.vocabulary;
        let logits = self.logits.get_mut(..count * vocabulary).unwrap_or_default();
        let isa = self.isa;
        let damaged = AtomicUsize::new(usize::MAX);
        self.team.change(count, logits, vocabulary, |row, logits, _| {
            if !log_softmax(isa, logits) {
                damaged.fetch_min(row, Ordering::Relaxed);
            }
        });

        match damaged.into_inner() {
            usize::MAX => Ok(logits),
            row => Err(DecoderError::NotFinite { position: first + row }),
        }
    }

    /// Forgets the tokens from `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Makes room for `tokens` tokens, so that no pass up to there takes memory.
    pub(crate) fn reserve(&mut self, tokens: usize) {
        let tokens = tokens.min(self.config.context_length);
        for cache in &mut self.caches {
            cache.reserve(tokens, self.length, self.config.context_length);
        }
        self.tables.global.extend(tokens);
        self.tables.local.extend(tokens);
    }

    pub(crate) fn config(&self) -> &DecoderConfig {
        &self.config
    }

    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }

    pub(crate) fn threads(&self) -> usize {
        self.team.threads()
    }

    pub(crate) fn cache_type(&self) -> CacheType {
        self.caches.first().map_or(CacheType::F32, KvCache::cache_type)
    }

    pub(crate) fn quantization(&self) -> &'static str {
        self.quantization
    }

    pub(crate) fn weights_bytes_per_token(&self) -> u64 {
        self.weights.bytes_per_token
    }

    pub(crate) fn kv_bytes_per_token(&self) -> u64 {
        let numbers = 2 * self.config.layers.len() * self.config.kv_heads * self.config.head_width;
        (numbers * self.cache_type().bytes()) as u64
    }

    /// Runs the layers over some tokens; the residual stream stays in the arena.
    fn pass(&mut self, tokens: &[u32]) {
        let Self { config, isa, team, weights, tables, caches, length, arena, .. } = self;
        let (isa, width, count) = (*isa, config.width, tokens.len());
        let epsilon = config.rms_epsilon as f32;
        let embedding_scale = config.embedding_scale as f32;

        team.change(count, &mut arena.hidden, width, |token, hidden, _| {
            let token = tokens.get(token).copied().unwrap_or(0);
            weights.embedding.row_as_f32(token as usize, hidden);
            if (embedding_scale - 1.0).abs() > f32::EPSILON {
                scale(isa, hidden, embedding_scale);
            }
        });

        // What a layer adds last is added when the next one begins, so that a row is touched once.
        let mut before: Option<&LayerWeights> = None;
        for (layer, cache) in weights.layers.iter().zip(caches.iter_mut()) {
            let projected = arena.projected.as_slice();
            let residual = before.map(|before| Residual::feed_forward(isa, before, projected, epsilon));
            team.fill(
                &layer.qkv,
                &mut arena.normed,
                count,
                &mut arena.hidden,
                width,
                |token, hidden, input| {
                    if let Some(residual) = &residual {
                        residual.add_to(token, hidden, input);
                    }
                    rms_norm(isa, hidden, &layer.attention_norm, epsilon, input);
                },
            );

            attend(team, isa, config, layer, tables, cache, *length, count, arena);

            let residual = Residual::attention(isa, layer, &arena.projected, epsilon);
            team.fill(
                &layer.gate_up,
                &mut arena.normed,
                count,
                &mut arena.hidden,
                width,
                |token, hidden, input| {
                    residual.add_to(token, hidden, input);
                    rms_norm(isa, hidden, &layer.feed_forward_norm, epsilon, input);
                },
            );

            feed_forward(team, isa, config, layer, count, arena);
            before = Some(layer);
        }

        if let Some(before) = before {
            let residual = Residual::feed_forward(isa, before, &arena.projected, epsilon);
            team.change(count, &mut arena.hidden, width, |token, hidden, scratch| {
                residual.add_to(token, hidden, scratch);
            });
        }
    }
}

/// The attention part of a layer: from normed inputs to what it adds, in the arena.
#[expect(clippy::too_many_arguments, reason = "parts of one decoder, which the borrow checker wants apart")]
fn attend(
    team: &mut Team,
    isa: Isa,
    config: &DecoderConfig,
    layer: &LayerWeights,
    tables: &Tables,
    cache: &mut KvCache,
    cached: usize,
    count: usize,
    arena: &mut Arena,
) {
    let [query_rows, key_rows, value_rows] = config.qkv_rows();
    let stride = query_rows + key_rows + value_rows;
    let epsilon = config.rms_epsilon as f32;

    team.multiply(&layer.qkv, &arena.normed, count, &mut arena.qkv);

    team.cache(count, &mut arena.qkv, stride, cache, cached, |token, row| {
        if let Some(bias) = &layer.qkv_bias {
            add(isa, row, bias);
        }

        let (queries, rest) = row.split_at_mut(query_rows);
        let (keys, _) = rest.split_at_mut(key_rows);
        if let (Some(query_norm), Some(key_norm)) = (&layer.query_norm, &layer.key_norm) {
            for head in queries.chunks_exact_mut(config.head_width) {
                rms_norm_in_place(isa, head, query_norm, epsilon);
            }
            for head in keys.chunks_exact_mut(config.head_width) {
                rms_norm_in_place(isa, head, key_norm, epsilon);
            }
        }

        if let Some(table) = tables.of(layer.rotation) {
            table.rotate(isa, queries, config.head_width, cached + token);
            table.rotate(isa, keys, config.head_width, cached + token);
        }
        let values = query_rows + key_rows;
        KeyAndValue { key: query_rows..values, value: values..stride }
    });

    let queries = Queries { rows: &arena.qkv, stride, tokens: count, first_position: cached };
    let mixed = arena.mixed.get_mut(..count * query_rows).unwrap_or_default();
    team.attend(isa, &layer.attention, queries, cache, &mut arena.parts, mixed);

    team.fill(&layer.attention_output, &mut arena.attended, count, mixed, query_rows, |_, mixed, input| {
        input.copy_from_slice(mixed);
    });
    team.multiply(&layer.attention_output, &arena.attended, count, &mut arena.projected);
}

/// The feed-forward part of a layer: from normed inputs to what it adds, in the arena.
fn feed_forward(
    team: &mut Team,
    isa: Isa,
    config: &DecoderConfig,
    layer: &LayerWeights,
    count: usize,
    arena: &mut Arena,
) {
    let inner = config.feed_forward_width;
    let function = match config.activation {
        Activation::Silu => GateFunction::Silu,
        Activation::GeluTanh => GateFunction::GeluTanh,
    };

    team.multiply(&layer.gate_up, &arena.normed, count, &mut arena.gate_up);
    team.fill(&layer.down, &mut arena.gated, count, &mut arena.gate_up, 2 * inner, |_, row, input| {
        let (gates, ups) = row.split_at(inner);
        gate(isa, function, gates, ups, input);
    });
    team.multiply(&layer.down, &arena.gated, count, &mut arena.projected);
}

impl<'a> Residual<'a> {
    fn attention(isa: Isa, layer: &'a LayerWeights, projected: &'a [f32], epsilon: f32) -> Self {
        Self {
            isa,
            projected,
            bias: layer.attention_output_bias.as_deref(),
            norm: layer.post_attention_norm.as_deref(),
            epsilon,
        }
    }

    fn feed_forward(isa: Isa, layer: &'a LayerWeights, projected: &'a [f32], epsilon: f32) -> Self {
        Self { isa, projected, bias: None, norm: layer.post_feed_forward_norm.as_deref(), epsilon }
    }

    /// Adds a token's row to its place in the residual stream; `scratch` is as wide.
    fn add_to(&self, token: usize, hidden: &mut [f32], scratch: &mut [f32]) {
        let width = hidden.len();
        let row = self.projected.get(token * width..(token + 1) * width).unwrap_or_default();
        if self.bias.is_none() && self.norm.is_none() {
            add(self.isa, hidden, row);
            return;
        }

        scratch.copy_from_slice(row);
        if let Some(bias) = self.bias {
            add(self.isa, scratch, bias);
        }
        if let Some(norm) = self.norm {
            rms_norm_in_place(self.isa, scratch, norm, self.epsilon);
        }
        add(self.isa, hidden, scratch);
    }
}

impl Tables {
    fn new(config: &DecoderConfig) -> Self {
        let pairing = match config.rope.pairing {
            RopePairing::Halves => Pairing::Halves,
            RopePairing::Neighbors => Pairing::Neighbors,
        };
        let global = Frequencies::global(&config.rope);
        let local = Frequencies::local(&config.rope);
        Self {
            global: RotaryTable::new(global.radians, global.magnitude, pairing),
            local: RotaryTable::new(local.radians, local.magnitude, pairing),
        }
    }

    fn of(&self, rotation: Rotation) -> Option<&RotaryTable> {
        match rotation {
            Rotation::None => None,
            Rotation::Global => Some(&self.global),
            Rotation::Local => Some(&self.local),
        }
    }
}

impl Kept {
    /// Appends rows.
    fn push(&mut self, rows: &[f32], width: usize) {
        self.rows.truncate(self.count * width);
        self.rows.extend_from_slice(rows);
        self.count = self.rows.len().checked_div(width).unwrap_or(0);
    }

    /// Keeps these rows alone.
    fn set(&mut self, rows: &[f32], width: usize) {
        self.count = 0;
        self.push(rows, width);
    }
}

/// Half precision halves what attention reads, where the level has an instruction that widens it.
fn usual_cache_type(isa: Isa) -> CacheType {
    if isa == Isa::Portable { CacheType::F32 } else { CacheType::F16 }
}

/// Processors that this program may use.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
