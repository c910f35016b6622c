//! The pre-tokenizers by name: how `tokenizer.ggml.pre` splits text, as llama.cpp reads it.

use super::error::TokenizerError;
use super::error::shown;
use super::splitting::{Contractions, Letters, Pass, Words};

/// How a byte-pair vocabulary treats text before and around merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PreTokenizer {
    /// The rule's own name; names in files that mean the same share it.
    pub(super) rule: &'static str,
    pub(super) passes: &'static [Pass],
    /// A word that is a token is taken whole, whatever the merges say.
    pub(super) whole_words: bool,
    /// Texts begin with BOS unless the file says otherwise.
    pub(super) bos_by_default: bool,
}

const LLAMA3: Words =
    Words { contractions: Contractions::Apart, letters: Letters::Plain, digits: 3, tail: "\r\n" };
const QWEN2: Words = Words { digits: 1, ..LLAMA3 };
const QWEN35: Words = Words { letters: Letters::WithMarks, ..QWEN2 };
const TEKKEN: Words =
    Words { contractions: Contractions::None, letters: Letters::ByCase, digits: 1, tail: "\r\n/" };
const GPT4O: Words = Words { contractions: Contractions::WithWord, digits: 3, ..TEKKEN };

const fn rule(rule: &'static str, passes: &'static [Pass]) -> PreTokenizer {
    PreTokenizer { rule, passes, whole_words: false, bos_by_default: false }
}

/// The rules, each with the names that stand for it in files.
const KNOWN: &[(PreTokenizer, &[&str])] = &[
    (
        rule(
            "default",
            &[Pass::PunctuationRuns("$+<=>^~|"), Pass::Gpt2, Pass::NumberRuns, Pass::DigitTriples],
        ),
        &["default"],
    ),
    (
        rule("gpt-2", &[Pass::Gpt2]),
        &[
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
            "exaone4",
            "gigachat",
            "mellum",
            "a.x-4.0",
        ],
    ),
    (
        rule("smollm", &[Pass::EachNumber, Pass::Gpt2]),
        &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
    ),
    (
        PreTokenizer { whole_words: true, bos_by_default: true, ..rule("llama-bpe", &[Pass::Words(LLAMA3)]) },
        &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
    ),
    (rule("dbrx", &[Pass::Words(LLAMA3)]), &["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"]),
    (
        rule("qwen2", &[Pass::Words(QWEN2)]),
        &["qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "solar-open", "grok-2"],
    ),
    (rule("qwen35", &[Pass::Words(QWEN35)]), &["qwen35"]),
    (
        PreTokenizer { whole_words: true, bos_by_default: true, ..rule("tekken", &[Pass::Words(TEKKEN)]) },
        &["tekken"],
    ),
    (rule("gpt-4o", &[Pass::Words(GPT4O)]), &["gpt-4o", "llama4", "kanana2", "minimax-m2"]),
    (rule("falcon", &[Pass::PunctuationRuns("$+<=>^~|`"), Pass::Gpt2, Pass::DigitTriples]), &["falcon"]),
];

/// Finds the rule that a file names.
pub(super) fn by_name(name: &str) -> Result<PreTokenizer, TokenizerError> {
    KNOWN.iter().find(|(_, names)| names.contains(&name)).map(|(rule, _)| *rule).ok_or_else(|| {
        TokenizerError::UnknownPreTokenizer {
            name: shown(name),
            known: names().collect::<Vec<_>>().join(", "),
        }
    })
}

/// Every name that is understood.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().flat_map(|(_, names)| names.iter().copied())
}
