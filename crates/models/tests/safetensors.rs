//! Safetensors folders: names, order of rows, tokenizer; and those that are refused.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::Path;

use infercost_core::manifest::Provenance;
use infercost_models::convert::quantize;
use infercost_models::gguf::GgufHeader;
use infercost_models::{ModelError, Recipe, inspect};
use serde_json::{Value, json};

/// One block of width 8: two heads of four rows, one of them for keys and values.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let block = |part: &str| format!("model.layers.0.{part}.weight");
    vec![
        ("model.embed_tokens.weight".into(), vec![6, 8]),
        ("model.norm.weight".into(), vec![8]),
        (block("input_layernorm"), vec![8]),
        (block("post_attention_layernorm"), vec![8]),
        (block("self_attn.q_proj"), vec![8, 8]),
        (block("self_attn.k_proj"), vec![4, 8]),
        (block("self_attn.v_proj"), vec![4, 8]),
        (block("self_attn.o_proj"), vec![8, 8]),
        (block("mlp.gate_proj"), vec![16, 8]),
        (block("mlp.up_proj"), vec![16, 8]),
        (block("mlp.down_proj"), vec![8, 16]),
    ]
}

fn config() -> Value {
    json!({"model_type": "llama", "num_hidden_layers": 1, "max_position_embeddings": 64, "hidden_size": 8,
           "intermediate_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5,
           "rope_theta": 10000.0, "vocab_size": 6, "tie_word_embeddings": true, "eos_token_id": [2, 0]})
}

fn tokenizer() -> Value {
    json!({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 4}, "merges": [["a", "b"]]},
           "added_tokens": [{"id": 2, "content": "<end>", "special": true}, {"id": 3, "content": "<x>", "special": false}],
           "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
               {"type": "Digits", "individual_digits": true},
               {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]}})
}

/// A file in which every row of every tensor holds its own number, row 0 first.
fn file_of(tensors: &[(String, Vec<usize>)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, shape) in tensors {
        let start = data.len();
        let width = *shape.last().unwrap();
        for row in 0..shape.iter().product::<usize>() / width {
            data.extend((0..width).flat_map(|_| (row as f32).to_le_bytes()));
        }
        header.insert(
            name.clone(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    file
}

fn write(folder: &Path, tensors: &[(String, Vec<usize>)], config: &Value, tokenizer: &Value) {
    fs::write(folder.join("model.safetensors"), file_of(tensors)).unwrap();
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let named = json!({"eos_token": {"content": "<end>"}, "chat_template": "{{ messages }}"});
    fs::write(folder.join("tokenizer_config.json"), named.to_string()).unwrap();
}

fn convert(folder: &Path) -> Result<GgufHeader, ModelError> {
    let out = folder.join("out.gguf");
    quantize(folder, &Provenance::Local { file: "x".into() }, Recipe::F32, &out, &mut |_| ())?;
    GgufHeader::read(&out)
}

/// The first number of each row.
fn rows(header: &GgufHeader, name: &str) -> Vec<f32> {
    let tensor = header.tensors.iter().find(|tensor| tensor.name == name).unwrap();
    let start = (header.data_offset + tensor.offset) as usize;
    let bytes = fs::read(&header.path).unwrap();
    let width = tensor.dimensions[0] as usize;
    (0..tensor.elements() as usize / width)
        .map(|row| {
            let at = start + row * width * 4;
            f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
        })
        .collect()
}

#[test]
fn a_folder_becomes_gguf() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &tensors(), &config(), &tokenizer());
    let header = convert(folder.path()).unwrap();
    assert_eq!(header.tensors.len(), 11);
    assert_eq!(header.tensors[0].name, "token_embd.weight");
    // Two heads of four rows: neighbors in GGUF are the two halves as published.
    assert_eq!(rows(&header, "blk.0.attn_q.weight"), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    assert_eq!(rows(&header, "blk.0.attn_k.weight"), [0.0, 2.0, 1.0, 3.0]);
    assert_eq!(rows(&header, "blk.0.attn_v.weight"), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(header.text("tokenizer.ggml.pre").as_deref(), Some("smollm"));
    assert_eq!(header.text("tokenizer.chat_template").as_deref(), Some("{{ messages }}"));
    assert_eq!(header.number("tokenizer.ggml.eos_token_id"), Some(2));
    assert_eq!(header.number("llama.attention.head_count_kv"), Some(1));
    let tokens = String::from_utf8_lossy(&header.entry("tokenizer.ggml.tokens").unwrap().bytes).into_owned();
    assert!(tokens.contains("<end>") && tokens.contains("[PAD5]"), "{tokens:?}");
    assert_eq!(header.entry("tokenizer.ggml.merges").unwrap().array_length(), Some(1));
    let told = inspect(folder.path()).unwrap();
    assert_eq!(
        (told.parameters, told.architecture.as_deref()),
        (6 * 8 + 24 + 64 + 32 + 32 + 64 + 384, Some("llama"))
    );
}

/// A folder that a case spoils.
struct Model {
    tensors: Vec<(String, Vec<usize>)>,
    config: Value,
    tokenizer: Value,
}

#[test]
fn folders_that_are_refused() {
    let check = |change: &dyn Fn(&mut Model), wanted: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Model { tensors: tensors(), config: config(), tokenizer: tokenizer() };
        change(&mut model);
        write(folder.path(), &model.tensors, &model.config, &model.tokenizer);
        let error = convert(folder.path()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}\nlacks {wanted}");
        assert!(!folder.path().join("out.gguf").exists());
    };
    check(&|model| model.config["model_type"] = json!("gemma3_text"), "gemma3_text");
    check(&|model| model.config["rope_scaling"] = json!({"rope_type": "llama3"}), "llama3");
    check(&|model| model.config["vocab_size"] = json!(3), "beyond vocab_size");
    check(&|model| model.config["num_attention_heads"] = json!(3), "divide into heads");
    check(&|model| model.config["num_hidden_layers"] = json!(2), "blk.1.");
    check(&|model| model.tokenizer["model"]["type"] = json!("Unigram"), "byte-level BPE");
    check(&|model| model.tokenizer["pre_tokenizer"] = json!({"type": "Metaspace"}), "pre-tokenizer");
    check(&|model| model.tensors.push(("model.vision.weight".into(), vec![2])), "model.vision.weight");
    check(&|model| model.tensors.truncate(5), "lack");

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &tensors(), &config(), &tokenizer());
    let weights = folder.path().join("model.safetensors");
    let whole = fs::read(&weights).unwrap();
    for (bytes, wanted) in [
        (&whole[..whole.len() - 9], "cut short"),
        (&whole[..5], "too short"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff{", "cut short"),
    ] {
        fs::write(&weights, bytes).unwrap();
        let error = convert(folder.path()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}\nlacks {wanted}");
    }
}

#[test]
fn shards_are_found_or_the_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(folder.path(), &tensors(), &config(), &tokenizer());
    fs::remove_file(at("model.safetensors")).unwrap();
    let (first, second) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
    let all = tensors();
    fs::write(at(first), file_of(&all[..5])).unwrap();
    let error = convert(folder.path()).unwrap_err().to_string();
    assert!(error.contains(second) && error.contains("missing"), "{error}");

    fs::write(at(second), file_of(&all[5..])).unwrap();
    assert_eq!(convert(folder.path()).unwrap().tensors.len(), all.len());

    // The index says which files count, and which of two tensors of one name.
    let mut map: serde_json::Map<String, Value> = all
        .iter()
        .enumerate()
        .map(|(at, (name, _))| (name.clone(), json!(if at < 5 { first } else { second })))
        .collect();
    fs::write(at("consolidated.safetensors"), file_of(&all)).unwrap();
    fs::write(at("model-overlay.safetensors"), file_of(&[all[1].clone()])).unwrap();
    map.insert(all[1].0.clone(), json!("model-overlay.safetensors"));
    let index = at("model.safetensors.index.json");
    fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
    assert_eq!(convert(folder.path()).unwrap().tensors.len(), all.len());

    map.insert("more".into(), json!("model-00003-of-00003.safetensors"));
    fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
    let error = convert(folder.path()).unwrap_err().to_string();
    assert!(error.contains("model-00003-of-00003.safetensors"), "{error}");
    fs::write(&index, json!({"weight_map": {"a": "../../etc/passwd"}}).to_string()).unwrap();
    assert!(convert(folder.path()).unwrap_err().to_string().contains("no files of this folder"));
}

#[test]
fn pointers_stand_for_any_file_of_a_folder() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    for name in ["model.safetensors", "tokenizer.json", "config.json"] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &tensors(), &config(), &tokenizer());
        fs::write(folder.path().join(name), pointer).unwrap();
        let error = convert(folder.path()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("a Git LFS pointer to 12345 bytes"), "{error}");
    }
}
