//! Tokenizers and chat templates against values that llama.cpp gave (`benches/tokenizers/compare.py`).

#![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod chat;
mod folder;
mod hostile;
mod models;
mod synthetic;

use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};
use serde_json::Value;

/// A file or folder of what was made elsewhere.
fn golden_file(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The lines of a golden file.
fn golden(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(golden_file(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Checks one text: `expected` holds the tokens with special tokens parsed, and a second list where
/// taking them for text makes a difference.
fn check(tokenizer: &TextTokenizer, name: &str, text: &str, expected: &Value) {
    let lists = expected.as_array().unwrap();
    let ids = |list: &Value| -> Vec<u32> {
        let list = list.as_str().unwrap().split_whitespace();
        list.map(|id| u32::from_str_radix(id, 36).unwrap()).collect()
    };
    for (special, list) in
        [(Special::Parse, lists.first().unwrap()), (Special::AsText, lists.last().unwrap())]
    {
        let found = tokenizer.encode(text, special, Boundaries::AsConfigured).unwrap();
        assert_eq!(found, ids(list), "{name}, {special:?}: {text:?}");
    }
}
