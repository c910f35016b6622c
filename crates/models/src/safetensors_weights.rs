//! The weights of a safetensors folder, under the names, order and metadata of GGUF.
//!
//! The families whose weights and tokenizer are written the same way: llama (with mistral and smollm), qwen2
//! and qwen3. Others are refused by name.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use infercost_weights::gguf::{DEFAULT_ALIGNMENT, TensorInfo};
use infercost_weights::{Entry, TensorType};
use serde_json::Value;

use crate::error::ModelError;
use crate::file_text::escaped;
use crate::hash::file_name;
use crate::hf_tokenizer::tokenizer_entries;
use crate::json_file::json_file;
use crate::numbers::decode;
use crate::parts::{safetensors_in, weight_map};
use crate::safetensors_header;
use crate::weights::{Weights, overflow, read_at};

/// A folder of safetensors files with its configuration and tokenizer.
pub(crate) struct SafetensorsWeights {
    folder: PathBuf,
    entries: Vec<Entry>,
    tensors: Vec<TensorInfo>,
    places: HashMap<String, Place>,
    files: Vec<(PathBuf, File)>,
}

/// Where a tensor's numbers lie.
struct Place {
    file: usize,
    start: u64,
    /// Heads whose rows GGUF stores in another order; `None` where the order is the same.
    heads: Option<u64>,
}

/// The numbers of `config.json` that are needed.
struct Shape {
    architecture: &'static str,
    heads: u64,
    key_heads: u64,
    is_tied: bool,
}

impl SafetensorsWeights {
    pub(crate) fn open(folder: &Path) -> Result<Self, ModelError> {
        let config = json_file(&folder.join("config.json"))?;
        let (shape, mut entries) = configuration(folder, &config)?;
        let vocabulary = number(folder, &config, "vocab_size")?;
        entries.extend(tokenizer_entries(folder, &config, vocabulary)?);
        let map = weight_map(folder)?;

        let (mut tensors, mut places, mut files) = (Vec::new(), HashMap::new(), Vec::new());
        for path in safetensors_in(folder)? {
            let header = safetensors_header::read(&path)?;
            for (name, about) in &header.tensors {
                if name.ends_with("rotary_emb.inv_freq") {
                    continue;
                }
                let holder = map.as_ref().and_then(|map| map.get(name)?.as_str());
                if holder.is_some_and(|holder| *holder != *file_name(&path)) {
                    continue;
                }
                if name == "lm_head.weight" && shape.is_tied {
                    continue;
                }
                let (tensor, start) = placed(&path, name, about, header.data_offset, header.file_bytes)?;
                let heads = match (shape.architecture, tensor.name.rsplit('.').nth(1)) {
                    ("llama", Some("attn_q")) => Some(shape.heads),
                    ("llama", Some("attn_k")) => Some(shape.key_heads),
                    _ => None,
                };
                let rows = tensor.dimensions.get(1).copied().unwrap_or(tensor.width());
                if heads.is_some_and(|heads| heads == 0 || !rows.is_multiple_of(heads.saturating_mul(2))) {
                    return Err(ModelError::bad(
                        &path,
                        format!("tensor `{name}` does not divide into heads"),
                    ));
                }
                if places.insert(tensor.name.clone(), Place { file: files.len(), start, heads }).is_some() {
                    return Err(ModelError::bad(&path, format!("tensor `{name}` stands twice")));
                }
                tensors.push(tensor);
            }
            let file = File::open(&path).map_err(ModelError::io(&path, "open"))?;
            files.push((path, file));
        }

        let blocks = number(folder, &config, "num_hidden_layers")?;
        for needed in needed(blocks.min(10_000)) {
            if !places.contains_key(&needed) {
                return Err(ModelError::bad(folder, format!("the weights lack what GGUF calls `{needed}`")));
            }
        }

        tensors.sort_by_key(|tensor: &TensorInfo| order(&tensor.name));
        Ok(Self { folder: folder.to_owned(), entries, tensors, places, files })
    }
}

impl Weights for SafetensorsWeights {
    fn path(&self) -> &Path {
        &self.folder
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn alignment(&self) -> u64 {
        DEFAULT_ALIGNMENT
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn rows(&mut self, tensor: &TensorInfo, first: u64, count: u64) -> Result<Vec<f32>, ModelError> {
        let missing = || ModelError::bad(&self.folder, format!("tensor `{}` is not there", tensor.name));
        let place = self.places.get(&tensor.name).ok_or_else(missing)?;
        let (path, file) = self.files.get_mut(place.file).ok_or_else(missing)?;

        // A bias of the attention's rows is permuted like the rows themselves.
        let is_vector = tensor.dimensions.len() == 1;
        let width = if is_vector && place.heads.is_some() { 1 } else { tensor.width() };
        let (first, count) =
            if is_vector && place.heads.is_some() { (0, tensor.width()) } else { (first, count) };
        let all_rows = tensor.elements().checked_div(width).unwrap_or(0);
        let row_bytes = tensor.kind.bytes_for(width).ok_or_else(|| overflow(path, tensor))?;
        let at = |row: u64| row.checked_mul(row_bytes).and_then(|skipped| skipped.checked_add(place.start));

        let mut bytes = Vec::new();
        match place.heads {
            None => {
                let length = row_bytes.checked_mul(count).ok_or_else(|| overflow(path, tensor))?;
                bytes = read_at(file, path, at(first).ok_or_else(|| overflow(path, tensor))?, length)?;
            }
            Some(heads) => {
                for row in first..first.saturating_add(count) {
                    let start =
                        at(published_row(row, all_rows / heads)).ok_or_else(|| overflow(path, tensor))?;
                    bytes.append(&mut read_at(file, path, start, row_bytes)?);
                }
            }
        }

        let numbers = count.checked_mul(width).and_then(|numbers| usize::try_from(numbers).ok());
        decode(tensor.kind, &bytes, numbers.ok_or_else(|| overflow(path, tensor))?)
            .map_err(|reason| ModelError::bad(path, format!("tensor `{}`: {reason}", tensor.name)))
    }
}

/// The published row that stands at `row` in GGUF's order. Published weights rotate a head's first half with its
/// second; GGUF's llama rotates neighbors, so its rows alternate between the halves.
fn published_row(row: u64, head_rows: u64) -> u64 {
    let (head, inside) = (row / head_rows, row % head_rows);
    head * head_rows + (inside % 2) * (head_rows / 2) + inside / 2
}

fn configuration(folder: &Path, config: &Value) -> Result<(Shape, Vec<Entry>), ModelError> {
    let kind = config.get("model_type").and_then(Value::as_str).unwrap_or("none");
    let architecture = match kind {
        "llama" | "mistral" | "smollm" => "llama",
        "qwen2" => "qwen2",
        "qwen3" => "qwen3",
        other => {
            return Err(unsupported(
                folder,
                format!(
                    "safetensors of the family `{}` cannot be quantized here; llama, mistral, qwen2 and qwen3 can\nhint: \
                 start from the model's F32, F16 or BF16 GGUF",
                    escaped(other)
                ),
            ));
        }
    };

    let rope =
        config.get("rope_scaling").filter(|scaling| !scaling.is_null()).or(config.get("rope_parameters"));
    let scaling = rope.and_then(|rope| rope.get("rope_type").or(rope.get("type"))).and_then(Value::as_str);
    if let Some(scaling) = scaling.filter(|scaling| *scaling != "default") {
        return Err(unsupported(
            folder,
            format!(
                "its rotary scaling `{}` is not carried over\nhint: start from the model's F16 GGUF",
                escaped(scaling)
            ),
        ));
    }

    let theta = config
        .get("rope_theta")
        .or_else(|| rope.and_then(|rope| rope.get("rope_theta")))
        .and_then(Value::as_f64)
        .unwrap_or(10_000.0);
    let heads = number(folder, config, "num_attention_heads")?;
    let width = number(folder, config, "hidden_size")?;

    let key_heads = config.get("num_key_value_heads").and_then(Value::as_u64).unwrap_or(heads);
    let head_width = config.get("head_dim").and_then(Value::as_u64).or(width.checked_div(heads)).unwrap_or(0);
    let epsilon = config
        .get("rms_norm_eps")
        .and_then(Value::as_f64)
        .ok_or_else(|| ModelError::bad(folder, "config.json has no rms_norm_eps"))?;

    let entries = vec![
        Entry::text("general.architecture", architecture),
        Entry::text("general.type", "model"),
        Entry::text("general.name", &escaped(&model_name(folder, config))),
        Entry::u32(
            own(architecture, "block_count"),
            small(folder, number(folder, config, "num_hidden_layers")?)?,
        ),
        Entry::u32(
            own(architecture, "context_length"),
            small(folder, number(folder, config, "max_position_embeddings")?)?,
        ),
        Entry::u32(own(architecture, "embedding_length"), small(folder, width)?),
        Entry::u32(
            own(architecture, "feed_forward_length"),
            small(folder, number(folder, config, "intermediate_size")?)?,
        ),
        Entry::u32(own(architecture, "attention.head_count"), small(folder, heads)?),
        Entry::u32(own(architecture, "attention.head_count_kv"), small(folder, key_heads)?),
        Entry::u32(own(architecture, "attention.key_length"), small(folder, head_width)?),
        Entry::u32(own(architecture, "attention.value_length"), small(folder, head_width)?),
        Entry::u32(own(architecture, "rope.dimension_count"), small(folder, head_width)?),
        Entry::f32(own(architecture, "rope.freq_base"), theta as f32),
        Entry::f32(own(architecture, "attention.layer_norm_rms_epsilon"), epsilon as f32),
        Entry::u32(own(architecture, "vocab_size"), small(folder, number(folder, config, "vocab_size")?)?),
    ];

    let is_tied = config.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(false);
    Ok((Shape { architecture, heads, key_heads, is_tied }, entries))
}

fn unsupported(folder: &Path, reason: String) -> ModelError {
    ModelError::Unsupported { path: folder.to_owned(), reason }
}

/// A number that GGUF keeps in 32 bits.
fn small(folder: &Path, value: u64) -> Result<u32, ModelError> {
    u32::try_from(value).map_err(|_| ModelError::bad(folder, "config.json: a number is too large"))
}

/// A key of the architecture's own.
fn own(architecture: &str, key: &str) -> String {
    format!("{architecture}.{key}")
}

fn model_name(folder: &Path, config: &Value) -> String {
    let stated = config.get("_name_or_path").and_then(Value::as_str).filter(|name| !name.is_empty());
    // A hub snapshot's folder is named by its commit, its repository two folders up.
    let repository = folder
        .parent()
        .and_then(Path::parent)
        .and_then(Path::file_name)
        .and_then(|name| name.to_str()?.strip_prefix("models--")?.rsplit("--").next().map(str::to_owned));
    repository.or_else(|| stated.map(str::to_owned)).unwrap_or_else(|| crate::hash::file_name(folder))
}

fn number(folder: &Path, config: &Value, key: &str) -> Result<u64, ModelError> {
    config
        .get(key)
        .and_then(Value::as_u64)
        .filter(|value| *value > 0)
        .ok_or_else(|| ModelError::bad(folder, format!("config.json has no {key}")))
}

/// A tensor under its GGUF name, and where its numbers start in the file.
fn placed(
    path: &Path,
    name: &str,
    about: &Value,
    data: u64,
    bytes: u64,
) -> Result<(TensorInfo, u64), ModelError> {
    let kind = match about.get("dtype").and_then(Value::as_str) {
        Some("F32") => TensorType::F32,
        Some("F16") => TensorType::F16,
        Some("BF16") => TensorType::BF16,
        _ => return Err(bad(path, name, "is neither F32, F16 nor BF16")),
    };
    let mut dimensions = numbers(about, "shape").ok_or_else(|| bad(path, name, "has no shape"))?;
    dimensions.reverse();

    let offsets = numbers(about, "data_offsets");
    let Some([start, end]) = offsets.as_deref() else { return Err(bad(path, name, "has no data_offsets")) };
    let gguf = gguf_name(name).ok_or_else(|| bad(path, name, "is not known in this family"))?;
    let tensor = TensorInfo { name: gguf, dimensions, kind, offset: 0 };
    if tensor.dimensions.is_empty() || tensor.dimensions.len() > 4 || tensor.dimensions.contains(&0) {
        return Err(bad(path, name, "has an impossible shape"));
    }
    if tensor.bytes() != end.checked_sub(*start) || data.checked_add(*end).is_none_or(|end| end > bytes) {
        return Err(bad(path, name, "does not fit the file: cut short or damaged"));
    }

    Ok((tensor, data + start))
}

fn bad(path: &Path, name: &str, reason: &str) -> ModelError {
    ModelError::bad(path, format!("tensor `{name}` {reason}"))
}

/// A list of whole numbers.
fn numbers(about: &Value, key: &str) -> Option<Vec<u64>> {
    about.get(key)?.as_array()?.iter().map(Value::as_u64).collect()
}

/// The GGUF name of a published one; `None` where it is not known.
fn gguf_name(name: &str) -> Option<String> {
    let name = name.strip_prefix("model.").unwrap_or(name);
    match name {
        "embed_tokens.weight" => return Some("token_embd.weight".into()),
        "norm.weight" => return Some("output_norm.weight".into()),
        "lm_head.weight" => return Some("output.weight".into()),
        _ => {}
    }

    let (block, rest) = name.strip_prefix("layers.")?.split_once('.')?;
    let block: u32 = block.parse().ok()?;
    let (part, end) = rest.rsplit_once('.')?;
    let part = match part {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" => "ffn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    ["weight", "bias"].contains(&end).then(|| format!("blk.{block}.{part}.{end}"))
}

/// Tensors without which there is no model.
fn needed(blocks: u64) -> impl Iterator<Item = String> {
    const PARTS: [&str; 9] = [
        "attn_norm",
        "attn_q",
        "attn_k",
        "attn_v",
        "attn_output",
        "ffn_norm",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
    ];

    let blocks =
        (0..blocks).flat_map(|block| PARTS.iter().map(move |part| format!("blk.{block}.{part}.weight")));
    ["token_embd.weight".to_owned(), "output_norm.weight".to_owned()].into_iter().chain(blocks)
}

/// Embedding, blocks in order, the rest.
fn order(name: &str) -> (u64, u64, String) {
    let block = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next()?.parse().ok());
    let group = if name.starts_with("token_embd") { 0 } else { 1 + u64::from(block.is_none()) };
    (group, block.unwrap_or(0), name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check =
            |name: &str, wanted: Option<&str>| assert_eq!(gguf_name(name).as_deref(), wanted, "{name}");
        check("model.embed_tokens.weight", Some("token_embd.weight"));
        check("model.layers.12.self_attn.q_proj.bias", Some("blk.12.attn_q.bias"));
        check("model.layers.0.post_attention_layernorm.weight", Some("blk.0.ffn_norm.weight"));
        check("lm_head.weight", Some("output.weight"));
        check("model.layers.x.mlp.up_proj.weight", None);
        check("model.layers.0.mlp.experts.0.weight", None);
    }

    #[test]
    fn rows_alternate_between_the_halves_of_a_head() {
        let rows: Vec<u64> = (0..8).map(|row| published_row(row, 4)).collect();
        assert_eq!(rows, [0, 2, 1, 3, 4, 6, 5, 7]);
    }
}
