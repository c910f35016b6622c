//! Promises of the house that words in the source can show: lints that every library takes, facts in place of sentences.

use super::{SourceFile, none, read, sources, workspace};

/// Lints that every library takes; where one is allowed, the reason stands beside it.
const LINTS: [&str; 2] = ["clippy::expect_used", "clippy::indexing_slicing"];

/// Files that say what was found, and leave the sentence to whoever shows it.
const FACTS: [&str; 10] = [
    "crates/analyzer/src/board_notes",
    "crates/analyzer/src/diff/limits",
    "crates/analyzer/src/diff/metrics",
    "crates/analyzer/src/energy_totals",
    "crates/analyzer/src/judgement",
    "crates/analyzer/src/levers",
    "crates/analyzer/src/load/advice",
    "crates/analyzer/src/load/notes",
    "crates/analyzer/src/notes",
    "crates/analyzer/src/recommendation",
];

/// What of the economics is text: drawings, and commands for other programs.
const TEXTS: [&str; 2] = ["crates/economics/src/chart/", "crates/economics/src/schedule/timer.rs"];

/// Where tokenizers and chat templates stand, and what they never name: they could be a crate of their own.
const TOKENIZERS: [&str; 2] = ["crates/engine/src/tokenizer/", "crates/engine/src/chat_template/"];
const DECODERS: [&str; 2] = ["crate::decoder", "crate::in_process"];

/// What headers of weight files begin with or hold, and who names it. There is one reader of each format;
/// `decoder/weights.rs` tells the two apart, `gguf_write.rs` writes.
const HEADERS: [(&str, &[&str]); 2] = [
    (
        "GGUF",
        &[
            "crates/engine/src/decoder/weights.rs",
            "crates/models/src/gguf_write.rs",
            "crates/weights/src/gguf.rs",
        ],
    ),
    ("__metadata__", &["crates/weights/src/safetensors.rs"]),
];

/// Who escapes characters: the one place for text, and the drawings, which escape for XML as well.
const ESCAPING: [&str; 2] = ["crates/core/src/text.rs", "crates/economics/src/chart/svg.rs"];

/// Words that STYLE.md replaces, as far as they have no other meaning here.
const REPLACED: [&str; 6] = ["reckon", "reckons", "reckoning", "dearer", "outdone", "untold"];

/// A library that lacks a lint. `text` is what its `lib.rs` holds.
fn without_lints(library: &str, text: &str) -> Vec<String> {
    let missing = LINTS.into_iter().filter(|lint| !text.contains(lint));
    missing.map(|lint| format!("{library} does not take the lint {lint}")).collect()
}

/// Files of findings that put a sentence together.
fn with_sentences(files: &[SourceFile]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| !file.is_test) {
        let is_of_facts = match file.short {
            "economics" => !TEXTS.iter().any(|text| file.path.starts_with(text)),
            _ => FACTS.iter().any(|facts| file.path.starts_with(facts)),
        };
        if is_of_facts && file.code.contains("format!(") {
            breaches.push(format!("{} makes a sentence; name a Fact of infercost-core", file.path));
        }
    }
    breaches
}

#[test]
fn every_library_is_linted_against_panics() {
    let mut breaches = Vec::new();
    for entry in std::fs::read_dir(workspace().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let library = format!("crates/{name}/src/lib.rs");
        if workspace().join(&library).is_file() {
            breaches.extend(without_lints(&library, &read(&library)));
        }
    }
    none(&breaches);

    assert_eq!(without_lints("planted", "#![warn(clippy::expect_used)]").len(), 1);
}

#[test]
fn findings_are_facts_and_no_sentences() {
    let files = sources(Some("analyzer"));
    for facts in FACTS {
        assert!(files.iter().any(|file| file.path.starts_with(facts)), "{facts} is elsewhere");
    }
    none(&with_sentences(&files));
    none(&with_sentences(&sources(Some("economics"))));

    let text = "fn words() -> String { format!(\"hot\") }";
    for (short, path, breaches) in [
        ("analyzer", format!("{}.rs", FACTS[0]), 1),
        ("economics", "crates/economics/src/hosting.rs".to_owned(), 1),
        ("economics", TEXTS[1].to_owned(), 0),
    ] {
        assert_eq!(with_sentences(&[SourceFile::new(short, path, text)]).len(), breaches);
    }
}

#[test]
fn tokenizers_stand_apart_from_the_decoder() {
    let files = sources(Some("engine"));
    let mut seen = 0;
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| TOKENIZERS.iter().any(|folder| file.path.starts_with(folder))) {
        seen += 1;
        let named = DECODERS.into_iter().filter(|decoder| file.code.contains(decoder));
        breaches.extend(named.map(|decoder| format!("{} names {decoder}", file.path)));
    }

    assert!(seen > 10, "the tokenizers are elsewhere: {seen} files");
    none(&breaches);
}

#[test]
fn weight_headers_have_one_reader() {
    let files = sources(None);
    for (word, wanted) in HEADERS {
        let mut readers: Vec<&str> = Vec::new();
        for file in files.iter().filter(|file| !file.is_test) {
            if file.strings.iter().any(|(_, text)| text == word) {
                readers.push(&file.path);
            }
        }
        readers.sort_unstable();
        assert_eq!(readers, wanted, "{word}");
    }
}

#[test]
fn text_of_others_is_escaped_in_one_place() {
    let mut escaping: Vec<String> = Vec::new();
    for file in sources(None).into_iter().filter(|file| !file.is_test) {
        if file.code.contains(".escape_default()") || file.code.contains("char::escape_") {
            escaping.push(file.path);
        }
    }
    escaping.sort();
    assert_eq!(escaping, ESCAPING, "escape with infercost_core::text");
}

#[test]
fn words_that_style_replaces_are_gone() {
    let mut breaches = Vec::new();
    for file in sources(None) {
        for (line, text) in (1..).zip(read(&file.path).lines()) {
            let mut words = text.split(|c: char| !c.is_ascii_alphabetic()).map(str::to_ascii_lowercase);
            if let Some(word) = words.find(|word| REPLACED.contains(&word.as_str())) {
                breaches.push(format!("{}:{line}: `{word}`; STYLE.md has the word to use", file.path));
            }
        }
    }
    none(&breaches);
}
