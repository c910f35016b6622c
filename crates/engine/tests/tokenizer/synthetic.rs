//! Made-up vocabularies in which nearly every neighbor can merge, so that a wrong split or a wrong
//! order of merges changes the tokens. `benches/tokenizers/synthetic.py` builds the same ones.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;
use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};

use super::{check, golden};

pub(super) type Metadata = HashMap<String, Value>;

const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER: i32 = 4;
const BYTE: i32 = 6;

fn byte_character(byte: u8) -> char {
    let code = match byte {
        0..=0x20 => 0x100 + u32::from(byte),
        0x7F..=0xA0 => 0x121 + u32::from(byte) - 0x7F,
        0xAD => 0x143,
        _ => u32::from(byte),
    };
    char::from_u32(code).unwrap()
}

fn metadata(model: &str, tokens: Vec<String>, kinds: Vec<i32>) -> Metadata {
    let texts = tokens.into_iter().map(Value::String).collect();
    let kinds = kinds.into_iter().map(Value::I32).collect();
    HashMap::from([
        ("tokenizer.ggml.model".to_owned(), Value::String(model.to_owned())),
        ("tokenizer.ggml.tokens".to_owned(), Value::Array(texts)),
        ("tokenizer.ggml.token_type".to_owned(), Value::Array(kinds)),
    ])
}

pub(super) fn byte_pair(pre: &str) -> Metadata {
    let alphabet = b"019aestSTDlLvVrREm'\n\r !./-$`_\xC3\xA9\x89\xCC\x81\xC2\xA0\xBD";
    let letters: Vec<String> = alphabet.iter().map(|b| byte_character(*b).to_string()).collect();
    let mut tokens: Vec<String> =
        (0..=255).filter(|byte| *byte != 0x04).map(|byte| byte_character(byte).to_string()).collect();
    let mut merges = Vec::new();

    for left in &letters {
        merges.extend(letters.iter().map(|right| (left.clone(), right.clone())));
    }

    for first in "019".chars() {
        for second in "019".chars() {
            merges.extend("019".chars().map(|third| (format!("{first}{second}"), third.to_string())));
        }
    }

    tokens.extend(merges.iter().map(|(left, right)| format!("{left}{right}")));
    tokens.push("aaaaa".to_owned());
    let mut kinds = vec![NORMAL; tokens.len()];

    for (text, kind) in [
        ("<|ctl|>", CONTROL),
        ("<|ctl|><", CONTROL),
        ("[usr]", USER),
        ("  ", USER),
        ("<unk>", UNKNOWN),
        ("<|im_end|>", NORMAL),
    ] {
        tokens.push(text.to_owned());
        kinds.push(kind);
    }

    let mut metadata = metadata("gpt2", tokens, kinds);
    let merges = merges.into_iter().map(|(left, right)| Value::String(format!("{left} {right}"))).collect();
    metadata.insert("tokenizer.ggml.merges".to_owned(), Value::Array(merges));
    metadata.insert("tokenizer.ggml.pre".to_owned(), Value::String(pre.to_owned()));
    metadata.insert("tokenizer.ggml.bos_token_id".to_owned(), Value::U32(0));
    metadata.insert("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(1));
    metadata
}

pub(super) fn sentence_piece() -> Metadata {
    let letters: Vec<char> = "▁abcé中1<".chars().collect();
    let mut words: Vec<String> = letters.iter().map(char::to_string).collect();
    for a in &letters {
        words.extend(letters.iter().map(|b| format!("{a}{b}")));
    }
    let few = letters.get(..4).unwrap();
    for a in few {
        for b in few {
            words.extend(few.iter().map(|c| format!("{a}{b}{c}")));
        }
    }
    words.extend(["abcabc".to_owned(), "▁abc▁abc".to_owned()]);

    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    tokens.extend((0..=255_u8).map(|byte| format!("<0x{byte:02X}>")));
    let mut kinds = vec![UNKNOWN, CONTROL, CONTROL];
    kinds.resize(tokens.len(), BYTE);
    let mut scores = vec![0.0_f32; tokens.len()];
    for (index, word) in (0_u16..).zip(words) {
        tokens.push(word);
        kinds.push(NORMAL);
        scores.push(-f32::from((u32::from(index) * 7919 % 61) as u8));
    }
    for (text, kind) in [
        ("<|ctl|>", CONTROL),
        ("\n\n", USER),
        ("[usr]", USER),
        ("  ", USER),
        ("<end_of_turn>", NORMAL),
        ("<|endoftext|>", CONTROL),
    ] {
        tokens.push(text.to_owned());
        kinds.push(kind);
        scores.push(0.0);
    }
    let mut metadata = metadata("llama", tokens, kinds);
    let scores = scores.into_iter().map(Value::F32).collect();
    metadata.insert("tokenizer.ggml.scores".to_owned(), Value::Array(scores));
    metadata
}

fn named(name: &str) -> Metadata {
    let mut metadata = match name {
        "llama" | "llama without prefix" | "llama phi-3" => sentence_piece(),
        pre => return byte_pair(pre),
    };
    let mut set = |key: &str, value| metadata.insert(key.to_owned(), value);
    match name {
        "llama without prefix" => {
            set("tokenizer.ggml.add_space_prefix", Value::Bool(false));
            set("tokenizer.ggml.add_eos_token", Value::Bool(true));
        }
        "llama phi-3" => {
            set("general.name", Value::String("Phi-3 mini".to_owned()));
            set("tokenizer.ggml.add_bos_token", Value::Bool(false));
        }
        _ => {}
    }
    metadata
}

#[test]
fn made_up_vocabularies_give_llama_cpps_tokens() {
    let mut tokenizers: HashMap<String, TextTokenizer> = HashMap::new();
    let lines = golden("synthetic.jsonl");
    for line in &lines {
        let name = line[0].as_str().unwrap();
        let tokenizer = tokenizers
            .entry(name.to_owned())
            .or_insert_with(|| TextTokenizer::from_gguf(&named(name)).unwrap());
        check(tokenizer, name, line[1].as_str().unwrap(), &line[2]);
    }
    assert_eq!((tokenizers.len(), lines.len()), (13, 13 * 120));
}

#[test]
fn texts_come_back_from_their_tokens() {
    let tokenizer = TextTokenizer::from_gguf(&byte_pair("qwen2")).unwrap();
    assert_eq!(tokenizer.missing_bytes(), [0x04]);
    for text in ["", "a", "straße 19é\u{301}\n\n  😀", "x<|ctl|>y"] {
        let tokens = tokenizer.encode(text, Special::AsText, Boundaries::Omit).unwrap();
        assert_eq!(tokenizer.decode(&tokens), text);
        let mut stream = tokenizer.decode_stream();
        let mut streamed = String::new();
        for token in tokens {
            let piece = stream.push(token);
            assert!(!piece.contains('\u{fffd}'), "{text:?} was cut within a character");
            streamed.push_str(&piece);
        }
        streamed.push_str(&stream.finish());
        assert_eq!(streamed, text);
    }
}

#[test]
fn streams_hold_back_what_may_become_a_character() {
    let tokenizer = TextTokenizer::from_gguf(&sentence_piece()).unwrap();
    let byte = |byte: u8| tokenizer.token_named(&format!("<0x{byte:02X}>")).unwrap();
    let check = |bytes: &[u8], expected: &[&str], end: &str| {
        let mut stream = tokenizer.decode_stream();
        let pieces: Vec<String> = bytes.iter().map(|b| stream.push(byte(*b))).collect();
        assert_eq!(pieces, expected, "{bytes:02X?}");
        assert_eq!(stream.finish(), end, "{bytes:02X?}");
    };
    check("é".as_bytes(), &["", "é"], "");
    check("😀a".as_bytes(), &["", "", "", "😀", "a"], "");
    check(&[0xFF, b'a'], &["\u{fffd}", "a"], "");
    check(&[0xE2, 0x82], &["", ""], "\u{fffd}");
    check(&[0xE2, 0x82, b'a'], &["", "", "\u{fffd}a"], "");
    check(&[0xE2, 0xC3, 0xA9], &["", "\u{fffd}", "é"], "");
    check(&[0x80], &["\u{fffd}"], "");
    check(&[0xE0, 0x80], &["", "\u{fffd}\u{fffd}"], "");

    let mut stream = tokenizer.decode_stream();
    let control = tokenizer.token_named("<|ctl|>").unwrap();
    assert_eq!(stream.push(byte(0xC3)) + &stream.push(control) + &stream.push(byte(0xA9)), "é");
    assert_eq!(stream.push(u32::MAX), "");
}

#[test]
fn roles_follow_the_metadata() {
    let tokenizer = TextTokenizer::from_gguf(&sentence_piece()).unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.unknown()), (Some(1), Some(2), Some(0)));
    let turn = tokenizer.token_named("<end_of_turn>");
    assert_eq!(tokenizer.eot(), turn);
    let text = tokenizer.token_named("<|endoftext|>");
    assert_eq!(
        tokenizer.stop_tokens().iter().copied().collect::<Vec<_>>(),
        [2, turn.unwrap(), text.unwrap()]
    );
    // Files call it normal; it ends turns all the same and is not shown.
    assert!(tokenizer.is_control(turn.unwrap()));
    assert_eq!(tokenizer.token_bytes(tokenizer.token_named("▁a").unwrap()).unwrap(), b" a");
    assert_eq!(tokenizer.token_bytes(3 + 0xE9).unwrap(), [0xE9]);
    assert_eq!(tokenizer.token_bytes(u32::MAX), None);

    let prompt = |text: &str| tokenizer.encode_prompt(text).unwrap();
    assert_eq!(prompt("<s>a"), prompt("a"));

    let pieces = tokenizer.encode_pieces("é😀", Special::AsText, Boundaries::Omit).unwrap();
    let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
    assert_eq!(bytes, " é😀".as_bytes());
}

#[test]
fn fingerprints_tell_tokenizers_apart() {
    let of = |metadata: &Metadata| TextTokenizer::from_gguf(metadata).unwrap().fingerprint().to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for name in ["smollm", "qwen2", "llama", "llama without prefix", "llama phi-3"] {
        assert!(seen.insert(of(&named(name))), "{name}");
        assert_eq!(of(&named(name)).len(), 64);
    }
    // Two names for one rule.
    assert_eq!(of(&byte_pair("smollm")), of(&byte_pair("starcoder")));
    // What does not bear on tokens does not count.
    let mut titled = sentence_piece();
    titled.insert("general.name".to_owned(), Value::String("another".to_owned()));
    assert_eq!(of(&titled), of(&sentence_piece()));
    // A score, a merge and a type do.
    let mut scored = sentence_piece();
    if let Some(Value::Array(scores)) = scored.get_mut("tokenizer.ggml.scores") {
        scores[300] = Value::F32(-1.25);
    }
    assert!(seen.insert(of(&scored)));
    let mut merged = byte_pair("smollm");
    if let Some(Value::Array(merges)) = merged.get_mut("tokenizer.ggml.merges") {
        merges.swap(1, 2);
    }
    assert!(seen.insert(of(&merged)));
}

#[test]
fn the_weights_must_have_the_vocabularys_size() {
    let tokenizer = TextTokenizer::from_gguf(&sentence_piece()).unwrap();
    let size = tokenizer.vocabulary_size();
    assert!(tokenizer.check_vocabulary(size).is_ok());
    let message = tokenizer.check_vocabulary(size + 1).unwrap_err().to_string();
    assert!(message.contains(&size.to_string()) && message.contains(&(size + 1).to_string()), "{message}");
}
