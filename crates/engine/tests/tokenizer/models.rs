//! The real vocabularies. The weights are not in the repository, so these tests say when they did not run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use infercost_engine::chat_template::{ChatMessage, ChatTemplate};
use infercost_engine::tokenizer::TextTokenizer;

use super::{check, golden};

/// The metadata of a model file: `variable` names it, or it lies somewhere in infercost's cache.
fn metadata(variable: &str, file: &str) -> Option<HashMap<String, Value>> {
    let path = std::env::var_os(variable).map(PathBuf::from).or_else(|| in_cache(file));
    let Some(path) = path else {
        write_note(&format!("SKIPPED: {file} is not in the cache; name it by {variable}"));
        return None;
    };
    let mut reader = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    Some(Content::read(&mut reader).unwrap().metadata)
}

/// Says that a test was skipped.
#[expect(clippy::explicit_write, reason = "the test runner captures eprintln, and a skipped test must show")]
fn write_note(note: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{note}").unwrap();
}

fn in_cache(file: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("INFERCOST_CACHE").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(Path::new(&home).join(".cache/infercost"))
    })?;
    let mut folders = vec![(cache, 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name() == file {
                return Some(entry.path());
            }
            if depth < 4 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    None
}

fn check_all(metadata: &HashMap<String, Value>, name: &str, column: usize) -> TextTokenizer {
    let tokenizer = TextTokenizer::from_gguf(metadata).unwrap();
    let lines = golden("models.jsonl");
    assert!(lines.len() >= 2000);
    for line in &lines {
        check(&tokenizer, name, line[0].as_str().unwrap(), &line[column]);
    }
    tokenizer
}

#[test]
fn smollm2_gives_llama_cpps_tokens() {
    let Some(metadata) = metadata("INFERCOST_TEST_SMOLLM2", "SmolLM2-135M-Instruct.Q4_1.gguf") else {
        return;
    };
    let tokenizer = check_all(&metadata, "smollm2", 1);
    assert_eq!(tokenizer.vocabulary_size(), 49_152);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.eot()), (Some(1), Some(2), Some(2)));
    assert_eq!(tokenizer.stop_tokens().iter().copied().collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(tokenizer.missing_bytes().len(), 21);

    let template = ChatTemplate::from_gguf(&metadata).unwrap().unwrap();
    let prompt =
        template.render(&[ChatMessage::new("user", "Hello")], true, "<|im_start|>", "<|im_end|>").unwrap();
    let expected = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face\
        <|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(prompt, expected);
}

#[test]
fn gemma3_gives_llama_cpps_tokens() {
    let Some(metadata) = metadata("INFERCOST_TEST_GEMMA3", "gemma-3-270m-q4_k_m.gguf") else { return };
    let tokenizer = check_all(&metadata, "gemma3", 2);
    assert_eq!(tokenizer.vocabulary_size(), 262_144);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.eot()), (Some(2), Some(1), Some(106)));
    assert_eq!(tokenizer.stop_tokens().iter().copied().collect::<Vec<_>>(), [1, 106, 212]);
    assert!(ChatTemplate::from_gguf(&metadata).unwrap().is_none());
}
