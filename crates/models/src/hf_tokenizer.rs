//! A `tokenizer.json` as GGUF metadata: byte-level BPE, the kind that GGUF calls `gpt2`.
//!
//! The pre-tokenizer is recognized by its parts, and one that is not known is an error: a wrong one gives wrong
//! tokens without any sign.

use std::path::Path;

use infercost_weights::Entry;
use serde_json::Value;

use crate::error::ModelError;
use crate::json_file::json_file;

/// Largest vocabulary that is written.
const MAX_VOCABULARY: u64 = 1 << 21;
/// GGUF's token types.
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;

/// The pattern that qwen2 and llama 3 share but for the length of their runs of digits.
const BEFORE_DIGITS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
const BEHIND_DIGITS: &str = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The tokenizer's entries, for a model whose embedding has that many rows.
pub(crate) fn tokenizer_entries(
    folder: &Path,
    config: &Value,
    vocabulary: u64,
) -> Result<Vec<Entry>, ModelError> {
    let path = folder.join("tokenizer.json");
    let json = json_file(&path)?;
    let model = json.get("model").ok_or_else(|| ModelError::bad(&path, "no model"))?;
    if model.get("type").and_then(Value::as_str).is_some_and(|kind| kind != "BPE")
        || model.get("byte_fallback").and_then(Value::as_bool) == Some(true)
    {
        return Err(unsupported(
            &path,
            "only byte-level BPE tokenizers are carried over\nhint: start from the model's F16 GGUF".into(),
        ));
    }

    let pre = pre_tokenizer(json.get("pre_tokenizer")).ok_or_else(|| {
        unsupported(&path,
            "its pre-tokenizer is not known, and a wrong one would give wrong tokens\nhint: start from the model's \
             F16 GGUF"
                .into(),
        )
    })?;
    if vocabulary > MAX_VOCABULARY {
        return Err(ModelError::bad(&path, "config.json states an impossible vocab_size"));
    }
    let size = usize::try_from(vocabulary).unwrap_or(0);
    let mut tokens: Vec<Option<(String, i32)>> = vec![None; size];
    let mut put = |id: Option<u64>, text: &str, kind: i32| {
        let place = id.and_then(|id| usize::try_from(id).ok()).and_then(|id| tokens.get_mut(id));
        place.map(|place| *place = Some((text.to_owned(), kind)))
    };

    for (text, id) in
        model.get("vocab").and_then(Value::as_object).ok_or_else(|| ModelError::bad(&path, "no vocab"))?
    {
        put(id.as_u64(), text, NORMAL)
            .ok_or_else(|| ModelError::bad(&path, "a token's id lies beyond vocab_size"))?;
    }
    for token in json.get("added_tokens").and_then(Value::as_array).into_iter().flatten() {
        let text = token
            .get("content")
            .and_then(Value::as_str)
            .ok_or_else(|| ModelError::bad(&path, "a token without text"))?;
        let is_special = token.get("special").and_then(Value::as_bool).unwrap_or(false);
        let kind = if is_special { CONTROL } else { USER_DEFINED };
        put(token.get("id").and_then(Value::as_u64), text, kind)
            .ok_or_else(|| ModelError::bad(&path, "an added token's id lies beyond vocab_size"))?;
    }

    let id_of = |text: &str| {
        let at = tokens.iter().position(|token| token.as_ref().is_some_and(|token| token.0 == text));
        at.and_then(|at| u32::try_from(at).ok())
    };
    let named = json_file(&folder.join("tokenizer_config.json")).unwrap_or(Value::Null);
    let mut entries =
        vec![Entry::text("tokenizer.ggml.model", "gpt2"), Entry::text("tokenizer.ggml.pre", pre)];
    for (role, key) in [("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")] {
        let token = named.get(format!("{role}_token"));
        let text = token.and_then(|token| token.as_str().or_else(|| token.get("content")?.as_str()));
        let stated = config.get(format!("{role}_token_id"));
        let stated = stated.and_then(|id| id.as_u64().or_else(|| id.as_array()?.first()?.as_u64()));
        if let Some(id) = text.and_then(id_of).or_else(|| stated.and_then(|id| u32::try_from(id).ok())) {
            entries.push(Entry::u32(format!("tokenizer.ggml.{key}_token_id"), id));
        }
    }

    let adds_bos = named
        .get("add_bos_token")
        .and_then(Value::as_bool)
        .unwrap_or_else(|| starts_with_special(json.get("post_processor")));
    entries.push(Entry::boolean("tokenizer.ggml.add_bos_token", adds_bos));
    entries.push(Entry::boolean("tokenizer.ggml.add_space_prefix", false));
    let merges = merges(model).ok_or_else(|| ModelError::bad(&path, "merges that are not pairs"))?;

    if let Some(template) = chat_template(folder, &named) {
        entries.push(Entry::text("tokenizer.chat_template", &template));
    }
    let filled: Vec<(String, i32)> = tokens
        .into_iter()
        .enumerate()
        .map(|(id, token)| token.unwrap_or_else(|| (format!("[PAD{id}]"), UNUSED)))
        .collect();
    entries.push(Entry::texts("tokenizer.ggml.tokens", filled.iter().map(|token| token.0.as_str())));
    entries.push(Entry::i32s("tokenizer.ggml.token_type", filled.iter().map(|token| token.1)));
    entries.push(Entry::texts("tokenizer.ggml.merges", merges.iter().map(String::as_str)));

    Ok(entries)
}

fn unsupported(path: &Path, reason: String) -> ModelError {
    ModelError::Unsupported { path: path.to_owned(), reason }
}

/// GGUF's name for a pre-tokenizer, by its parts.
fn pre_tokenizer(json: Option<&Value>) -> Option<&'static str> {
    let json = json?;
    let parts: Vec<&Value> = match json.get("type")?.as_str()? {
        "Sequence" => json.get("pretokenizers")?.as_array()?.iter().collect(),
        _ => vec![json],
    };
    let kinds: Vec<&str> = parts.iter().filter_map(|part| part.get("type")?.as_str()).collect();

    let bytes = parts.last()?;
    if flag(bytes, "add_prefix_space", true) {
        return None;
    }
    match (kinds.as_slice(), parts.as_slice()) {
        (["ByteLevel"], _) if flag(bytes, "use_regex", true) => Some("gpt-2"),
        (["Digits", "ByteLevel"], [digits, _])
            if flag(digits, "individual_digits", false) && flag(bytes, "use_regex", true) =>
        {
            Some("smollm")
        }
        (["Split", "ByteLevel"], [split, _]) if !flag(bytes, "use_regex", true) => {
            let regex = split.get("pattern")?.get("Regex")?.as_str()?;
            let digits = regex.strip_prefix(BEFORE_DIGITS)?.strip_suffix(BEHIND_DIGITS)?;
            match digits {
                r"\p{N}" => Some("qwen2"),
                r"\p{N}{1,3}" => Some("llama-bpe"),
                _ => None,
            }
        }
        _ => None,
    }
}

fn flag(part: &Value, key: &str, default: bool) -> bool {
    part.get(key).and_then(Value::as_bool).unwrap_or(default)
}

/// The merges, each as two pieces with a space between; older files write them so, newer ones as pairs.
fn merges(model: &Value) -> Option<Vec<String>> {
    let merges = model.get("merges")?.as_array()?;
    merges
        .iter()
        .map(|merge| match merge {
            Value::String(text) => Some(text.clone()),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(left), Value::String(right)] => Some(format!("{left} {right}")),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// Whether the post-processor puts a special token in front of a single text.
fn starts_with_special(post: Option<&Value>) -> bool {
    let Some(post) = post else { return false };
    let template = post
        .get("single")
        .or_else(|| post.get("processors")?.as_array()?.iter().find_map(|processor| processor.get("single")));
    template
        .and_then(Value::as_array)
        .and_then(|parts| parts.first())
        .is_some_and(|first| first.get("SpecialToken").is_some())
}

fn chat_template(folder: &Path, named: &Value) -> Option<String> {
    let beside = folder.join("chat_template.jinja");

    // A link may lead anywhere: reading a pipe would wait for ever.
    if std::fs::metadata(&beside).is_ok_and(|data| data.is_file() && data.len() < 1 << 20) {
        return std::fs::read_to_string(beside).ok().filter(|template| !template.trim().is_empty());
    }
    match named.get("chat_template")? {
        Value::String(template) => Some(template.clone()).filter(|template| !template.trim().is_empty()),
        Value::Array(templates) => templates
            .iter()
            .find(|template| template.get("name").and_then(Value::as_str) == Some("default"))
            .and_then(|template| template.get("template")?.as_str().map(str::to_owned)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pre_tokenizers() {
        let check =
            |value: Value, wanted: Option<&str>| assert_eq!(pre_tokenizer(Some(&value)), wanted, "{value}");
        let bytes = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": regex});
        let sequence =
            |first: Value, regex: bool| json!({"type": "Sequence", "pretokenizers": [first, bytes(regex)]});
        let split =
            |regex: &str| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated"});
        check(bytes(true), Some("gpt-2"));
        check(bytes(false), None);
        check(json!({"type": "ByteLevel", "add_prefix_space": true}), None);
        check(json!({"type": "Metaspace"}), None);
        check(sequence(json!({"type": "Digits", "individual_digits": true}), true), Some("smollm"));
        check(sequence(json!({"type": "Digits", "individual_digits": false}), true), None);
        let pattern = |digits: &str| split(&format!("{BEFORE_DIGITS}{digits}{BEHIND_DIGITS}"));
        check(sequence(pattern(r"\p{N}"), false), Some("qwen2"));
        check(sequence(pattern(r"\p{N}{1,3}"), false), Some("llama-bpe"));
        check(sequence(pattern(r"\p{N}{1,2}"), false), None);
        check(sequence(split("other"), false), None);
    }

    #[test]
    fn merges_in_both_notations() {
        let check = |value: Value, wanted: Option<Vec<&str>>| {
            let wanted = wanted.map(|merges| merges.into_iter().map(str::to_owned).collect());
            assert_eq!(merges(&json!({"merges": value})), wanted);
        };
        check(json!(["a b", "c d"]), Some(vec!["a b", "c d"]));
        check(json!([["a", "b"]]), Some(vec!["a b"]));
        check(json!([["a"]]), None);
        check(json!([1]), None);
    }
}
