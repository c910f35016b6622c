//! What a model file says of itself, for `infercost models inspect`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::error::ModelError;
use crate::file_text::escaped;
use crate::gguf::GgufHeader;
use crate::hash::file_name;
use crate::json_file::json_file;
use crate::parts::{ggufs_in, safetensors_in};
use crate::safetensors_header;

/// A model file's own account. Texts are escaped and bounded; what the file does not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The file or folder.
    pub path: PathBuf,
    /// `GGUF 3` or `safetensors`.
    pub format: String,
    /// Bytes of weights files.
    pub bytes: u64,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// `llama`, `gemma3`, …
    pub architecture: Option<String>,
    /// The model's name.
    pub name: Option<String>,
    /// The license that the file names.
    pub license: Option<String>,
    /// Longest context, in tokens.
    pub context: Option<u64>,
    /// Tokens in the vocabulary.
    pub vocabulary: Option<u64>,
    /// `gpt2 (smollm)`: the tokenizer's kind and its pre-tokenizer.
    pub tokenizer: Option<String>,
    /// Whether a chat template is there.
    pub chat_template: bool,
    /// How a file made by infercost came to be.
    pub made: Option<String>,
    /// Tensors by number format.
    pub tensor_types: Vec<TensorTypeCount>,
}

/// The tensors of one number format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorTypeCount {
    /// `Q4_K`.
    pub name: String,
    /// How many tensors.
    pub tensors: u64,
    /// Numbers in them.
    pub parameters: u64,
}

/// Reads a `.gguf` file's or a safetensors folder's account of itself; the weights are not read.
///
/// # Errors
/// [`ModelError`] where it cannot be read, or is damaged.
pub fn inspect(path: &Path) -> Result<Inspection, ModelError> {
    if path.is_dir() { folder(path) } else { gguf(path) }
}

fn gguf(path: &Path) -> Result<Inspection, ModelError> {
    let header = GgufHeader::read(path)?;
    let architecture = header.text("general.architecture");
    let family = architecture.as_deref().unwrap_or_default();
    let kind = shown(&header, "tokenizer.ggml.model");
    let pre = shown(&header, "tokenizer.ggml.pre");

    let mut types = BTreeMap::new();
    for tensor in &header.tensors {
        count(&mut types, tensor.kind.name(), tensor.elements());
    }
    let made = header
        .text(crate::gguf::PROVENANCE_KEY)
        .and_then(|text| serde_json::from_str::<infercost_core::manifest::Provenance>(&text).ok())
        .map(|provenance| escaped(&provenance.to_string()));
    Ok(Inspection {
        path: path.to_owned(),
        format: format!("GGUF {}", header.version),
        bytes: header.file_bytes,
        parameters: header.tensors.iter().fold(0, |sum, tensor| sum.saturating_add(tensor.elements())),
        name: shown(&header, "general.name"),
        license: shown(&header, "general.license"),
        context: header.number(&format!("{family}.context_length")),
        vocabulary: header
            .entry("tokenizer.ggml.tokens")
            .and_then(infercost_weights::Entry::array_length)
            .or_else(|| header.number(&format!("{family}.vocab_size"))),
        tokenizer: kind.map(|kind| pre.map_or_else(|| kind.clone(), |pre| format!("{kind} ({pre})"))),
        chat_template: header.text("tokenizer.chat_template").is_some_and(|text| !text.trim().is_empty()),
        made,
        tensor_types: listed(types),
        architecture: architecture.map(|name| escaped(&name)),
    })
}

fn folder(path: &Path) -> Result<Inspection, ModelError> {
    let files = safetensors_in(path)?;
    if files.is_empty() {
        let ggufs: Vec<String> = ggufs_in(path)?.iter().map(|file| escaped(&file_name(file))).collect();
        let reason = if ggufs.is_empty() {
            "the folder holds neither .gguf nor .safetensors files".to_owned()
        } else {
            format!("the folder holds several models; name one of {}", ggufs.join(", "))
        };
        return Err(ModelError::bad(path, reason));
    }

    let mut types = BTreeMap::new();
    let (mut bytes, mut parameters) = (0u64, 0u64);
    for file in &files {
        bytes = bytes.saturating_add(fs::metadata(file).map_err(ModelError::io(file, "open"))?.len());
        for tensor in safetensors_header::read(file)?.tensors.values() {
            let kind = tensor.get("dtype").and_then(Value::as_str).unwrap_or("unknown");
            let shape = tensor.get("shape").and_then(Value::as_array);
            let elements = shape
                .into_iter()
                .flatten()
                .fold(1u64, |product, extent| product.saturating_mul(extent.as_u64().unwrap_or(0)));
            count(&mut types, &escaped(kind), elements);
            parameters = parameters.saturating_add(elements);
        }
    }

    let config = json_file(&path.join("config.json"))?;
    let tokenizer = json_file(&path.join("tokenizer_config.json")).ok();
    Ok(Inspection {
        path: path.to_owned(),
        format: "safetensors".into(),
        bytes,
        parameters,
        architecture: text_of(config.get("model_type")),
        name: Some(escaped(&file_name(path))),
        license: None,
        context: config.get("max_position_embeddings").and_then(Value::as_u64),
        vocabulary: config.get("vocab_size").and_then(Value::as_u64),
        tokenizer: tokenizer.as_ref().and_then(|config| text_of(config.get("tokenizer_class"))),
        chat_template: path.join("chat_template.jinja").is_file()
            || tokenizer.is_some_and(|config| config.get("chat_template").is_some()),
        made: None,
        tensor_types: listed(types),
    })
}

fn shown(header: &GgufHeader, key: &str) -> Option<String> {
    header.text(key).map(|text| escaped(&text))
}

fn text_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(escaped)
}

fn count(types: &mut BTreeMap<String, (u64, u64)>, name: &str, elements: u64) {
    let entry = types.entry(name.to_owned()).or_default();
    entry.0 += 1;
    entry.1 = entry.1.saturating_add(elements);
}

/// Largest share first.
fn listed(types: BTreeMap<String, (u64, u64)>) -> Vec<TensorTypeCount> {
    let mut listed: Vec<TensorTypeCount> = types
        .into_iter()
        .map(|(name, (tensors, parameters))| TensorTypeCount { name, tensors, parameters })
        .collect();
    listed.sort_by(|a, b| b.parameters.cmp(&a.parameters).then(a.name.cmp(&b.name)));
    listed
}
