//! From the tensors of a file to packed weights.
//!
//! Threads read and pack one tensor each, and drop its bytes before they take the next: memory holds the packed weights
//! and one tensor a thread.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use infercost_kernels::{AttentionShape, Isa, PackedMatrix, Projection, Team, decode_row};

use super::layer::{LayerWeights, ModelWeights};
use crate::decoder::config::{AttentionBias, DecoderConfig};
use crate::decoder::error::DecoderError;
use crate::decoder::stored_tensor::Encoding;
use crate::decoder::weights::WeightSource;

const EMBEDDING: &str = "token_embd";
const OUTPUT: &str = "output";

/// Packed weights, and what was learned on the way.
pub(crate) struct Loaded {
    pub(crate) weights: ModelWeights,
    /// The encoding that most bytes of the file's matrices are in.
    pub(crate) dominant_encoding: Option<Encoding>,
}

/// A matrix to load: its name without `.weight`, and its shape.
struct MatrixPlan {
    name: String,
    rows: usize,
    columns: usize,
}

/// Loads all weights.
///
/// # Errors
/// A tensor that is missing, of another shape than the configuration asks for, or of a type without a kernel; a file
/// that cannot be read.
pub(crate) fn load(source: &WeightSource, isa: Isa, team: &mut Team) -> Result<Loaded, DecoderError> {
    let config = source.config();
    let plans = plan(source, config);

    // Every tensor is looked up before the first is read, so that an error does not come after minutes.
    let mut by_encoding: HashMap<Encoding, u64> = HashMap::new();
    for plan in &plans {
        let name = format!("{}.weight", plan.name);
        let shape = [plan.rows, plan.columns];
        let encoding = source.encoding(&name, &shape)?;
        if encoding.weight_type().is_none() {
            return Err(no_kernel(source, name, encoding));
        }
        *by_encoding.entry(encoding).or_default() += source.stored_bytes(&name, &shape)?;
    }

    let mut loader = Loader { source, config, matrices: pack(source, isa, team, &plans)? };
    let weights = loader.model()?;
    let dominant_encoding = by_encoding
        .into_iter()
        .max_by_key(|(encoding, bytes)| (*bytes, std::cmp::Reverse(encoding.name())))
        .map(|(encoding, _)| encoding);
    Ok(Loaded { weights, dominant_encoding })
}

/// The matrices of a model.
fn plan(source: &WeightSource, config: &DecoderConfig) -> Vec<MatrixPlan> {
    let width = config.width;
    let inner = config.feed_forward_width;
    let [query_rows, key_rows, value_rows] = config.qkv_rows();
    let all_rows = query_rows + key_rows + value_rows;

    let mut plans = vec![MatrixPlan::new(EMBEDDING, config.vocabulary, width)];
    if !config.tied_output {
        plans.push(MatrixPlan::new(OUTPUT, config.vocabulary, width));
    }

    for layer in 0..config.layers.len() {
        let layer_name = format!("blk.{layer}");
        let fused_qkv = format!("{layer_name}.attn_qkv");
        if source.has(&format!("{fused_qkv}.weight")) {
            plans.push(MatrixPlan::new(fused_qkv, all_rows, width));
        } else {
            plans.push(MatrixPlan::new(format!("{layer_name}.attn_q"), query_rows, width));
            plans.push(MatrixPlan::new(format!("{layer_name}.attn_k"), key_rows, width));
            plans.push(MatrixPlan::new(format!("{layer_name}.attn_v"), value_rows, width));
        }
        plans.push(MatrixPlan::new(format!("{layer_name}.attn_output"), width, query_rows));

        let fused_gate = source.gate_up_name(layer);
        let has_gate = source.has(&format!("{layer_name}.ffn_gate.weight"));
        if has_gate || !source.has(&format!("{fused_gate}.weight")) {
            plans.push(MatrixPlan::new(format!("{layer_name}.ffn_gate"), inner, width));
            plans.push(MatrixPlan::new(format!("{layer_name}.ffn_up"), inner, width));
        } else {
            plans.push(MatrixPlan::new(fused_gate, 2 * inner, width));
        }
        plans.push(MatrixPlan::new(format!("{layer_name}.ffn_down"), width, inner));
    }
    plans
}

impl MatrixPlan {
    fn new(name: impl Into<String>, rows: usize, columns: usize) -> Self {
        Self { name: name.into(), rows, columns }
    }
}

/// Reads and packs all matrices, one a thread at a time.
fn pack(
    source: &WeightSource,
    isa: Isa,
    team: &mut Team,
    plans: &[MatrixPlan],
) -> Result<HashMap<String, Arc<PackedMatrix>>, DecoderError> {
    let packed: Vec<Mutex<Option<Result<PackedMatrix, DecoderError>>>> =
        plans.iter().map(|_| Mutex::new(None)).collect();
    team.run(plans.len(), &|piece, _| {
        if let (Some(plan), Some(slot)) = (plans.get(piece), packed.get(piece)) {
            let matrix = pack_one(source, isa, plan);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(matrix);
        }
    });

    let mut matrices = HashMap::with_capacity(plans.len());
    for (plan, slot) in plans.iter().zip(packed) {
        if let Some(matrix) = slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            matrices.insert(plan.name.clone(), Arc::new(matrix?));
        }
    }
    Ok(matrices)
}

fn pack_one(source: &WeightSource, isa: Isa, plan: &MatrixPlan) -> Result<PackedMatrix, DecoderError> {
    let name = format!("{}.weight", plan.name);
    let stored = source.read(&name, &[plan.rows, plan.columns])?;
    let Some(weight_type) = stored.encoding.weight_type() else {
        return Err(no_kernel(source, name, stored.encoding));
    };
    PackedMatrix::pack(isa, weight_type, plan.rows, plan.columns, &stored.bytes)
        .map_err(|error| DecoderError::Packing { path: source.path().into(), tensor: name, source: error })
}

fn no_kernel(source: &WeightSource, tensor: String, encoding: Encoding) -> DecoderError {
    DecoderError::NoKernel { path: source.path().into(), tensor, encoding: encoding.name() }
}

/// Puts packed matrices, norms and biases where they belong.
struct Loader<'a> {
    source: &'a WeightSource,
    config: &'a DecoderConfig,
    matrices: HashMap<String, Arc<PackedMatrix>>,
}

impl Loader<'_> {
    fn model(&mut self) -> Result<ModelWeights, DecoderError> {
        let embedding = self.matrix(EMBEDDING)?;
        let output = if self.config.tied_output { embedding.clone() } else { self.matrix(OUTPUT)? };
        let output = Projection::new([output]);
        let output_norm = self.norm("output_norm", self.config.width)?;
        let layers =
            (0..self.config.layers.len()).map(|index| self.layer(index)).collect::<Result<Vec<_>, _>>()?;

        // Of the embedding one row is read, unless it is also the output layer.
        let embedding_row = embedding.bytes_in_memory().checked_div(self.config.vocabulary).unwrap_or(0);
        let matrices: usize = layers.iter().map(LayerWeights::matrix_bytes).sum();
        let numbers: usize = layers.iter().map(LayerWeights::vector_numbers).sum();
        let vectors = size_of::<f32>() * (numbers + output_norm.len());
        let bytes_per_token = (embedding_row + output.bytes_in_memory() + matrices + vectors) as u64;
        Ok(ModelWeights { embedding, layers, output_norm, output, bytes_per_token })
    }

    fn layer(&mut self, index: usize) -> Result<LayerWeights, DecoderError> {
        let config = self.config;
        let layer_name = format!("blk.{index}");
        let kind = config.layers.get(index).copied().ok_or(DecoderError::NoTokens)?;
        let [query_rows, key_rows, value_rows] = config.qkv_rows();
        let biased = [("attn_q", query_rows), ("attn_k", key_rows), ("attn_v", value_rows)];

        let qkv_bias = match config.attention_bias {
            AttentionBias::None => None,
            AttentionBias::QueryKeyValue | AttentionBias::All => Some(self.biases(index, &biased)?),
        };
        let attention_output_bias = match config.attention_bias {
            AttentionBias::None | AttentionBias::QueryKeyValue => None,
            AttentionBias::All => Some(self.biases(index, &[("attn_output", config.width)])?),
        };

        Ok(LayerWeights {
            rotation: kind.rotation,
            attention: AttentionShape {
                heads: config.heads,
                scale: config.query_scale as f32,
                softcap: config.attention_softcap.map(|cap| cap as f32),
                window: kind.window,
            },
            attention_norm: self.norm(&format!("{layer_name}.attn_norm"), config.width)?,
            qkv: self.projection(
                &format!("{layer_name}.attn_qkv"),
                &[
                    format!("{layer_name}.attn_q"),
                    format!("{layer_name}.attn_k"),
                    format!("{layer_name}.attn_v"),
                ],
            )?,
            qkv_bias,
            query_norm: self.norm_if(
                config.query_key_norm,
                &format!("{layer_name}.attn_q_norm"),
                config.head_width,
            )?,
            key_norm: self.norm_if(
                config.query_key_norm,
                &format!("{layer_name}.attn_k_norm"),
                config.head_width,
            )?,
            attention_output: Projection::new([self.matrix(&format!("{layer_name}.attn_output"))?]),
            attention_output_bias,
            post_attention_norm: self.norm_if(
                config.sandwich_norms,
                &format!("{layer_name}.post_attention_norm"),
                config.width,
            )?,
            feed_forward_norm: self.norm(&format!("{layer_name}.ffn_norm"), config.width)?,
            gate_up: self.projection(
                &self.source.gate_up_name(index),
                &[format!("{layer_name}.ffn_gate"), format!("{layer_name}.ffn_up")],
            )?,
            down: Projection::new([self.matrix(&format!("{layer_name}.ffn_down"))?]),
            post_feed_forward_norm: self.norm_if(
                config.sandwich_norms,
                &format!("{layer_name}.post_ffw_norm"),
                config.width,
            )?,
        })
    }

    /// The fused matrix where the file has one, else its parts.
    fn projection(&mut self, fused: &str, parts: &[String]) -> Result<Projection, DecoderError> {
        // Of a file with parts, phi3's name for the fused matrix is that of one part.
        if !parts.iter().all(|part| self.matrices.contains_key(part)) && self.matrices.contains_key(fused) {
            return Ok(Projection::new([self.matrix(fused)?]));
        }
        let parts = parts.iter().map(|part| self.matrix(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(Projection::new(parts))
    }

    fn matrix(&mut self, name: &str) -> Result<Arc<PackedMatrix>, DecoderError> {
        self.matrices.get(name).cloned().ok_or_else(|| DecoderError::MissingTensor {
            path: self.source.path().into(),
            tensor: format!("{name}.weight"),
        })
    }

    fn norm_if(&self, wanted: bool, name: &str, length: usize) -> Result<Option<Vec<f32>>, DecoderError> {
        wanted.then(|| self.norm(name, length)).transpose()
    }

    /// The weight of a norm, as it multiplies.
    fn norm(&self, name: &str, length: usize) -> Result<Vec<f32>, DecoderError> {
        let mut weight = self.vector(&format!("{name}.weight"), length)?;
        if self.config.norm_weight_plus_one {
            for weight in &mut weight {
                *weight += 1.0;
            }
        }
        Ok(weight)
    }

    /// Biases side by side.
    fn biases(&self, layer: usize, parts: &[(&str, usize)]) -> Result<Vec<f32>, DecoderError> {
        let mut biases = Vec::new();
        for (part, length) in parts {
            biases.extend(self.vector(&format!("blk.{layer}.{part}.bias"), *length)?);
        }
        Ok(biases)
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, DecoderError> {
        let stored = self.source.read(name, &[length])?;
        let Some(weight_type) = stored.encoding.weight_type() else {
            return Err(no_kernel(self.source, name.into(), stored.encoding));
        };

        let mut vector = vec![0.0; length];
        decode_row(weight_type, &stored.bytes, &mut vector);
        Ok(vector)
    }
}
