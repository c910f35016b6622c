//! ln-probabilities against llama.cpp's, on tiny random-weight models of every family.
//!
//! `benches/llama-cpp/golden_logits.py` wrote the models and the golden values below `tests/golden/logits`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::Device;
use infercost_engine::decoder::{CacheType, Decoder, DecoderOptions, Family, Logits};
use infercost_engine::{InProcessEngine, InProcessOptions, ModelDevice};

/// Both compute in F32 and differ in the order of sums only: 2 · 10⁻⁵ nats were seen.
const SAME_ARITHMETIC: f64 = 1e-4;
/// llama.cpp takes GELU from a table in half precision: 3 · 10⁻³ nats were seen.
const GELU_TABLE: f64 = 1e-2;
/// llama.cpp rounds activations to half precision before it multiplies half matrices; the decoder expands the
/// matrices to F32 instead: 3 · 10⁻² nats were seen.
const HALF_ACTIVATIONS: f64 = 0.1;

/// The engine keeps keys and values in half precision where the processor widens them in one instruction; llama.cpp was
/// asked for single precision: 2 · 10⁻³ nats were seen.
const HALF_CACHE: f64 = 2e-2;

/// One model's tokens and what llama.cpp expects after some of them.
#[derive(serde::Deserialize)]
struct Golden {
    model: String,
    tokens: Vec<u32>,
    /// ln-probabilities of the whole vocabulary, by the number of tokens before.
    after: BTreeMap<usize, Vec<f64>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/logits")
}

/// The golden values of a model, by the name of its GGUF file.
fn golden(model: &str) -> Golden {
    let text = std::fs::read_to_string(folder().join("golden.jsonl")).unwrap();
    let read = |line: &str| serde_json::from_str::<Golden>(line).unwrap();
    text.lines().map(read).find(|golden| golden.model == model).unwrap()
}

/// The family of a model, and its ln-probabilities after each token, all computed in one pass.
fn predicted(file: &str, tokens: &[u32]) -> (Family, Vec<Vec<f64>>) {
    // As llama.cpp was asked to compute: keys and values in single precision.
    let options = DecoderOptions { cache_type: Some(CacheType::F32), ..DecoderOptions::default() };
    let mut decoder = Decoder::open(&folder().join(file), &Device::Cpu, &options).unwrap();
    decoder.forward(tokens, Logits::All).unwrap();
    let (family, vocabulary) = (decoder.config().family, decoder.vocabulary());
    let rows = decoder.ln_probabilities(0..tokens.len()).unwrap();
    let as_f64 = |row: &[f32]| row.iter().map(|value| f64::from(*value)).collect();
    (family, rows.chunks(vocabulary).map(as_f64).collect())
}

/// Largest difference between two rows, in nats.
fn distance(got: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(got.len(), wanted.len());
    got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f64::max)
}

/// Distance from the golden values by the number of tokens before; `file` holds the weights of the golden
/// `model`, perhaps in another format.
fn distances(file: &str, model: &str) -> (Family, BTreeMap<usize, f64>) {
    let golden = golden(model);
    let (family, rows) = predicted(file, &golden.tokens);
    assert_eq!(golden.after.keys().max(), Some(&golden.tokens.len()));
    let distances =
        golden.after.iter().map(|(length, wanted)| (*length, distance(&rows[length - 1], wanted)));
    (family, distances.collect())
}

fn check(file: &str, model: &str, tolerance: f64) -> Family {
    let (family, distances) = distances(file, model);
    assert!(distances.values().all(|off| *off < tolerance), "{file}, nats from llama.cpp: {distances:?}");
    family
}

#[test]
fn every_family_agrees() {
    let mut checked = BTreeSet::new();
    for (name, tolerance) in [
        ("llama", SAME_ARITHMETIC),
        ("llama-rope-divisors", SAME_ARITHMETIC),
        ("llama-rope-linear", SAME_ARITHMETIC),
        ("mistral", SAME_ARITHMETIC),
        ("qwen2", SAME_ARITHMETIC),
        ("qwen3", SAME_ARITHMETIC),
        ("gemma3", GELU_TABLE),
        ("phi3", SAME_ARITHMETIC),
        ("phi3-rope-factors", SAME_ARITHMETIC),
        ("smollm3", SAME_ARITHMETIC),
    ] {
        let file = format!("{name}.gguf");
        checked.insert(check(&file, &file, tolerance).name());
    }
    // In GGUF the family is called llama; its own name stands in safetensors folders only.
    checked.insert(check("mistral-safetensors", "mistral.gguf", SAME_ARITHMETIC).name());
    let known: BTreeSet<_> = Family::ALL.map(Family::name).into();
    assert_eq!(checked, known, "a family that was not compared is not supported");
}

#[test]
fn half_precision_agrees() {
    check("llama-f16.gguf", "llama-f16.gguf", HALF_ACTIVATIONS);
}

/// Both round activations to 8 bits. Where a value lies so near to the middle of two codes that the order of a
/// sum decides, one takes the other code, and logits jump by up to some tenths of a nat; elsewhere they agree as
/// plain numbers do. In 48 tokens of a model of width 32 that may happen once.
#[test]
fn quantized_models_agree_but_for_rounding() {
    for file in ["llama-q8_0.gguf", "llama-q4_0.gguf"] {
        let (_, distances) = distances(file, file);
        let same = distances.values().filter(|off| **off < SAME_ARITHMETIC).count();
        assert!(3 * same >= 2 * distances.len(), "{file}, nats from llama.cpp: {distances:?}");
        assert!(distances.values().all(|off| *off < 0.5), "{file}, nats from llama.cpp: {distances:?}");
    }
}

#[test]
fn the_engine_gives_the_same_rows_from_any_position() {
    let golden = golden("llama.gguf");
    let options = InProcessOptions { device: ModelDevice::Cpu, weights_sha256: None, threads: Some(2) };
    let mut engine = InProcessEngine::load(&folder().join(&golden.model), &options).unwrap();
    // Later firsts find a part of the tokens in the cache.
    for first in [0, 12, 23, 47, 4] {
        let rows = engine.log_probabilities(&golden.tokens, first).unwrap();
        assert_eq!(rows.rows.len(), (golden.tokens.len() - first) * engine.vocabulary());
        let rows: Vec<&[f32]> = rows.rows.chunks(rows.vocabulary).collect();
        for (length, wanted) in golden.after.range(first + 1..) {
            let row: Vec<f64> = rows[length - 1 - first].iter().map(|value| f64::from(*value)).collect();
            let off = distance(&row, wanted);
            assert!(off < HALF_CACHE, "from {first}, after {length}: {off} nats from llama.cpp");
        }
    }
}
