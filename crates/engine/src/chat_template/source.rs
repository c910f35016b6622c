//! Where a model's files keep the chat template.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::Value as GgufValue;
use serde_json::Value;

use super::ChatTemplateError;
use crate::tokenizer::{read, shown};

pub(super) fn in_gguf(metadata: &HashMap<String, GgufValue>) -> Result<Option<&str>, ChatTemplateError> {
    match metadata.get("tokenizer.chat_template") {
        None => Ok(None),
        // Converters write an empty text where there is no template.
        Some(GgufValue::String(source)) if source.trim().is_empty() => Ok(None),
        Some(GgufValue::String(source)) => Ok(Some(source)),
        Some(_) => Err(ChatTemplateError::Malformed {
            line: 0,
            reason: "`tokenizer.chat_template` is not a text".to_owned(),
        }),
    }
}

pub(super) fn in_folder(folder: &Path) -> Result<Option<String>, ChatTemplateError> {
    if let Some(source) =
        text_of(folder.join("chat_template.jinja"))?.filter(|source| !source.trim().is_empty())
    {
        return Ok(Some(source));
    }

    for name in ["chat_template.json", "tokenizer_config.json"] {
        let Some(config) = text_of(folder.join(name))? else { continue };
        let config: Value = serde_json::from_str(&config).map_err(|error| ChatTemplateError::Unreadable {
            path: folder.join(name),
            reason: shown(&error.to_string()),
        })?;
        if let Some(source) = in_config(config)? {
            return Ok(Some(source));
        }
    }
    Ok(None)
}

/// The template that a configuration holds.
fn in_config(mut config: Value) -> Result<Option<String>, ChatTemplateError> {
    match config.get_mut("chat_template").map(Value::take) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(source)) => Ok(Some(source).filter(|source| !source.trim().is_empty())),
        Some(Value::Array(named)) => default_of(&named).map(Some),
        Some(_) => Err(ChatTemplateError::Malformed {
            line: 0,
            reason: "`chat_template` is neither a text nor a list".to_owned(),
        }),
    }
}

/// Special tokens that transformers gives to a template under these names, where a model has them, and where a GGUF file
/// keeps their ids (one is misspelled there). `bos_token` and `eos_token` come with each conversation.
const SPECIAL_TOKENS: [(&str, &str); 5] = [
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
    ("sep_token", "tokenizer.ggml.seperator_token_id"),
    ("pad_token", "tokenizer.ggml.padding_token_id"),
    ("cls_token", "tokenizer.ggml.cls_token_id"),
    ("mask_token", "tokenizer.ggml.mask_token_id"),
];

/// The special tokens of a GGUF file, by the names that templates have for them.
pub(super) fn special_in_gguf(metadata: &HashMap<String, GgufValue>) -> BTreeMap<String, String> {
    let mut special = BTreeMap::new();
    let Some(GgufValue::Array(tokens)) = metadata.get("tokenizer.ggml.tokens") else { return special };
    for (name, key) in SPECIAL_TOKENS {
        let id = metadata.get(key).and_then(|id| id.to_u32().ok());
        let token = id.and_then(|id| tokens.get(usize::try_from(id).ok()?));
        if let Some(GgufValue::String(text)) = token {
            special.insert(name.to_owned(), text.clone());
        }
    }
    special
}

/// The special tokens of a folder, by the names that templates have for them. A file that cannot be read has none: it is
/// named where the template itself is looked for.
pub(super) fn special_in_folder(folder: &Path) -> BTreeMap<String, String> {
    let mut special = BTreeMap::new();
    for file in ["special_tokens_map.json", "tokenizer_config.json"] {
        let Ok(Some(text)) = text_of(folder.join(file)) else { continue };
        let config: Value = serde_json::from_str(&text).unwrap_or_default();
        for (name, _) in SPECIAL_TOKENS {
            let token = config.get(name).and_then(|token| token.as_str().or_else(|| field(token, "content")));
            if let Some(text) = token {
                special.insert(name.to_owned(), text.to_owned());
            }
        }
    }
    special
}

/// The text of a file, `None` where there is no such file.
fn text_of(path: PathBuf) -> Result<Option<String>, ChatTemplateError> {
    read(&path).map_err(|error| ChatTemplateError::Unreadable { path, reason: error.to_string() })
}

/// The template named `default`, or the only one.
fn default_of(named: &[Value]) -> Result<String, ChatTemplateError> {
    let chosen = match named {
        [only] => Some(only),
        _ => named.iter().find(|entry| field(entry, "name") == Some("default")),
    };
    chosen.and_then(|entry| field(entry, "template")).map(str::to_owned).ok_or_else(|| {
        let names: Vec<&str> = named.iter().filter_map(|entry| field(entry, "name")).collect();
        ChatTemplateError::NoDefault { names: shown(&names.join(", ")) }
    })
}

fn field<'a>(entry: &'a Value, key: &str) -> Option<&'a str> {
    entry.get(key).and_then(Value::as_str)
}

/// Replaces `{% generation %}` and `{% endgeneration %}`, which mark the assistant's words for
/// training and render nothing, by a block that is always taken.
pub(super) fn without_generation_tags(source: &str) -> String {
    const AROUND: fn(char) -> bool = |character| character.is_whitespace() || matches!(character, '-' | '+');
    let mut text = String::with_capacity(source.len());
    let mut rest = source;

    while let Some((before, tag)) = rest.split_once("{%") {
        text.push_str(before);
        text.push_str("{%");
        rest = tag;

        let named = tag.trim_start_matches(AROUND);
        for (name, instead) in [("generation", "if true"), ("endgeneration", "endif")] {
            let Some(after) = named.strip_prefix(name) else { continue };
            if after.trim_start_matches(AROUND).starts_with("%}") {
                text.push_str(tag.strip_suffix(named).unwrap_or_default());
                text.push_str(instead);
                rest = after;
            }
        }
    }

    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::without_generation_tags;

    #[test]
    fn generation_tags_become_a_block_that_is_always_taken() {
        let check = |source: &str, expected: &str| assert_eq!(without_generation_tags(source), expected);
        check("", "");
        check("a {% if x %}b{% endif %}", "a {% if x %}b{% endif %}");
        check("{%- generation -%}x{% endgeneration %}", "{%- if true -%}x{% endif %}");
        check("{% set generation = 1 %}{%generation%}", "{% set generation = 1 %}{%if true%}");
        check("{% generation", "{% generation");
    }
}
