//! What the decoder promises besides the right logits: its cache, its windows, its limits.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod decoder_fixture;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device};
use decoder_fixture::{HEADS, INNER, KV_HEADS, VOCABULARY, WIDTH, difference, forward, tiny_model, tokens};
use infercost_engine::decoder::{
    CacheType, ComputeType, Decoder, DecoderError, DecoderOptions, Executor, Family, Logits,
};
use serde_json::{Value, json};

fn decoder(family: &'static str, changes: Value) -> Decoder {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(family, changes).write_safetensors(folder.path(), DType::F32);
    Decoder::open(folder.path(), &Device::Cpu, &DecoderOptions::default()).unwrap()
}

/// In a model of one layer the last logits depend on the window's tokens and no others.
#[test]
fn a_window_ends_where_it_says() {
    for (family, changes) in [
        ("mistral", json!({"sliding_window": 8})),
        ("phi3", json!({"sliding_window": 8})),
        ("qwen2", json!({"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 0})),
        ("gemma3", json!({"sliding_window": 8})),
    ] {
        let mut changes = changes;
        changes["num_hidden_layers"] = json!(1);
        let mut decoder = decoder(family, changes);
        let tokens = tokens(20);
        let mut last_with = |changed: Option<usize>, piece: usize| {
            let mut tokens = tokens.clone();
            if let Some(position) = changed {
                tokens[position] = (tokens[position] + 1) % VOCABULARY as u32;
            }
            decoder.clear();
            let mut last = None;
            for piece in tokens.chunks(piece) {
                last = Some(forward(&mut decoder, piece, Logits::Last).unwrap());
            }
            last.unwrap()
        };
        for piece in [20, 7, 1] {
            let unchanged = last_with(None, piece);
            let outside = difference(&unchanged, &last_with(Some(11), piece));
            let inside = difference(&unchanged, &last_with(Some(12), piece));
            assert!(outside < 1e-5, "{family} by {piece}: a token before the window counts {outside}");
            assert!(inside > 1e-3, "{family} by {piece}: the first token in the window counts {inside}");
        }
    }
}

#[test]
fn limits_are_errors_that_leave_the_cache_alone() {
    let mut decoder = decoder("llama", json!({"max_position_embeddings": 16}));
    assert!(decoder.is_empty());
    assert!(matches!(forward(&mut decoder, &[], Logits::All), Err(DecoderError::NoTokens)));
    forward(&mut decoder, &tokens(10), Logits::Last).unwrap();
    let before = forward(&mut decoder, &[3], Logits::Last).unwrap();
    decoder.truncate(10);
    let error = forward(&mut decoder, &tokens(7), Logits::Last).unwrap_err();
    assert!(
        matches!(error, DecoderError::ContextExceeded { cached: 10, requested: 7, limit: 16 }),
        "{error}"
    );
    let error = forward(&mut decoder, &[1, VOCABULARY as u32], Logits::Last).unwrap_err();
    assert!(matches!(error, DecoderError::TokenOutOfRange { token: 96, vocabulary: 96 }), "{error}");
    assert_eq!(decoder.len(), 10);
    assert!(difference(&before, &forward(&mut decoder, &[3], Logits::Last).unwrap()) < 1e-6);
    decoder.truncate(99);
    assert_eq!(decoder.len(), 11);
    forward(&mut decoder, &tokens(5), Logits::Last).unwrap();
    assert_eq!(decoder.len(), 16);
    assert!(forward(&mut decoder, &[0], Logits::Last).is_err());
}

/// Longer than one pass and than the first allocation of the cache.
#[test]
fn long_prompts_go_in_passes() {
    let mut decoder = decoder("gemma3", json!({"max_position_embeddings": 2048}));
    let tokens = tokens(700);
    let all = forward(&mut decoder, &tokens, Logits::All).unwrap();
    assert_eq!(all.dims(), [700, VOCABULARY]);
    decoder.clear();
    let mut rows = Vec::new();
    for piece in tokens.chunks(150) {
        rows.push(forward(&mut decoder, piece, Logits::All).unwrap());
    }
    let pieces = candle_core::Tensor::cat(&rows, 0).unwrap();
    assert!(difference(&all, &pieces) < 1e-3);
    decoder.clear();
    let last = forward(&mut decoder, &tokens, Logits::Last).unwrap();
    assert!(difference(&all.narrow(0, 699, 1).unwrap(), &last) < 1e-4);
}

/// Long enough that the cache is moved to a larger buffer while it is in use.
#[test]
fn growth_keeps_what_is_cached() {
    let mut decoder = decoder("llama", json!({"max_position_embeddings": 600}));
    let tokens = tokens(300);
    let all = forward(&mut decoder, &tokens, Logits::All).unwrap();
    let mut fresh = self::decoder("llama", json!({"max_position_embeddings": 600}));
    forward(&mut fresh, &tokens[..250], Logits::Last).unwrap();
    for position in 250..300 {
        let got = forward(&mut fresh, &tokens[position..=position], Logits::Last).unwrap();
        let apart = difference(&all.narrow(0, position, 1).unwrap(), &got);
        assert!(apart < 1e-3, "{apart} at {position}");
    }
}

#[test]
fn shards_and_half_types_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model("qwen2", json!({}));
    model.write_safetensors(folder.path(), DType::F32);
    let options = DecoderOptions::default();
    let mut whole = Decoder::open(folder.path(), &Device::Cpu, &options).unwrap();
    let expected = forward(&mut whole, &tokens(12), Logits::All).unwrap();
    let shards = tempfile::tempdir().unwrap();
    model.write_shards(shards.path());
    let mut sharded = Decoder::open(shards.path(), &Device::Cpu, &options).unwrap();
    let got = forward(&mut sharded, &tokens(12), Logits::All).unwrap();
    assert!(difference(&expected, &got) < 1e-6);
    for (dtype, name, tolerance) in [(DType::F16, "F16", 0.05), (DType::BF16, "BF16", 0.3)] {
        model.write_safetensors(folder.path(), dtype);
        let mut half = Decoder::open(folder.path(), &Device::Cpu, &options).unwrap();
        assert_eq!(half.quantization(), name);
        let got = forward(&mut half, &tokens(12), Logits::All).unwrap();
        assert_eq!(got.dtype(), DType::F32);
        let off = difference(&expected, &got);
        assert!(off > 0.0 && off < tolerance, "{name}: off by {off}");
    }
}

#[test]
fn compute_types_can_be_chosen() {
    for family in ["llama", "gemma3"] {
        let folder = tempfile::tempdir().unwrap();
        let model = tiny_model(family, json!({}));
        model.write_safetensors(folder.path(), DType::F32);
        let path = model.write_gguf(folder.path(), GgmlDType::Q8_0);
        for path in [folder.path(), path.as_path()] {
            let logits = |compute_type| {
                let options = DecoderOptions {
                    executor: Some(Executor::Candle),
                    compute_type: Some(compute_type),
                    ..DecoderOptions::default()
                };
                let mut decoder = Decoder::open(path, &Device::Cpu, &options).unwrap();
                forward(&mut decoder, &tokens(12), Logits::All).unwrap()
            };
            let expected = logits(ComputeType::F32);
            for (compute_type, tolerance) in [(ComputeType::F16, 0.3), (ComputeType::Bf16, 2.0)] {
                let off = difference(&expected, &logits(compute_type));
                assert!(off > 0.0 && off < tolerance, "{family} {compute_type:?}: off by {off}");
            }
        }
    }
}

/// The bytes of a roofline, counted by hand.
#[test]
fn bytes_per_token_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model("llama", json!({"num_hidden_layers": 2}));
    model.write_safetensors(folder.path(), DType::F32);
    let options = DecoderOptions { cache_type: Some(CacheType::F32), ..DecoderOptions::default() };
    let open = |path| Decoder::open(path, &Device::Cpu, &options).unwrap();
    let decoder = open(folder.path());
    let head = WIDTH / HEADS;
    let matrices = WIDTH * (2 * HEADS * head + 2 * KV_HEADS * head + 3 * INNER);
    let layer = matrices + 2 * WIDTH;
    let elements = 2 * layer + WIDTH + WIDTH + VOCABULARY * WIDTH;
    assert_eq!(decoder.weights_bytes_per_token(), 4 * elements as u64);
    assert_eq!(decoder.kv_bytes_per_token(), 4 * 2 * 2 * (KV_HEADS * head) as u64);
    let path = model.write_gguf(folder.path(), GgmlDType::Q8_0);
    let blocks = (2 * matrices + VOCABULARY * WIDTH + WIDTH) / 32 * 34;
    let norms = (2 * 2 * WIDTH + WIDTH) * 4;
    // Sixteen rows of three blocks of 34 bytes are 1632 bytes, and the next sixteen begin at a multiple of 64.
    let gaps = 2 * (WIDTH / 16) * (1664 - 16 * (INNER / 32) * 34);
    assert_eq!(open(&path).weights_bytes_per_token(), (blocks + norms + gaps) as u64);
}

#[test]
fn identity_is_reported() {
    let decoder = decoder("smollm3", json!({}));
    assert_eq!(decoder.config().family, Family::SmolLm3);
    assert_eq!(decoder.vocabulary(), VOCABULARY);
    assert_eq!(decoder.context_length(), 128);
    for family in Family::ALL {
        assert_eq!(Family::from_model_type(family.name()), Some(family));
    }
}

/// Blocks that files hold as intermediate results have no kernel: the tensor is named, with what can be done.
#[test]
fn a_type_without_a_kernel_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = tiny_model("llama", json!({})).write_gguf(folder.path(), GgmlDType::Q8_1);
    let options = DecoderOptions { executor: Some(Executor::Kernels), ..DecoderOptions::default() };
    let error = Decoder::open(&path, &Device::Cpu, &options).unwrap_err();
    assert!(matches!(&error, DecoderError::NoKernel { encoding: "Q8_1", .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains(".weight") && said.contains("Q4_K_M"), "{said}");
}

#[test]
fn what_computes_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = tiny_model("llama", json!({})).write_gguf(folder.path(), GgmlDType::Q8_0);
    for (executor, word) in [(Executor::Kernels, "kernels "), (Executor::Candle, "candle")] {
        let options =
            DecoderOptions { executor: Some(executor), threads: Some(3), ..DecoderOptions::default() };
        let identity = Decoder::open(&path, &Device::Cpu, &options).unwrap().executor();
        assert_eq!(identity.executor, executor);
        assert!(identity.description.contains(word), "{identity:?}");
        assert_eq!(identity.threads, (executor == Executor::Kernels).then_some(3));
    }
}
