//! Parsers that take files: the bytes are put into one first.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};
use infercost_trace::run_reader::{HEADER_FILE, SPANS_FILE};
use tempfile::TempDir;

thread_local! {
    /// A folder of this thread's own; in memory where the system has such a place.
    static FOLDER: OnceCell<Option<TempDir>> = const { OnceCell::new() };
}

/// Calls `then` with this thread's folder, where there can be one.
fn in_folder(then: impl FnOnce(&Path)) {
    let make = || {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { tempfile::tempdir_in(memory).ok() } else { tempfile::tempdir().ok() }
    };
    FOLDER.with(|folder| {
        if let Some(folder) = folder.get_or_init(make) {
            then(folder.path());
        }
    });
}

/// Writes the bytes under `name`, and calls `then` with the path and the folder.
fn with_file(name: &str, data: &[u8], then: impl FnOnce(&Path)) {
    in_folder(|folder| {
        let path: PathBuf = folder.join(name);
        if fs::write(&path, data).is_ok() {
            then(&path);
        }
        let _ = fs::remove_file(&path);
    });
}

/// A GGUF file's header: what `models inspect` shows of it.
pub fn fuzz_gguf(data: &[u8]) {
    with_file("model.gguf", data, |path| {
        let _ = infercost_models::inspect(path);
    });
}

/// A safetensors file's header.
pub fn fuzz_safetensors(data: &[u8]) {
    with_file("model.safetensors", data, |path| {
        let _ = infercost_models::inspect(path);
    });
}

/// A `tokenizer.json`, and with it a short text there and back.
pub fn fuzz_tokenizer(data: &[u8]) {
    with_file("tokenizer.json", data, tokenize);
}

/// A `tokenizer_config.json` beside a small tokenizer.
pub fn fuzz_tokenizer_config(data: &[u8]) {
    const SMALL: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}"#;
    with_file("tokenizer.json", SMALL.as_bytes(), |tokenizer| {
        with_file("tokenizer_config.json", data, |_| tokenize(tokenizer));
    });
}

fn tokenize(path: &Path) {
    let Some(folder) = path.parent() else { return };
    let Ok(tokenizer) = TextTokenizer::from_folder(folder) else { return };
    if let Ok(tokens) = tokenizer.encode("ab, a pear <s>", Special::Parse, Boundaries::AsConfigured) {
        let _ = tokenizer.decode(&tokens);
    }
}

/// Another program's traces: JSON of any kind that is read, or protobuf, compressed or not.
pub fn fuzz_foreign_trace(data: &[u8]) {
    with_file("traces", data, |path| {
        let _ = infercost_trace::foreign::read_file(path);
    });
}

/// A run: what stands before the first blank line is the header, the rest are the spans. Of a run without a header of its
/// own, `run.json` beside this file is taken.
pub fn fuzz_run(data: &[u8]) {
    const HEADER: &str = include_str!("run.json");

    let split = data.windows(2).position(|pair| pair == b"\n\n");
    let (header, spans) = match split.and_then(|place| data.split_at_checked(place)) {
        Some((header, spans)) if header.starts_with(b"{\"schema\"") => (header, spans),
        _ => (HEADER.as_bytes(), data),
    };
    with_file(HEADER_FILE, header, |path| {
        let Some(folder) = path.parent() else { return };
        with_file(SPANS_FILE, spans, |_| {
            let _ = infercost_trace::read_run(folder);
            let _ = infercost_trace::is_finished(folder);
        });
    });
}
