//! How much longer a `tokenizer.json` may make a text.
//!
//! A file may replace each character by many, one step after another, so that a line becomes more than any memory holds.
//! What its steps can do is bounded here by what they say, before any of them runs. Lengths are in characters: what a step
//! replaces has at least one.

use serde_json::Value;

use super::error::shown;

/// How often longer all steps together may make a text. Published tokenizers have at most 8.
const MAX_GROWTH: f64 = 16.0;
/// The most tokens that are put around a text.
const MAX_ADDED_TOKENS: usize = 1024;
/// The longest mark at the beginning or the end of a part of a word; published ones have 4 characters.
const MAX_MARK_BYTES: usize = 64;
/// How deep steps may nest. The parser has a limit of its own.
const MAX_DEPTH: usize = 16;

/// What a file's steps make of a text.
struct Growth {
    /// How often longer it becomes.
    factor: f64,
    /// The most that one normal form of Unicode makes of a character. Published tokenizers have such a form, so that one of
    /// them is let through: hardly any character is so long in it.
    form: f64,
}

/// Refuses steps that make a text much longer, or that never end.
pub(super) fn check(json: &Value) -> Result<(), String> {
    let mut growth = Growth { factor: 1.0, form: 1.0 };
    for part in ["normalizer", "pre_tokenizer"] {
        steps(json.get(part).unwrap_or(&Value::Null), part, 0, &mut growth)?;
    }

    let factor = growth.factor / growth.form;
    if factor > MAX_GROWTH {
        return Err(format!(
            "its `normalizer` and `pre_tokenizer` can make a text {factor:.0} times as long; at most {MAX_GROWTH} times is allowed"
        ));
    }
    check_template(json.get("post_processor").unwrap_or(&Value::Null))?;
    check_marks(json.get("model").unwrap_or(&Value::Null))
}

/// Follows a step and those inside it.
fn steps(step: &Value, part: &str, depth: usize, growth: &mut Growth) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("its `{part}` nests more than {MAX_DEPTH} levels deep"));
    }
    let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();

    let (factor, form) = match kind {
        "Sequence" => {
            for list in ["normalizers", "pretokenizers"] {
                for inside in step.get(list).and_then(Value::as_array).into_iter().flatten() {
                    steps(inside, part, depth + 1, growth)?;
                }
            }
            (1.0, 1.0)
        }
        "Replace" => (replacement(step, part)?, 1.0),
        "Split" => {
            pattern_length(step, part)?;
            (1.0, 1.0)
        }
        "Prepend" => (1.0 + characters(step.get("prepend")), 1.0),
        // a mark before each part
        "Metaspace" => (2.0, 1.0),
        // a character for each byte, of which a character has up to four
        "ByteLevel" if part == "normalizer" => (4.0, 1.0),
        "ByteLevel" => (2.0, 1.0),
        "Lowercase" => (2.0, 1.0),
        // blanks around each ideograph, and accents of their own
        "BertNormalizer" => (6.0, 4.0),
        "NFC" => (3.0, 3.0),
        "NFD" => (4.0, 4.0),
        "NFKC" | "NFKD" => (18.0, 18.0),
        "Precompiled" => precompiled(step)?,
        "FixedLength" if step.get("length").and_then(Value::as_u64) == Some(0) => {
            return Err(format!("its `{part}` splits a text into parts of no characters"));
        }
        "Strip" | "StripAccents" | "Nmt" | "BertPreTokenizer" | "Delimiter" | "CharDelimiterSplit"
        | "Digits" | "FixedLength" | "Punctuation" | "UnicodeScripts" | "Whitespace" | "WhitespaceSplit" => {
            (1.0, 1.0)
        }
        _ if step.is_null() => (1.0, 1.0),
        // the library tries to tell the kind by what else stands there
        _ => {
            return Err(format!("its `{part}` has a step of the kind `{}`, which is not known", shown(kind)));
        }
    };

    // one after another, forms that were let through are counted
    growth.factor *= factor;
    growth.form = growth.form.max(form);
    Ok(())
}

/// How much longer a replacement is than what it replaces.
fn replacement(step: &Value, part: &str) -> Result<f64, String> {
    let content = characters(step.get("content"));
    Ok(match pattern_length(step, part)? {
        Some(length) => (content / length).max(1.0),
        // a regular expression may match nothing, before each character
        None => 1.0 + content,
    })
}

/// The length of a pattern that is a text; `None` where it is a regular expression.
fn pattern_length(step: &Value, part: &str) -> Result<Option<f64>, String> {
    let pattern = step.get("pattern").unwrap_or(&Value::Null);
    let (text, regular) = match (pattern.get("String"), pattern.get("Regex")) {
        (None, Some(text)) => (text, true),
        (text, _) => (text.unwrap_or(pattern), false),
    };
    if text.as_str() == Some("") {
        return Err(format!("its `{part}` has an empty pattern"));
    }
    Ok((!regular).then(|| characters(Some(text)).max(1.0)))
}

#[expect(clippy::cast_precision_loss, reason = "lengths of files")]
fn characters(text: Option<&Value>) -> f64 {
    text.and_then(Value::as_str).map_or(0, |text| text.chars().count()) as f64
}

/// What the table of a `Precompiled` step makes of a character: the longest text in it, where it is longer than that of the
/// usual table, a normal form.
#[expect(clippy::cast_precision_loss, reason = "lengths of files")]
fn precompiled(step: &Value) -> Result<(f64, f64), String> {
    let text = step.get("precompiled_charsmap").and_then(Value::as_str).unwrap_or_default();
    let table = from_base64(text.as_bytes());
    let bad = || "its `Precompiled` normalizer has a table that cannot be right".to_owned();

    let (size, rest) = table.split_first_chunk::<4>().ok_or_else(bad)?;
    let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| bad())?;
    let texts = rest.get(size..).ok_or_else(bad)?;
    let longest = texts.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0);
    // bytes, as the length in characters is at most that
    Ok(((longest as f64).max(18.0), 18.0))
}

/// The bytes of a text in base64, up to the first character that is none of it.
fn from_base64(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for character in text {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };

        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// Bounds how often a template repeats the text, and how many tokens it adds.
fn check_template(post_processor: &Value) -> Result<(), String> {
    let alone = std::slice::from_ref(post_processor);
    let inside = post_processor.get("processors").and_then(Value::as_array).map(Vec::as_slice);
    let (mut copies, mut added) = (1_usize, 0_usize);

    for processor in inside.unwrap_or(alone) {
        if processor.get("processors").is_some() && inside.is_some() {
            return Err("its `post_processor` nests sequences in a sequence".to_owned());
        }
        let Some(pieces) = processor.get("single").and_then(Value::as_array) else { continue };
        let texts = pieces.iter().filter(|piece| piece.get("Sequence").is_some()).count();
        copies = copies.saturating_mul(texts.max(1));
        added = added.saturating_mul(texts.max(1));
        for piece in pieces {
            let name = piece.pointer("/SpecialToken/id").and_then(Value::as_str).unwrap_or_default();
            let token = processor.get("special_tokens").and_then(|tokens| tokens.get(name));
            let ids = token.and_then(|token| token.get("ids")).and_then(Value::as_array);
            added = added.saturating_add(ids.map_or(0, Vec::len));
        }
    }

    if copies > 1 {
        return Err("its `post_processor` repeats the text".to_owned());
    }
    if added > MAX_ADDED_TOKENS {
        return Err(format!(
            "its `post_processor` adds {added} tokens; at most {MAX_ADDED_TOKENS} are allowed"
        ));
    }
    Ok(())
}

/// Bounds what is put before or after each character.
fn check_marks(model: &Value) -> Result<(), String> {
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        let length = model.get(key).and_then(Value::as_str).map_or(0, str::len);
        if length > MAX_MARK_BYTES {
            return Err(format!("its `{key}` has {length} bytes; at most {MAX_MARK_BYTES} are allowed"));
        }
    }
    Ok(())
}
