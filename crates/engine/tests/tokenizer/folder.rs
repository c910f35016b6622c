//! Tokenizers and templates in a model's folder.

use std::path::Path;

use infercost_engine::chat_template::{ChatMessage, ChatTemplate};
use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};

use super::bounded;

const BYTE_LEVEL: &str = r#"{
  "version": "1.0",
  "added_tokens": [
    {"id": 7, "content": "<|im_end|>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
    {"id": 8, "content": "<s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
    {"id": 9, "content": "[usr]", "special": false, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}
  ],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": false, "byte_fallback": false,
    "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "Ã": 5, "<": 6}, "merges": ["a b", "Ġ ab"]}
}"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn a_folder_gives_tokens_and_roles() {
    let config = r#"{"bos_token": {"content": "<s>"}, "eos_token": "<|im_end|>", "add_bos_token": true}"#;
    let files = folder(&[
        ("tokenizer.json", BYTE_LEVEL),
        ("tokenizer_config.json", config),
        ("generation_config.json", r#"{"eos_token_id": [7, 3, 77]}"#),
    ]);
    let tokenizer = TextTokenizer::from_folder(files.path()).unwrap();
    let encode = |text, special, boundaries| tokenizer.encode(text, special, boundaries).unwrap();
    assert_eq!(encode("ab ab", Special::Parse, Boundaries::AsConfigured), [8, 3, 4]);
    assert_eq!(encode("ab<|im_end|>", Special::Parse, Boundaries::Omit), [3, 7]);
    assert_eq!(encode("a<s>", Special::AsText, Boundaries::Omit), [0, 6]);
    assert_eq!(tokenizer.encode_prompt("<s>ab").unwrap(), [8, 3]);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.eot()), (Some(8), Some(7), Some(7)));
    assert_eq!(tokenizer.stop_tokens().iter().copied().collect::<Vec<_>>(), [3, 7]);
    assert_eq!(tokenizer.decode(&[4, 7, 9, 3]), " ab[usr]ab");
    assert_eq!(tokenizer.token_bytes(5), Some(vec![0xC3]));
    assert!(tokenizer.is_control(7) && !tokenizer.is_control(9));
    assert_eq!(tokenizer.vocabulary_size(), 10);
    // Embeddings with padded rows are usual here.
    assert!(tokenizer.check_vocabulary(64).is_ok());
    assert!(tokenizer.check_vocabulary(9).is_err());
}

/// A folder whose `name` is a link to `target`.
#[cfg(unix)]
fn with_link(name: &str, target: &Path) -> tempfile::TempDir {
    let files = folder(&[("tokenizer.json", BYTE_LEVEL)]);
    let link = files.path().join(name);
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(target, &link).unwrap();
    files
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_regular_files_alone_and_show_nothing_of_them() {
    let outside = tempfile::tempdir().unwrap();
    let pipe = outside.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let secret = outside.path().join("id_ed25519");
    std::fs::write(&secret, "{\"private\": \"hunter2\", broken").unwrap();

    for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
        // a link to itself, a device without end, a folder, a pipe that nobody writes to
        let own = with_link(name, Path::new(name));
        let targets = [own, with_link(name, Path::new("/dev/zero")), with_link(name, outside.path())];
        for files in targets.iter().chain([&with_link(name, &pipe)]) {
            let tokenizer =
                TextTokenizer::from_folder(files.path()).map(drop).map_err(|error| error.to_string());
            let template =
                ChatTemplate::from_folder(files.path()).map(drop).map_err(|error| error.to_string());
            let said = tokenizer.and(template).unwrap_err();
            assert!(said.contains(name), "{said}");
        }
    }

    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let files = with_link(name, &secret);
        let said = TextTokenizer::from_folder(files.path()).unwrap_err().to_string();
        assert!(said.contains(name) && !said.contains("hunter2"), "{said}");
    }

    // the hub's cache is made of links, so a link to a whole file is as good as the file
    let whole = outside.path().join("whole.json");
    std::fs::write(&whole, BYTE_LEVEL).unwrap();
    assert!(TextTokenizer::from_folder(with_link("tokenizer.json", &whole).path()).is_ok());
}

#[test]
fn malformed_folders_are_errors() {
    let check = |files: &[(&str, &str)], expected: &str| {
        let files = folder(files);
        let error = TextTokenizer::from_folder(files.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?}, not {expected:?}");
    };
    check(&[], "cannot read");
    check(&[("tokenizer.json", "{")], "tokenizer.json");
    check(&[("tokenizer.json", "{}")], "no other is supported");
    check(&[("tokenizer.json", &BYTE_LEVEL.replace("\"Ġ ab\"", "\"Ġab Ġab\""))], "merge 1 makes");
    check(&[("tokenizer.json", &BYTE_LEVEL.replace("\"<\": 6", "\"<\": 4000000000"))], "cannot be right");
    check(&[("tokenizer.json", BYTE_LEVEL), ("tokenizer_config.json", "[")], "tokenizer_config.json");
}

/// The byte-level tokenizer with another value of one of its parts.
fn with(part: &str, value: &str) -> String {
    let mut json: serde_json::Value = serde_json::from_str(BYTE_LEVEL).unwrap();
    *json.pointer_mut(part).unwrap() = serde_json::from_str(value).unwrap();
    json.to_string()
}

#[test]
fn a_tokenizer_that_makes_much_of_little_is_refused() {
    if bounded("folder::a_tokenizer_that_makes_much_of_little_is_refused") {
        return;
    }

    // also once it is loaded: what is not refused has to tokenize a text in its place
    let load = |json: &str| {
        let files = folder(&[("tokenizer.json", json)]);
        let tokenizer = TextTokenizer::from_folder(files.path()).map_err(|error| error.to_string())?;
        tokenizer
            .encode(&"ab".repeat(5000), Special::Parse, Boundaries::AsConfigured)
            .map_err(|error| error.to_string())
    };
    let refused = |part: &str, value: &str, expected: &str| {
        let error = load(&with(part, value)).map(|tokens| tokens.len()).unwrap_err();
        assert!(
            error.contains("tokenizer.json") && error.contains(expected),
            "{value:.200}: {error}, not {expected}"
        );
    };
    let sequence =
        |kind: &str, steps: &[&str]| format!(r#"{{"type":"Sequence","{kind}":[{}]}}"#, steps.join(","));

    let tenfold = r#"{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"}"#;
    refused("/normalizer", &sequence("normalizers", &[tenfold; 10]), "20000000000 times as long");
    let unknown = sequence("normalizers", &[tenfold; 10]).replace("\"Sequence\"", "\"Sequences\"");
    refused("/normalizer", &unknown, "a step of the kind `Sequences`, which is not known");
    refused("/normalizer", &unknown.replace(r#""type":"Sequences","#, ""), "of the kind ``");
    let nested = sequence("normalizers", &[&sequence("normalizers", &[tenfold; 3]), tenfold]);
    refused("/normalizer", &nested, "20000 times as long");
    let empty_matches = r#"{"type":"Replace","pattern":{"Regex":"x*"},"content":"aaaa"}"#;
    refused("/normalizer", &sequence("normalizers", &[empty_matches; 8]), "times as long");
    let long = format!(r#"{{"type":"Prepend","prepend":"{}"}}"#, "a".repeat(100));
    refused("/normalizer", &long, "202 times as long");
    let bytes = r#"{"type":"ByteLevel"}"#;
    refused("/normalizer", &sequence("normalizers", &[bytes; 40]), "times as long");
    let form = r#"{"type":"Replace","pattern":{"String":"a"},"content":"\ufdfa"},{"type":"NFKD"}"#;
    refused("/normalizer", &sequence("normalizers", &[form; 3]), "648 times as long");
    let empty = r#"{"type":"Replace","pattern":{"String":""},"content":"a"}"#;
    refused("/normalizer", empty, "`normalizer` has an empty pattern");

    let bytes = r#"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":false}"#;
    refused("/pre_tokenizer", &sequence("pretokenizers", &[bytes; 30]), "times as long");
    let none = r#"{"type":"FixedLength","length":0}"#;
    refused("/pre_tokenizer", &sequence("pretokenizers", &[none, bytes]), "parts of no characters");
    let text = r#"{"Sequence":{"id":"A","type_id":0}}"#;
    let token = r#"{"SpecialToken":{"id":"a","type_id":0}}"#;
    let template = |single: &str| {
        let ids = "0,".repeat(2000);
        let tokens = r#""a","#.repeat(2000);
        format!(
            r#"{{"type":"TemplateProcessing","single":[{single}],"pair":[{text}],"special_tokens":{{"a":{{"id":"a","ids":[{}],"tokens":[{}]}}}}}}"#,
            ids.trim_end_matches(','),
            tokens.trim_end_matches(',')
        )
    };
    refused("/post_processor", &template(&format!("{text},{text}")), "`post_processor` repeats the text");
    refused("/post_processor", &template(&format!("{text},{token}")), "adds 2000 tokens");
    refused(
        "/model/end_of_word_suffix",
        &format!(r#""{}""#, "x".repeat(65)),
        "`end_of_word_suffix` has 65 bytes",
    );

    // the library takes a length from a shorter one
    let prefixed = with("/model/continuing_subword_prefix", r###""##""###);
    let error = load(&prefixed).unwrap_err();
    assert!(error.contains("merge 0 joins `b`, which does not begin with `##`"), "{error}");
    let prefixed =
        prefixed.replace(r#""b":1"#, r###""##b":1"###).replace(r#""a b","Ġ ab""#, r###""a ##b""###);
    assert!(load(&prefixed).is_ok(), "{:?}", load(&prefixed));

    // what published tokenizers have
    let replace = |pattern: &str, content: &str| {
        format!(r#"{{"type":"Replace","pattern":{pattern},"content":"{content}"}}"#)
    };
    let blank = replace(r#"{"String":" "}"#, "▁");
    let blanks = replace(r#"{"Regex":" {2,}"}"#, "▁");
    let prepend = r#"{"type":"Prepend","prepend":"▁"}"#;
    for normalizer in [
        blank.clone(),
        sequence("normalizers", &[prepend, &blank]),
        sequence("normalizers", &[r#"{"type":"Strip","strip_left":false,"strip_right":true}"#, &blanks]),
        sequence("normalizers", &[r#"{"type":"NFKC"}"#, r#"{"type":"Lowercase"}"#, &blanks]),
        sequence(
            "normalizers",
            &[r#"{"type":"NFD"}"#, r#"{"type":"Lowercase"}"#, r#"{"type":"StripAccents"}"#],
        ),
        r#"{"type":"NFC"}"#.to_owned(),
    ] {
        assert!(
            load(&with("/normalizer", &normalizer)).is_ok(),
            "{normalizer}: {:?}",
            load(&with("/normalizer", &normalizer))
        );
    }
}

#[test]
fn templates_are_found_wherever_they_lie() {
    let render = |files: &[(&str, &str)]| {
        let files = folder(files);
        let template = ChatTemplate::from_folder(files.path()).map_err(|error| error.to_string())?;
        let prompt = |t: ChatTemplate| t.render(&[ChatMessage::new("user", "x")], true, "", "").unwrap();
        Ok::<_, String>(template.map(prompt))
    };

    let found = |text: &str| Ok(Some(text.to_owned()));
    let config = |value: &str| format!(r#"{{"chat_template": {value}}}"#);
    let check = |value: &str| render(&[("tokenizer_config.json", &config(value))]);
    assert_eq!(render(&[]), Ok(None));
    assert_eq!(render(&[("tokenizer_config.json", "{}")]), Ok(None));
    assert_eq!(check("null"), Ok(None));
    assert_eq!(check(r#""one {{ messages[0].content }}""#), found("one x"));
    let list = r#"[{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]"#;
    assert_eq!(check(list), found("d"));
    assert_eq!(check(r#"[{"name": "only", "template": "o"}]"#), found("o"));
    let unnamed = check(r#"[{"name": "a", "template": "t"}, {"name": "b", "template": "t"}]"#);
    assert!(unnamed.is_err_and(|error| error.contains("a, b")));
    assert!(check("7").is_err());

    // A blank template is none.
    assert_eq!(check(r#"" \n""#), Ok(None));
    assert_eq!(
        render(&[("chat_template.jinja", " \n"), ("tokenizer_config.json", &config("\"one\""))]),
        found("one")
    );
    assert_eq!(render(&[("chat_template.json", &config("\"three\""))]), found("three"));
    let both = [("tokenizer_config.json", &*config(r#""one""#)), ("chat_template.jinja", "two")];
    assert_eq!(render(&both), found("two"));
    assert!(ChatTemplate::from_folder(Path::new("/nonexistent")).unwrap().is_none());
}
