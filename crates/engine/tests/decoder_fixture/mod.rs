//! Tiny models of every family with random weights, as safetensors and as GGUF.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device, Tensor};
use infercost_engine::Isa;
use infercost_engine::decoder::{CacheType, Decoder, DecoderError, DecoderOptions, Executor, Logits};
use serde_json::{Value, json};

pub const WIDTH: usize = 64;
pub const INNER: usize = 96;
pub const VOCABULARY: usize = 96;
pub const HEADS: usize = 4;
pub const KV_HEADS: usize = 2;

/// A model in the terms of its `config.json` and the tensor names of safetensors.
pub struct TinyModel {
    pub family: &'static str,
    pub config: Value,
    pub tensors: HashMap<String, Tensor>,
}

/// Deterministic numbers in `-1..1` (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as u32 as f32 / u32::MAX as f32 * 2.0 - 1.0
    }

    pub fn tensor(&mut self, shape: &[usize], size: f32, middle: f32) -> Tensor {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| middle + size * self.next()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }
}

/// Builds a model of a family; `changes` overrides keys of its `config.json`.
pub fn tiny_model(family: &'static str, changes: Value) -> TinyModel {
    let config = tiny_config(family, changes);
    let tensors = tensors(family, &config, head_width(family));
    TinyModel { family, config, tensors }
}

/// The `config.json` alone, for values by which no tensors could be made.
pub fn tiny_config(family: &str, changes: Value) -> Value {
    let head_width = head_width(family);
    let mut config = json!({
        "model_type": if family == "gemma3" { "gemma3_text" } else { family },
        "hidden_size": WIDTH, "intermediate_size": INNER, "vocab_size": VOCABULARY,
        "num_hidden_layers": 3, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "hidden_act": "silu", "tie_word_embeddings": false,
    });

    let own = match family {
        "qwen2" => json!({"sliding_window": 64, "max_window_layers": 3, "use_sliding_window": false}),
        "qwen3" => json!({
            "head_dim": head_width, "attention_bias": false, "sliding_window": null,
            "max_window_layers": 3, "use_sliding_window": false, "tie_word_embeddings": true,
        }),
        "gemma3" => json!({
            "head_dim": head_width, "attention_bias": false, "num_hidden_layers": 7,
            "hidden_activation": "gelu_pytorch_tanh", "rope_theta": 1e6,
            "rope_local_base_freq": 1e4, "final_logit_softcapping": null,
            "attn_logit_softcapping": null, "query_pre_attn_scalar": head_width,
            "sliding_window": 8, "sliding_window_pattern": 6, "tie_word_embeddings": true,
        }),
        "mistral" => json!({"sliding_window": null}),
        "smollm3" => json!({
            "num_hidden_layers": 5, "no_rope_layer_interval": 4, "tie_word_embeddings": true,
            "attention_bias": false,
        }),
        _ => json!({}),
    };

    for source in [own, changes] {
        for (key, value) in source.as_object().unwrap() {
            config[key] = value.clone();
        }
    }

    config
}

pub fn head_width(family: &str) -> usize {
    match family {
        "qwen3" | "gemma3" => 32,
        _ => WIDTH / HEADS,
    }
}

fn tensors(family: &str, config: &Value, head_width: usize) -> HashMap<String, Tensor> {
    let mut numbers = Numbers(7);
    let mut tensors = HashMap::new();
    let mut put = |name: String, shape: &[usize], size: f32, middle: f32| {
        tensors.insert(name, numbers.tensor(shape, size, middle));
    };

    // Gemma stores norms as the difference from one.
    let norm = if family == "gemma3" { 0.0 } else { 1.0 };
    let (q, kv) = (HEADS * head_width, KV_HEADS * head_width);
    put("model.embed_tokens.weight".into(), &[VOCABULARY, WIDTH], 0.8, 0.0);
    put("model.norm.weight".into(), &[WIDTH], 0.3, norm);
    if config["tie_word_embeddings"] == json!(false) {
        put("lm_head.weight".into(), &[VOCABULARY, WIDTH], 0.3, 0.0);
    }

    for layer in 0..config["num_hidden_layers"].as_u64().unwrap() {
        let mut put = |part: &str, shape: &[usize], size: f32, middle: f32| {
            put(format!("model.layers.{layer}.{part}"), shape, size, middle);
        };
        put("input_layernorm.weight", &[WIDTH], 0.3, norm);
        put("post_attention_layernorm.weight", &[WIDTH], 0.3, norm);
        if family == "gemma3" {
            put("pre_feedforward_layernorm.weight", &[WIDTH], 0.3, norm);
            put("post_feedforward_layernorm.weight", &[WIDTH], 0.3, norm);
        }
        if family == "phi3" {
            put("self_attn.qkv_proj.weight", &[q + 2 * kv, WIDTH], 0.3, 0.0);
            put("mlp.gate_up_proj.weight", &[2 * INNER, WIDTH], 0.2, 0.0);
        } else {
            for (part, rows) in [("q", q), ("k", kv), ("v", kv)] {
                put(&format!("self_attn.{part}_proj.weight"), &[rows, WIDTH], 0.3, 0.0);
                if family == "qwen2" || config["attention_bias"] == json!(true) {
                    put(&format!("self_attn.{part}_proj.bias"), &[rows], 0.3, 0.0);
                }
            }
            put("mlp.gate_proj.weight", &[INNER, WIDTH], 0.2, 0.0);
            put("mlp.up_proj.weight", &[INNER, WIDTH], 0.2, 0.0);
        }
        if family == "qwen3" || family == "gemma3" {
            put("self_attn.q_norm.weight", &[head_width], 0.3, norm);
            put("self_attn.k_norm.weight", &[head_width], 0.3, norm);
        }
        put("self_attn.o_proj.weight", &[WIDTH, q], 0.3, 0.0);
        put("mlp.down_proj.weight", &[WIDTH, INNER], 0.2, 0.0);
    }

    tensors
}

impl TinyModel {
    /// Writes `config.json` and `model.safetensors` in the given type.
    pub fn write_safetensors(&self, folder: &Path, dtype: DType) {
        self.write_config(folder);
        candle_core::safetensors::save(&self.converted(dtype), folder.join("model.safetensors")).unwrap();
    }

    /// Writes two shards and their index.
    pub fn write_shards(&self, folder: &Path) {
        self.write_config(folder);
        let mut names: Vec<_> = self.tensors.keys().cloned().collect();
        names.sort();
        let mut map = serde_json::Map::new();
        for (number, part) in names.chunks(names.len().div_ceil(2)).enumerate() {
            let file = format!("model-{number}.safetensors");
            let shard: HashMap<_, _> =
                part.iter().map(|name| (name.clone(), self.tensors[name].clone())).collect();
            candle_core::safetensors::save(&shard, folder.join(&file)).unwrap();
            map.extend(part.iter().map(|name| (name.clone(), json!(file))));
        }
        let index = json!({"weight_map": map}).to_string();
        std::fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    }

    fn write_config(&self, folder: &Path) {
        std::fs::write(folder.join("config.json"), self.config.to_string()).unwrap();
    }

    fn converted(&self, dtype: DType) -> HashMap<String, Tensor> {
        self.tensors.iter().map(|(name, t)| (name.clone(), t.to_dtype(dtype).unwrap())).collect()
    }

    /// Writes a GGUF file as a converter would: other names, norms of Gemma plus one, and
    /// queries and keys of llama and smollm3 permuted to rotate neighbors.
    pub fn write_gguf(&self, folder: &Path, matrices: GgmlDType) -> PathBuf {
        let path = folder.join("model.gguf");
        let metadata = self.gguf_metadata();
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors = self.gguf_tensors(matrices);
        let tensors: Vec<_> = tensors.iter().map(|(name, t)| (name.as_str(), t)).collect();
        let mut file = std::fs::File::create(&path).unwrap();
        gguf_file::write(&mut file, &metadata, &tensors).unwrap();
        path
    }

    pub fn gguf_tensors(&self, matrices: GgmlDType) -> Vec<(String, QTensor)> {
        let mut names: Vec<_> = self.tensors.keys().collect();
        names.sort();
        names
            .into_iter()
            .map(|name| {
                let tensor = self.gguf_values(name);
                let dtype = if tensor.rank() == 2 { matrices } else { GgmlDType::F32 };
                (self.gguf_name(name), QTensor::quantize(&tensor, dtype).unwrap())
            })
            .collect()
    }

    fn gguf_values(&self, name: &str) -> Tensor {
        let tensor = &self.tensors[name];
        if self.family == "gemma3" && name.ends_with("norm.weight") {
            return (tensor + 1.0).unwrap();
        }
        let permuted = matches!(self.family, "llama" | "mistral" | "smollm3");
        let projects = name.contains("q_proj") || name.contains("k_proj");
        if !permuted || !projects {
            return tensor.clone();
        }
        // Row `half · n/2 + i` of each head becomes row `2i + half`.
        let head_width = head_width(self.family);
        let rows = tensor.dim(0).unwrap();
        let order: Vec<u32> = (0..rows)
            .map(|row| {
                let (head, within) = (row / head_width, row % head_width);
                (head * head_width + within % 2 * (head_width / 2) + within / 2) as u32
            })
            .collect();
        tensor.index_select(&Tensor::new(order, &Device::Cpu).unwrap(), 0).unwrap()
    }

    fn gguf_name(&self, name: &str) -> String {
        let gemma = self.family == "gemma3";
        let mut name = name.replace("model.layers.", "blk.");
        for (from, to) in [
            ("model.embed_tokens", "token_embd"),
            ("model.norm", "output_norm"),
            ("lm_head", "output"),
            ("self_attn.qkv_proj", "attn_qkv"),
            ("self_attn.q_proj", "attn_q"),
            ("self_attn.k_proj", "attn_k"),
            ("self_attn.v_proj", "attn_v"),
            ("self_attn.o_proj", "attn_output"),
            ("self_attn.q_norm", "attn_q_norm"),
            ("self_attn.k_norm", "attn_k_norm"),
            ("mlp.gate_up_proj", "ffn_up"),
            ("mlp.gate_proj", "ffn_gate"),
            ("mlp.up_proj", "ffn_up"),
            ("mlp.down_proj", "ffn_down"),
            ("input_layernorm", "attn_norm"),
            ("pre_feedforward_layernorm", "ffn_norm"),
            ("post_feedforward_layernorm", "post_ffw_norm"),
            ("post_attention_layernorm", if gemma { "post_attention_norm" } else { "ffn_norm" }),
        ] {
            name = name.replace(from, to);
        }
        name
    }

    pub fn gguf_metadata(&self) -> Vec<(String, gguf_file::Value)> {
        use gguf_file::Value::{F32, String, U32};
        let architecture = if self.family == "mistral" { "llama" } else { self.family };
        let count = |key: &str| U32(self.config[key].as_u64().unwrap() as u32);
        let number = |key: &str| F32(self.config[key].as_f64().unwrap() as f32);
        let mut values = vec![
            ("block_count", count("num_hidden_layers")),
            ("context_length", count("max_position_embeddings")),
            ("embedding_length", count("hidden_size")),
            ("feed_forward_length", count("intermediate_size")),
            ("attention.head_count", count("num_attention_heads")),
            ("attention.head_count_kv", count("num_key_value_heads")),
            ("attention.layer_norm_rms_epsilon", number("rms_norm_eps")),
            ("rope.freq_base", number("rope_theta")),
            ("rope.dimension_count", U32(head_width(self.family) as u32)),
        ];
        if matches!(self.family, "qwen3" | "gemma3") {
            values.push(("attention.key_length", count("head_dim")));
            values.push(("attention.value_length", count("head_dim")));
        }
        if self.family == "gemma3" {
            values.push(("attention.sliding_window", count("sliding_window")));
        }
        let mut metadata = vec![("general.architecture".to_string(), String(architecture.into()))];
        metadata.extend(values.into_iter().map(|(key, value)| (format!("{architecture}.{key}"), value)));
        metadata
    }
}

/// Tokens without a pattern.
pub fn tokens(count: usize) -> Vec<u32> {
    let mut numbers = Numbers(99);
    (0..count).map(|_| ((numbers.next() + 1.0) / 2.0 * (VOCABULARY - 1) as f32) as u32).collect()
}

/// One way to compute, and how far it may be from the reference, relative to one that only sums in another order.
pub struct Way {
    pub name: String,
    pub options: DecoderOptions,
    pub slack: f32,
}

/// Every executor, at every level of kernels that this processor has.
pub fn ways() -> Vec<Way> {
    let candle = DecoderOptions { executor: Some(Executor::Candle), ..DecoderOptions::default() };
    let mut ways = vec![Way { name: "candle".into(), options: candle, slack: 1.0 }];
    for isa in Isa::available() {
        for (threads, cache_type, slack) in
            [(1, CacheType::F32, 1.0), (3, CacheType::F32, 1.0), (2, CacheType::F16, 100.0)]
        {
            let options = DecoderOptions {
                executor: Some(Executor::Kernels),
                threads: Some(threads),
                isa: Some(isa),
                cache_type: Some(cache_type),
                compute_type: None,
            };
            ways.push(Way { name: format!("{isa:?} {threads} {cache_type:?}"), options, slack });
        }
    }
    ways
}

/// Logits of a forward pass, one row for each token asked for.
pub fn forward(decoder: &mut Decoder, tokens: &[u32], logits: Logits) -> Result<Tensor, DecoderError> {
    decoder.forward(tokens, logits)?;
    let rows = match logits {
        Logits::Last => 1,
        Logits::All => tokens.len(),
    };
    let vocabulary = decoder.vocabulary();
    let values = decoder.logits(0..rows)?.to_vec();
    Ok(Tensor::from_vec(values, (rows, vocabulary), &Device::Cpu)?)
}

/// Largest difference between two tensors of one shape.
pub fn difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}
