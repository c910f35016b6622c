//! A tiny llama with random weights and a byte-level tokenizer, written as GGUF: real enough for the whole line,
//! small enough for a test.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

const WIDTH: usize = 64;
const HIDDEN: usize = 128;
const LAYERS: usize = 2;
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const TEMPLATE: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Writes a model whose matrices are stored as `kind`; the same seed gives the same weights.
pub(crate) fn write_model(path: &Path, seed: u64, kind: GgmlDType) -> candle_core::Result<()> {
    let tokens = vocabulary();
    let vocabulary = tokens.len();
    let mut numbers = Numbers(seed);
    let mut tensors: Vec<(String, QTensor)> = Vec::new();
    let mut matrix = |name: &str, rows: usize, columns: usize| -> candle_core::Result<()> {
        let values: Vec<f32> = (0..rows * columns).map(|_| numbers.next() * 0.4).collect();
        let tensor = Tensor::from_vec(values, (rows, columns), &Device::Cpu)?;
        tensors.push((name.to_owned(), QTensor::quantize(&tensor, kind)?));
        Ok(())
    };

    matrix("token_embd.weight", vocabulary, WIDTH)?;

    for layer in 0..LAYERS {
        for (name, rows, columns) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, WIDTH),
            ("attn_v", WIDTH, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", HIDDEN, WIDTH),
            ("ffn_up", HIDDEN, WIDTH),
            ("ffn_down", WIDTH, HIDDEN),
        ] {
            matrix(&format!("blk.{layer}.{name}.weight"), rows, columns)?;
        }
    }

    let mut norms = vec!["output_norm.weight".to_owned()];
    for layer in 0..LAYERS {
        norms.extend(["attn_norm", "ffn_norm"].map(|name| format!("blk.{layer}.{name}.weight")));
    }

    for name in norms {
        let ones = Tensor::ones(WIDTH, candle_core::DType::F32, &Device::Cpu)?;
        tensors.push((name, QTensor::quantize(&ones, GgmlDType::F32)?));
    }
    let text = |text: &str| Value::String(text.to_owned());
    let number = |number: usize| Value::U32(u32::try_from(number).unwrap_or(u32::MAX));
    let texts = |texts: &[String]| Value::Array(texts.iter().map(|each| text(each)).collect());
    let kinds = (0..vocabulary).map(|id| Value::I32(if id < 256 { 1 } else { 3 })).collect();
    let metadata = [
        ("general.architecture", text("llama")),
        ("general.name", text("tiny")),
        ("llama.block_count", number(LAYERS)),
        ("llama.context_length", number(512)),
        ("llama.embedding_length", number(WIDTH)),
        ("llama.feed_forward_length", number(HIDDEN)),
        ("llama.attention.head_count", number(2)),
        ("llama.attention.head_count_kv", number(2)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.dimension_count", number(WIDTH / 2)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("llama.vocab_size", number(vocabulary)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("gpt-2")),
        ("tokenizer.ggml.tokens", texts(&tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds)),
        ("tokenizer.ggml.merges", texts(&["t h".to_owned(), "i n".to_owned()])),
        ("tokenizer.ggml.eos_token_id", number(258)),
        ("tokenizer.ggml.bos_token_id", number(257)),
        ("tokenizer.chat_template", text(TEMPLATE)),
    ];

    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    write(&mut BufWriter::new(File::create(path)?), &metadata, &tensors)
}

/// GPT-2's printable stand-ins for all 256 bytes, the special tokens, and the products of the merges.
fn vocabulary() -> Vec<String> {
    let printable = |byte: u32| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 256;
    let bytes = (0..256).map(|byte| {
        let code = if printable(byte) {
            byte
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).map_or_else(String::new, String::from)
    });
    let bytes: Vec<String> = bytes.collect();
    bytes.into_iter().chain(SPECIAL.map(str::to_owned)).chain(["th", "in"].map(str::to_owned)).collect()
}

/// xorshift64*, for weights that are the same everywhere. Values lie in (−1, 1).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        bits as f32 / (1_u64 << 23) as f32 - 1.0
    }
}
