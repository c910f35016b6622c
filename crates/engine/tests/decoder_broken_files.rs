//! Files that are truncated, corrupt, of unknown kinds or that lie: an error, never a panic.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod decoder_fixture;

use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device};
use decoder_fixture::{TinyModel, tiny_config, tiny_model};
use gguf_file::Value;
use infercost_engine::decoder::{Decoder, DecoderError, DecoderOptions};
use serde_json::json;

fn open(path: &Path) -> Result<Decoder, DecoderError> {
    Decoder::open(path, &Device::Cpu, &DecoderOptions::default())
}

fn check(path: &Path, case: &str, expected: &[&str]) {
    let message = match open(path) {
        Ok(_) => panic!("{case}: opened"),
        Err(error) => error.to_string(),
    };
    for part in expected {
        assert!(message.contains(part), "{case}: \"{part}\" is not in \"{message}\"");
    }
    assert!(!message.chars().any(char::is_control), "{case}: control characters in {message:?}");
}

/// Writes a GGUF file with changed metadata and tensors.
fn write(
    path: &Path,
    model: &TinyModel,
    metadata: &[(&str, Option<Value>)],
    tensors: impl FnOnce(&mut Vec<(String, QTensor)>),
) {
    let mut values = model.gguf_metadata();
    for (key, value) in metadata {
        values.retain(|(old, _)| old != key);
        values.extend(value.clone().map(|value| (key.to_string(), value)));
    }
    let mut all = model.gguf_tensors(GgmlDType::F32);
    tensors(&mut all);
    let values: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let all: Vec<_> = all.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut std::fs::File::create(path).unwrap(), &values, &all).unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for target in [pipe.as_path(), Path::new("/dev/zero")] {
        // opening a pipe that nobody writes to would wait for ever
        let gguf = folder.path().join("linked.gguf");
        std::os::unix::fs::symlink(target, &gguf).unwrap();
        check(&gguf, "GGUF", &["no regular file"]);
        std::fs::remove_file(&gguf).unwrap();

        let model = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(target, model.path().join("config.json")).unwrap();
        check(model.path(), "config.json", &["config.json", "no regular file"]);
    }
}

#[test]
fn metadata_that_lies_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let llama = tiny_model("llama", json!({}));
    let text = |text: &str| Some(Value::String(text.into()));
    let cases: &[(&str, Option<Value>, &[&str])] = &[
        ("general.architecture", text("mamba"), &["unknown architecture \"mamba\"", "llama, qwen2, qwen3"]),
        ("general.architecture", text("a\u{1b}[31m\n"), &["unknown architecture", "\\u{1b}[31m\\n"]),
        ("general.architecture", text("mistral"), &["unknown architecture \"mistral\""]),
        ("general.architecture", None, &["general.architecture", "missing"]),
        ("general.architecture", Some(Value::U32(1)), &["general.architecture", "not a text"]),
        ("general.alignment", Some(Value::U32(0)), &["general.alignment", "power of two"]),
        ("general.alignment", Some(Value::String("x".into())), &["general.alignment"]),
        ("llama.block_count", None, &["llama.block_count", "missing"]),
        ("llama.block_count", Some(Value::U32(0)), &["layers", "0 is not between 1"]),
        ("llama.block_count", Some(Value::U64(u64::MAX)), &["llama.block_count", "too many"]),
        ("llama.block_count", Some(Value::U32(5000)), &["layers", "5000 is not between"]),
        ("llama.block_count", Some(Value::I32(-1)), &["llama.block_count", "not a whole number"]),
        ("llama.block_count", Some(Value::U32(4)), &["blk.3.", "missing"]),
        ("llama.embedding_length", Some(Value::U64(1 << 62)), &["width", "is not between"]),
        (
            "llama.embedding_length",
            Some(Value::U32(62)),
            &["llama.embedding_length", "not a multiple of 4 heads"],
        ),
        ("llama.attention.head_count", Some(Value::U32(0)), &["not a multiple of 0 heads"]),
        (
            "llama.attention.head_count",
            Some(Value::U32(8)),
            &["rotated width", "16", "above the head width 8"],
        ),
        ("llama.attention.head_count_kv", Some(Value::U32(3)), &["4 heads cannot share 3"]),
        ("llama.attention.head_count_kv", Some(Value::U32(0)), &["key and value heads", "0 is not"]),
        ("llama.attention.head_count_kv", Some(Value::U32(1)), &["attn_k.weight", "[16, 64]", "[32, 64]"]),
        (
            "llama.attention.head_count_kv",
            Some(Value::Array(vec![Value::U32(2), Value::U32(4)])),
            &["differs by layer"],
        ),
        ("llama.attention.key_length", Some(Value::U32(1 << 30)), &["head width", "is not between"]),
        ("llama.attention.value_length", Some(Value::U32(8)), &["value width"]),
        ("llama.feed_forward_length", Some(Value::U32(128)), &["ffn_gate.weight", "[128, 64]", "[96, 64]"]),
        ("llama.context_length", Some(Value::U32(0)), &["context length"]),
        ("llama.context_length", Some(Value::U32(u32::MAX)), &["context length"]),
        ("llama.rope.dimension_count", Some(Value::U32(7)), &["rotated width", "7 is odd"]),
        ("llama.rope.freq_base", Some(Value::F32(f32::NAN)), &["rope theta", "not a positive"]),
        ("llama.rope.freq_base", Some(Value::U32(10000)), &["rope.freq_base", "floating point"]),
        ("llama.attention.layer_norm_rms_epsilon", Some(Value::F32(-1.0)), &["epsilon"]),
        ("llama.rope.scaling.type", text("yarn"), &["rope scaling \"yarn\"", "not supported"]),
        ("llama.attention.sliding_window", Some(Value::String("x".into())), &["sliding_window"]),
        ("llama.expert_count", Some(Value::U32(8)), &["mixture of experts"]),
    ];

    for (key, value, expected) in cases {
        write(&path, &llama, &[(*key, value.clone())], |_| {});
        check(&path, &format!("{key} = {value:?}"), expected);
    }

    // The same file without a change opens, or the cases above show nothing.
    write(&path, &llama, &[], |_| {});
    open(&path).unwrap();
}

#[test]
fn tensors_that_lie_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let llama = tiny_model("llama", json!({}));
    let remove = |name: &'static str| move |all: &mut Vec<(String, QTensor)>| all.retain(|(n, _)| n != name);
    write(&path, &llama, &[], remove("blk.1.ffn_down.weight"));
    check(&path, "no ffn_down", &["blk.1.ffn_down.weight", "missing"]);
    write(&path, &llama, &[], remove("token_embd.weight"));
    check(&path, "no embedding", &["token_embd.weight", "missing"]);
    write(&path, &llama, &[], |all| {
        let twice = all.iter().position(|(name, _)| name == "output_norm.weight").unwrap();
        let (name, tensor) = all.swap_remove(twice);
        let copy = QTensor::quantize(&tensor.dequantize(&Device::Cpu).unwrap(), GgmlDType::F32).unwrap();
        all.extend([(name.clone(), tensor), (name, copy)]);
    });
    check(&path, "a tensor twice", &["output_norm.weight", "twice"]);
    // A matrix of the right size turned on its side.
    write(&path, &llama, &[], |all| {
        for (name, tensor) in all {
            if name == "blk.0.ffn_down.weight" {
                let turned = tensor.dequantize(&Device::Cpu).unwrap().t().unwrap().contiguous().unwrap();
                *tensor = QTensor::quantize(&turned, GgmlDType::F32).unwrap();
            }
        }
    });
    check(&path, "turned", &["blk.0.ffn_down.weight", "[64, 96]", "[96, 64]"]);
}

/// Whatever the length to which a file is cut, opening it is an error and no panic.
#[test]
fn every_truncation_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let llama = tiny_model("llama", json!({"num_hidden_layers": 1}));
    let whole = std::fs::read(llama.write_gguf(folder.path(), GgmlDType::Q8_0)).unwrap();
    let path = folder.path().join("cut.gguf");
    // The last 31 bytes may be padding, so the lengths stop before them.
    let lengths = (0..4096).step_by(17).chain((4096..whole.len() - 32).step_by(2999));
    for length in lengths {
        std::fs::write(&path, &whole[..length]).unwrap();
        check(&path, &format!("cut to {length}"), &["cut.gguf"]);
    }
    std::fs::write(&path, &whole[..whole.len() - 4096]).unwrap();
    check(&path, "the end cut off", &["blk.0.attn_q.weight", "truncated"]);
}

/// Single bytes of the header changed: an error or a model, no panic, no abort.
#[test]
fn no_changed_byte_panics() {
    let folder = tempfile::tempdir().unwrap();
    let llama = tiny_model("llama", json!({"num_hidden_layers": 1}));
    let whole = std::fs::read(llama.write_gguf(folder.path(), GgmlDType::Q8_0)).unwrap();
    let path = folder.path().join("changed.gguf");
    let mut refused = 0;
    for position in (0..1600).step_by(3) {
        for value in [0, 0xff] {
            let mut changed = whole.clone();
            changed[position] = value;
            std::fs::write(&path, &changed).unwrap();
            if let Ok(mut decoder) = open(&path) {
                decoder.forward(&[1, 2], infercost_engine::decoder::Logits::Last).unwrap();
            } else {
                refused += 1;
            }
        }
    }
    assert!(refused > 200, "only {refused} changes were noticed");
}

#[test]
fn odd_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    check(&path, "no file", &["cannot read", "model.bin"]);
    for (bytes, expected) in [
        (&b""[..], "does not start with"),
        (b"GGUF", "past the end"),
        (b"GGUF\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "version 1"),
        (b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\0\0\0\0\0\0\0\0", "too many"),
        (b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "general.architecture"),
        (b"<!DOCTYPE html>", "does not start with"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        check(&path, &format!("{bytes:?}"), &[expected]);
    }
    check(folder.path(), "an empty folder", &["config.json"]);
}

#[test]
fn broken_safetensors_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model("llama", json!({}));
    let weights = folder.path().join("model.safetensors");
    let config = folder.path().join("config.json");
    model.write_safetensors(folder.path(), DType::BF16);
    open(folder.path()).unwrap();
    open(&weights).unwrap();
    let whole = std::fs::read(&weights).unwrap();

    for (bytes, expected) in [
        (&whole[..whole.len() - 1], &["truncated"][..]),
        (&whole[..200], &["does not fit"]),
        (&whole[..4], &["no safetensors header"]),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff{}", &["does not fit"]),
        (b"\x02\0\0\0\0\0\0\0[]", &["not an object"]),
        (b"\x02\0\0\0\0\0\0\0{}", &["model.embed_tokens.weight", "missing"]),
    ] {
        std::fs::write(&weights, bytes).unwrap();
        check(folder.path(), &format!("{} bytes", bytes.len()), expected);
    }

    for (entry, expected) in [
        (
            json!({"dtype": "F32", "shape": [1u64 << 40, 1u64 << 40], "data_offsets": [0, 4]}),
            "does not match",
        ),
        (json!({"dtype": "F32", "shape": [96, 64], "data_offsets": [8, 4]}), "data_offsets"),
        (json!({"dtype": "F32", "shape": [1], "data_offsets": [u64::MAX - 4, u64::MAX]}), "overflows"),
        (json!({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}), "shape"),
        (json!({"dtype": "I8", "shape": [96, 64], "data_offsets": [0, 6144]}), "missing"),
    ] {
        let header = json!({"model.embed_tokens.weight": entry}).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&[0; 64]);
        std::fs::write(&weights, bytes).unwrap();
        check(folder.path(), &header, &[expected]);
    }

    std::fs::write(&weights, whole).unwrap();

    for (changes, expected) in [
        (json!({"model_type": "mamba"}), "unknown architecture \"mamba\""),
        (json!({"hidden_size": "64"}), "hidden_size"),
        (json!({"hidden_size": null}), "hidden_size"),
        (json!({"num_hidden_layers": 1u64 << 40}), "too many"),
        (json!({"num_attention_heads": 0}), "0 heads"),
        (json!({"hidden_act": "relu"}), "activation \"relu\""),
        (json!({"mlp_bias": true}), "bias in the feed-forward"),
        (json!({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}), "rope scaling \"yarn\""),
        (json!({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}), "low_freq_factor"),
        (json!({"rope_scaling": {"type": "linear", "factor": 0.0}}), "rope scaling"),
        (json!({"layer_types": ["full_attention"]}), "layer_types"),
        (json!({"head_dim": 15}), "rotated width"),
    ] {
        let name = changes.to_string();
        std::fs::write(&config, tiny_config("llama", changes).to_string()).unwrap();
        check(folder.path(), &name, &[expected]);
    }

    for text in ["", "[]", "{", "{\"architectures\": [\"RwkvForCausalLM\"]}"] {
        std::fs::write(&config, text).unwrap();
        check(folder.path(), text, &["config.json"]);
    }
}

#[test]
fn an_index_may_only_name_files_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model("llama", json!({}));
    model.write_shards(folder.path());
    open(folder.path()).unwrap();
    for name in ["../model-0.safetensors", "/etc/passwd", "", "a/b.safetensors", "."] {
        let index = json!({"weight_map": {"x": name}}).to_string();
        std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        check(folder.path(), name, &["is not a file of this folder"]);
    }
    let index = json!({"weight_map": {"x": "absent.safetensors"}}).to_string();
    std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    check(folder.path(), "absent", &["cannot read", "absent.safetensors"]);
}
