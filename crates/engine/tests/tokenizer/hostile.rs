//! Metadata that lies: every case is a typed error, and none a panic.

use candle_core::quantized::gguf_file::Value;
use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};
use proptest::prelude::*;

use super::synthetic::{Metadata, byte_pair, sentence_piece};

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn check(mut metadata: Metadata, key: &str, value: Option<Value>, expected: &str) {
    let shown = format!("{key} = {value:.60?}");
    match value {
        Some(value) => metadata.insert(key.to_owned(), value),
        None => metadata.remove(key),
    };
    let error = TextTokenizer::from_gguf(&metadata).expect_err(&shown).to_string();
    assert!(error.contains(expected), "{shown} gives {error:?}, not {expected:?}");
    assert!(!error.chars().any(char::is_control), "{error:?}");
}

#[test]
fn byte_pair_metadata_is_checked() {
    let check = |key: &str, value: Option<Value>, expected: &str| {
        check(byte_pair("smollm"), &format!("tokenizer.ggml.{key}"), value, expected);
    };
    let one = |value: Value| Some(Value::Array(vec![value]));
    check("model", None, "`tokenizer.ggml.model`");
    check("model", Some(Value::U32(1)), "not a text");
    check(
        "model",
        Some(text("bert\u{1b}[2J")),
        r"`bert\u{1b}[2J` are not supported; supported are: gpt2, llama",
    );

    check("pre", None, "does not say how text is split");
    check("pre", Some(text("")), "does not say how text is split");
    check("pre", Some(text("martian")), "`martian` is not supported; supported are: default, gpt-2");
    check("pre", Some(Value::Bool(true)), "not a text");
    check("tokens", None, "has no `tokenizer.ggml.tokens`");
    check("tokens", Some(text("a")), "not a list of texts");
    check("tokens", one(Value::U8(1)), "not a list of texts");
    check("tokens", one(text("a")), "has 1658 entries for 1 tokens");
    check("tokens", Some(Value::Array(Vec::new())), "entries for 0 tokens");
    check("token_type", one(Value::I32(1)), "has 1 entries for 1658 tokens");
    check("token_type", Some(Value::Array(vec![Value::I32(-1); 1658])), "token 0 has the type -1");
    check("token_type", Some(Value::Array(vec![Value::U64(u64::MAX); 1658])), "token 0 has the type");
    check("token_type", Some(Value::Array(vec![Value::F32(1.0); 1658])), "not a list of whole numbers");
    check("token_type", Some(Value::Array(vec![Value::I32(6); 1658])), "not `<0xHH>`");
    check("merges", None, "has no `tokenizer.ggml.merges`");
    check("merges", one(text("a")), "merge rule 0 is `a`");
    check("merges", one(text(" ")), "merge rule 0 is ` `");
    check("merges", one(text("a ")), "merge rule 0 is `a `");
    check("merges", one(text("é a")), "needs the token");
    check("merges", one(text("a 中")), "needs the token `中`");
    check("merges", one(text("z z")), "needs the token `zz`");
    check("bos_token_id", Some(Value::U32(1658)), "is 1658, outside the vocabulary of 1658");
    check("bos_token_id", Some(Value::I64(-1)), "is -1, outside");
    check("eos_token_id", Some(text("x")), "not a token id");
    check("eot_token_id", Some(Value::U64(u64::MAX)), "outside the vocabulary");
    check("fim_pad_token_id", Some(Value::I8(-3)), "is -3");
    check("add_bos_token", Some(Value::U8(1)), "not true or false");
}

#[test]
fn sentence_piece_metadata_is_checked() {
    let size = match sentence_piece().get("tokenizer.ggml.tokens") {
        Some(Value::Array(tokens)) => tokens.len(),
        _ => 0,
    };
    let check = |key: &str, value: Option<Value>, expected: &str| {
        check(sentence_piece(), &format!("tokenizer.ggml.{key}"), value, expected);
    };
    check("scores", None, "has no `tokenizer.ggml.scores`");
    check("scores", Some(Value::Array(vec![Value::F32(0.0)])), "has 1 entries for");
    check("scores", Some(Value::Array(vec![Value::F32(f32::NAN); size])), "score of token 0 is not a number");
    check("scores", Some(Value::Array(vec![text("x"); size])), "not a list of numbers");
    check("unknown_token_id", Some(Value::U32(u32::MAX)), "outside the vocabulary");
    check("add_space_prefix", Some(text("yes")), "not true or false");
}

#[test]
fn missing_boundary_tokens_and_fallbacks_are_errors() {
    let mut metadata = byte_pair("llama-bpe");
    metadata.remove("tokenizer.ggml.bos_token_id");
    check(
        metadata,
        "tokenizer.ggml.add_eos_token",
        None,
        "asks for a token by `tokenizer.ggml.add_bos_token`",
    );

    let tokens = |texts: &[&str]| Value::Array(texts.iter().map(|t| text(t)).collect());
    let mut metadata = byte_pair("gpt-2");
    metadata.remove("tokenizer.ggml.token_type");
    check(metadata, "tokenizer.ggml.tokens", Some(tokens(&["a", "b", "a"])), "tokens 0 and 2 are both `a`");

    // Without byte tokens there must be an unknown token; with one, text still has tokens.
    let mut metadata = sentence_piece();
    metadata.remove("tokenizer.ggml.token_type");
    metadata.insert("tokenizer.ggml.scores".to_owned(), Value::Array(vec![Value::F32(0.0); 3]));
    metadata.insert("tokenizer.ggml.tokens".to_owned(), tokens(&["?", "<s>", ""]));
    let tokenizer = TextTokenizer::from_gguf(&metadata).unwrap();
    assert_eq!(tokenizer.encode("a", Special::AsText, Boundaries::Omit).unwrap(), [0, 0, 0, 0]);
    assert_eq!(tokenizer.token_text(2), Some("[EMPTY_2]"));
    metadata.insert("tokenizer.ggml.scores".to_owned(), Value::Array(Vec::new()));
    check(metadata, "tokenizer.ggml.tokens", Some(tokens(&[])), "0 tokens, which cannot be right");
}

/// Quadratic work would take minutes here.
#[test]
fn long_runs_take_linear_time() {
    for metadata in [byte_pair("smollm"), byte_pair("tekken"), byte_pair("default"), sentence_piece()] {
        let tokenizer = TextTokenizer::from_gguf(&metadata).unwrap();
        for unit in ["a", " ", "\n", "ab", "1", "<|ctl|>", "<|ctl|", "'", "é", "中"] {
            let started = std::time::Instant::now();
            let tokens = tokenizer.encode(&unit.repeat(5_000), Special::Parse, Boundaries::Omit).unwrap();
            assert!(!tokens.is_empty());
            assert!(started.elapsed().as_secs() < 30, "{unit:?} took {:?}", started.elapsed());
        }
    }
}

proptest! {
    /// Any text keeps its bytes, whatever is split and merged.
    #[test]
    fn any_text_keeps_its_bytes(text in "(\\PC|[ \n\t\r']|<\\|ctl\\|>|é|\u{301}){0,40}") {
        for pre in ["default", "gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "tekken", "gpt-4o", "falcon"] {
            let tokenizer = TextTokenizer::from_gguf(&byte_pair(pre)).unwrap();
            let pieces = tokenizer.encode_pieces(&text, Special::Parse, Boundaries::Omit).unwrap();
            let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
            let kept: Vec<u8> = text.bytes().filter(|byte| *byte != 0x04).collect();
            prop_assert_eq!(bytes, kept, "{}", pre);
        }
    }
}
