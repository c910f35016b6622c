//! Every family against candle-transformers' own model on the same random weights.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod decoder_fixture;

use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models as stock;
use decoder_fixture::{TinyModel, VOCABULARY, Way, difference, forward, tiny_model, tokens, ways};
use infercost_engine::decoder::{Decoder, Logits};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Relative to logits of size 1 to 10.
const TOLERANCE: f32 = 1e-4;

type StepFn = Box<dyn FnMut(&Tensor, usize) -> candle_core::Result<Tensor>>;

/// The stock model's logits of the last of the tokens given with their first position.
fn stock_model(model: &TinyModel) -> StepFn {
    fn config<T: DeserializeOwned>(model: &TinyModel) -> T {
        serde_json::from_value(model.config.clone()).unwrap()
    }
    let cpu = Device::Cpu;
    let vb = VarBuilder::from_tensors(model.tensors.clone(), DType::F32, &cpu);
    match model.family {
        "llama" => {
            let config = config::<stock::llama::LlamaConfig>(model).into_config(false);
            let mut cache = stock::llama::Cache::new(true, DType::F32, &config, &cpu).unwrap();
            let llama = stock::llama::Llama::load(vb, &config).unwrap();
            Box::new(move |tokens, position| llama.forward(tokens, position, &mut cache))
        }
        "qwen2" => {
            let mut m = stock::qwen2::ModelForCausalLM::new(&config(model), vb).unwrap();
            Box::new(move |tokens, position| m.forward(tokens, position))
        }
        "qwen3" => {
            let mut m = stock::qwen3::ModelForCausalLM::new(&config(model), vb).unwrap();
            Box::new(move |tokens, position| m.forward(tokens, position))
        }
        "gemma3" => {
            let mut m = stock::gemma3::Model::new(false, &config(model), vb).unwrap();
            Box::new(move |tokens, position| m.forward(tokens, position))
        }
        "phi3" => {
            let mut m = stock::phi3::Model::new(&config(model), vb).unwrap();
            Box::new(move |tokens, position| m.forward(tokens, position))
        }
        "mistral" => {
            let mut m = stock::mistral::Model::new(&config(model), vb).unwrap();
            Box::new(move |tokens, position| m.forward(tokens, position))
        }
        "smollm3" => {
            let mut m = stock::smol::smollm3::ModelForCausalLM::new(&config(model), vb).unwrap();
            Box::new(move |tokens, position| m.forward(tokens, position))
        }
        other => panic!("no stock model for {other}"),
    }
}

/// Logits of all positions by the stock model, token by token: its masks for several tokens
/// let a window see one token too many, its cache does not.
fn stock_logits(model: &TinyModel, tokens: &[u32]) -> Tensor {
    let mut step = stock_model(model);
    let rows: Vec<Tensor> = tokens
        .iter()
        .enumerate()
        .map(|(position, token)| {
            let token = Tensor::new(&[[*token]], &Device::Cpu).unwrap();
            step(&token, position).unwrap().reshape((1, VOCABULARY)).unwrap()
        })
        .collect();
    Tensor::cat(&rows, 0).unwrap()
}

/// Compares a decoder with expected logits of all positions in each way it can be driven.
fn check_decoder(name: &str, decoder: &mut Decoder, tokens: &[u32], expected: &Tensor, tolerance: f32) {
    let check = |way: &str, got: &Tensor, expected: &Tensor| {
        let difference = difference(got, expected);
        assert!(difference < tolerance, "{name}, {way}: off by {difference}");
    };
    let count = tokens.len();
    let last = expected.narrow(0, count - 1, 1).unwrap();
    check("last of a prefill", &forward(decoder, tokens, Logits::Last).unwrap(), &last);
    decoder.clear();
    check("all of a prefill", &forward(decoder, tokens, Logits::All).unwrap(), expected);
    decoder.clear();
    for (position, token) in tokens.iter().enumerate() {
        let got = forward(decoder, &[*token], Logits::Last).unwrap();
        check("one by one", &got, &expected.narrow(0, position, 1).unwrap());
    }
    assert_eq!(decoder.len(), count);
    // A shared prefix, its rest in uneven pieces.
    decoder.truncate(5);
    let (head, tail) = tokens[5..].split_at(count / 2);
    let got = forward(decoder, head, Logits::All).unwrap();
    check("after a prefix", &got, &expected.narrow(0, 5, head.len()).unwrap());
    let got = forward(decoder, tail, Logits::All).unwrap();
    check("after a longer prefix", &got, &expected.narrow(0, 5 + head.len(), tail.len()).unwrap());
}

/// Compares every way to compute with the logits of `tokens(24)`; the last decoder.
fn check_ways(name: &str, path: &Path, expected: &Tensor, tolerance: f32) -> Decoder {
    let mut last = None;
    for Way { name: way, options, slack } in ways() {
        let mut decoder = Decoder::open(path, &Device::Cpu, &options).unwrap();
        // Quantized models have a tolerance that the cache's rounding is small beside.
        let tolerance = tolerance.max(slack * TOLERANCE);
        check_decoder(&format!("{name} {way}"), &mut decoder, &tokens(24), expected, tolerance);
        last = Some(decoder);
    }
    last.unwrap()
}

fn check(family: &'static str, changes: Value) {
    let name = format!("{family} {changes}");
    let model = tiny_model(family, changes);
    let tokens = tokens(24);
    let expected = stock_logits(&model, &tokens);
    let size: f32 = expected.abs().unwrap().max_all().unwrap().to_scalar().unwrap();
    assert!(size > 0.5, "{name}: logits of {size} would hide any difference");
    let folder = tempfile::tempdir().unwrap();
    model.write_safetensors(folder.path(), DType::F32);
    let path = model.write_gguf(folder.path(), GgmlDType::F32);
    for Way { name: way, options, slack } in ways() {
        let name = format!("{name} {way}");
        let mut decoder = Decoder::open(folder.path(), &Device::Cpu, &options).unwrap();
        check_decoder(&format!("{name} safetensors"), &mut decoder, &tokens, &expected, slack * TOLERANCE);
        let mut decoder = Decoder::open(&path, &Device::Cpu, &options).unwrap();
        check_decoder(&format!("{name} GGUF"), &mut decoder, &tokens, &expected, slack * TOLERANCE);
        assert_eq!(decoder.quantization(), "F32");
    }
}

#[test]
fn llama() {
    check("llama", json!({}));
    check("llama", json!({"tie_word_embeddings": true, "rope_theta": 500.0}));
}

#[test]
fn qwen2() {
    check("qwen2", json!({}));
}

#[test]
fn qwen3() {
    check("qwen3", json!({}));
}

#[test]
fn gemma3() {
    check("gemma3", json!({}));
}

#[test]
fn phi3() {
    check("phi3", json!({}));
}

#[test]
fn mistral() {
    check("mistral", json!({}));
}

#[test]
fn smollm3() {
    check("smollm3", json!({}));
}

/// Scaled frequencies stand in `config.json` only; GGUF has a tensor for them.
#[test]
fn llama3_scaling_matches_the_stock_model() {
    let scaling = json!({"rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }});
    let model = tiny_model("llama", scaling);
    let plain = stock_logits(&tiny_model("llama", json!({})), &tokens(24));
    let expected = stock_logits(&model, &tokens(24));
    assert!(difference(&plain, &expected) > 10.0 * TOLERANCE, "the scaling changes nothing");
    let folder = tempfile::tempdir().unwrap();
    model.write_safetensors(folder.path(), DType::F32);
    check_ways("llama3 scaling", folder.path(), &expected, TOLERANCE);
}

#[test]
fn partial_rotation_matches_the_stock_model() {
    let model = tiny_model("phi3", json!({"partial_rotary_factor": 0.5}));
    let expected = stock_logits(&model, &tokens(24));
    let folder = tempfile::tempdir().unwrap();
    model.write_safetensors(folder.path(), DType::F32);
    check_ways("partial rotation", folder.path(), &expected, TOLERANCE);
}

/// Quantized kernels round the activations too, each position alone, so that every way of
/// driving the decoder still agrees with the stock model closely.
#[test]
fn quantized_llama_matches_the_stock_model() {
    let model = tiny_model("llama", json!({}));
    let tokens = tokens(24);
    for (dtype, name) in [(GgmlDType::Q8_0, "Q8_0"), (GgmlDType::Q4_0, "Q4_0")] {
        let folder = tempfile::tempdir().unwrap();
        let path = model.write_gguf(folder.path(), dtype);
        let mut file = std::fs::File::open(&path).unwrap();
        let content = gguf_file::Content::read(&mut file).unwrap();
        let mut stock =
            stock::quantized_llama::ModelWeights::from_gguf(content, &mut file, &Device::Cpu).unwrap();
        let rows: Vec<Tensor> = (0..tokens.len())
            .map(|i| stock.forward(&Tensor::new(&[[tokens[i]]], &Device::Cpu).unwrap(), i).unwrap())
            .collect();
        let expected = Tensor::cat(&rows, 0).unwrap();
        // An activation at the edge of two integers may fall to either side.
        assert_eq!(check_ways(name, &path, &expected, 0.1).quantization(), name);
    }
}

/// Rows of an odd number of Q4_1 blocks make candle's kernel assert; such a matrix is expanded.
#[test]
fn odd_rows_of_q4_1_are_expanded() {
    let mut model = tiny_model("llama", json!({}));
    for tensor in model.tensors.values_mut().filter(|tensor| tensor.rank() == 2) {
        let quantized = QTensor::quantize(tensor, GgmlDType::Q4_1).unwrap();
        *tensor = quantized.dequantize(&Device::Cpu).unwrap();
    }
    let tokens = tokens(24);
    let expected = stock_logits(&model, &tokens);
    let folder = tempfile::tempdir().unwrap();
    let path = model.write_gguf(folder.path(), GgmlDType::Q4_1);
    assert_eq!(check_ways("Q4_1", &path, &expected, 0.2).quantization(), "Q4_1");
}

/// A converter works the scaling of Llama 3.1 out into one divisor a frequency.
#[test]
fn rope_divisors_of_gguf_match_the_stock_model() {
    let scaling = json!({"rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }});
    let mut model = tiny_model("llama", scaling);
    let expected = stock_logits(&model, &tokens(24));
    let divisors: Vec<f32> = (0..8)
        .map(|i| {
            let wavelength = 2.0 * std::f64::consts::PI * 10000f64.powf(f64::from(i) / 8.0);
            let smooth = (32.0 / wavelength - 1.0) / (4.0 - 1.0);
            let divisor = match wavelength {
                short if short < 32.0 / 4.0 => 1.0,
                long if long > 32.0 / 1.0 => 8.0,
                _ => 1.0 / ((1.0 - smooth) / 8.0 + smooth),
            };
            divisor as f32
        })
        .collect();
    model.tensors.insert("rope_freqs.weight".into(), Tensor::new(divisors, &Device::Cpu).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = model.write_gguf(folder.path(), GgmlDType::F32);
    check_ways("rope divisors", &path, &expected, TOLERANCE);
}

/// A model that also sees images keeps its language part under a prefix and in `text_config`.
#[test]
fn language_parts_of_larger_models_are_found() {
    let model = tiny_model("gemma3", json!({}));
    let expected = stock_logits(&model, &tokens(24));
    for prefix in ["language_model.model.", "model.language_model."] {
        let tensors = model
            .tensors
            .iter()
            .map(|(name, tensor)| (name.replacen("model.", prefix, 1), tensor.clone()))
            .collect();
        let config = json!({"model_type": "gemma3", "text_config": model.config.clone()});
        let larger = TinyModel { family: "gemma3", config, tensors };
        let folder = tempfile::tempdir().unwrap();
        larger.write_safetensors(folder.path(), DType::F32);
        check_ways(prefix, folder.path(), &expected, TOLERANCE);
    }
}
