//! Tokenizers and chat templates against values that llama.cpp gave (`benches/tokenizers/compare.py`).

#![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod chat;
mod folder;
mod hostile;
mod models;
mod synthetic;

use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};
use serde_json::Value;

/// Runs the calling test in a process of its own that may take 6 GB of memory, and says whether it did: the caller is then
/// done. A thread's stack of 1 GiB that nobody uses counts.
fn bounded(test: &str) -> bool {
    const INSIDE: &str = "INFERCOST_BOUNDED_TEST";
    if !cfg!(target_os = "linux") || std::env::var_os(INSIDE).is_some() {
        return false;
    }

    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -v 6000000 && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let run = command.args(["--exact", test]).env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{}: {said}{}", run.status, String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "{said}");
    true
}

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
