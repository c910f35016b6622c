//! A small model of random weights, for trying out every command without a download: what it answers means nothing, and
//! its name says so.

use std::io::{BufWriter, Write};
use std::path::Path;

use infercost_weights::{Entry, TensorType};

use crate::error::ModelError;
use crate::gguf_write::{PlannedTensor, header_bytes, pad};
use crate::partial_file;

/// Numbers of a token's state; K-quants hold blocks of 256.
const WIDTH: u32 = 256;
const HIDDEN: u32 = 512;
const LAYERS: u32 = 2;
const HEADS: u32 = 4;
const CONTEXT: u32 = 2048;
const ALIGNMENT: u64 = 32;
/// Weights lie within this of zero, as wide as keeps states of this width near one.
const SPREAD: f32 = 0.08;
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const MERGES: [&str; 2] = ["t h", "i n"];
const TEMPLATE: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Writes the model to `out`: a llama of 256 numbers a token in full precision, the same everywhere.
///
/// # Errors
/// [`ModelError::Output`] where the file cannot be written.
pub fn write_demo(out: &Path) -> Result<(), ModelError> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = partial_file::create(folder).map_err(|cause| refused(out, cause))?;

    write(&mut BufWriter::new(&mut temporary)).map_err(|cause| refused(out, cause))?;
    temporary.persist(out).map_err(|error| refused(out, error.error))?;
    Ok(())
}

fn refused(out: &Path, cause: std::io::Error) -> ModelError {
    ModelError::Output { path: out.to_owned(), cause }
}

fn too_large() -> std::io::Error {
    std::io::Error::other("the model's sizes overflow")
}

fn planned(name: String, dimensions: Vec<u64>) -> PlannedTensor {
    PlannedTensor { name, dimensions, kind: TensorType::F32 }
}

fn write(out: &mut dyn Write) -> std::io::Result<()> {
    let tokens = vocabulary();
    let tensors = tensors(tokens.len() as u64);
    out.write_all(&header_bytes(&entries(&tokens), &tensors, ALIGNMENT).ok_or_else(too_large)?)?;

    let mut numbers = Numbers(SEED);
    for tensor in &tensors {
        let is_norm = tensor.dimensions.len() == 1;
        let count: u64 = tensor.dimensions.iter().product();
        for _ in 0..count {
            let weight = if is_norm { 1.0 } else { numbers.next() * SPREAD };
            out.write_all(&weight.to_le_bytes())?;
        }
        pad(out, tensor.bytes().ok_or_else(too_large)?, ALIGNMENT)?;
    }
    out.flush()
}

fn entries(tokens: &[String]) -> Vec<Entry> {
    let vocabulary = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
    let special = u32::try_from(SPECIAL.len()).unwrap_or(u32::MAX);

    // special tokens stand behind the 256 bytes, and the products of merges behind those
    let kinds: Vec<i32> =
        (0..vocabulary).map(|id| if (256..256 + special).contains(&id) { 3 } else { 1 }).collect();

    vec![
        Entry::text("general.architecture", "llama"),
        Entry::text("general.name", "demo: random weights"),
        Entry::u32("llama.block_count", LAYERS),
        Entry::u32("llama.context_length", CONTEXT),
        Entry::u32("llama.embedding_length", WIDTH),
        Entry::u32("llama.feed_forward_length", HIDDEN),
        Entry::u32("llama.attention.head_count", HEADS),
        Entry::u32("llama.attention.head_count_kv", HEADS),
        Entry::f32("llama.attention.layer_norm_rms_epsilon", 1e-5),
        Entry::u32("llama.rope.dimension_count", WIDTH / HEADS),
        Entry::f32("llama.rope.freq_base", 10_000.0),
        Entry::u32("llama.vocab_size", vocabulary),
        Entry::text("tokenizer.ggml.model", "gpt2"),
        Entry::text("tokenizer.ggml.pre", "gpt-2"),
        Entry::texts("tokenizer.ggml.tokens", tokens.iter().map(String::as_str)),
        Entry::i32s("tokenizer.ggml.token_type", kinds.into_iter()),
        Entry::texts("tokenizer.ggml.merges", MERGES.into_iter()),
        Entry::u32("tokenizer.ggml.eos_token_id", 258),
        Entry::u32("tokenizer.ggml.bos_token_id", 257),
        Entry::text("tokenizer.chat_template", TEMPLATE),
    ]
}

fn tensors(vocabulary: u64) -> Vec<PlannedTensor> {
    let (width, hidden) = (u64::from(WIDTH), u64::from(HIDDEN));
    // GGUF names the shortest stride first: columns, then rows

    let mut all = vec![planned("token_embd.weight".to_owned(), vec![width, vocabulary])];
    for layer in 0..LAYERS {
        for (name, columns, rows) in [
            ("attn_q", width, width),
            ("attn_k", width, width),
            ("attn_v", width, width),
            ("attn_output", width, width),
            ("ffn_gate", width, hidden),
            ("ffn_up", width, hidden),
            ("ffn_down", hidden, width),
        ] {
            all.push(planned(format!("blk.{layer}.{name}.weight"), vec![columns, rows]));
        }
        for name in ["attn_norm", "ffn_norm"] {
            all.push(planned(format!("blk.{layer}.{name}.weight"), vec![width]));
        }
    }
    all.push(planned("output_norm.weight".to_owned(), vec![width]));
    all
}

/// GPT-2's printable characters for all 256 bytes, the special tokens, and the products of the merges.
fn vocabulary() -> Vec<String> {
    let mut tokens = Vec::new();
    let mut next = 256;
    for byte in 0..256_u32 {
        let is_printable = matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
        let code = if is_printable { byte } else { next };
        next += u32::from(!is_printable);
        tokens.push(char::from_u32(code).map_or_else(String::new, String::from));
    }
    tokens.extend(SPECIAL.map(str::to_owned));
    tokens.extend(MERGES.map(|merge| merge.replace(' ', "")));
    tokens
}

/// xorshift64* of Vigna (2016): numbers between −1 and 1 that are the same everywhere.
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn it_is_a_whole_model_and_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["a.gguf", "b.gguf"].map(|name| folder.path().join(name));
        write_demo(&one).unwrap();
        write_demo(&other).unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());

        let facts = crate::inspect(&one).unwrap();
        assert_eq!(facts.architecture.as_deref(), Some("llama"));
        assert_eq!(facts.name.as_deref(), Some("demo: random weights"));
        let matrices = 4 * 256 * 256 + 3 * 256 * 512 + 2 * 256;
        assert_eq!(facts.parameters, 261 * 256 + 2 * matrices + 256);

        // quantized as any other
        let quantized = folder.path().join("q.gguf");
        let origin = infercost_core::manifest::Provenance::Local { file: "a.gguf".to_owned() };
        crate::convert::quantize(
            &one,
            &origin,
            crate::Recipe::parse("Q4_K").unwrap(),
            &quantized,
            &mut |_| {},
        )
        .unwrap();
        assert!(std::fs::metadata(&quantized).unwrap().len() * 3 < std::fs::metadata(&one).unwrap().len());
    }
}
