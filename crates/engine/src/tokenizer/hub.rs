//! The tokenizer in a model's folder: `tokenizer.json` and the files beside it.

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokenizers::Tokenizer;

use super::end_tokens::{self, NamedEnds};
use super::error::{TokenizerError, shown};
use super::vocabulary::{METASPACE, Spelling, TokenKind, Vocabulary};
use super::{Boundaries, Roles, Special, fingerprint, growth};

/// The largest file that is read. The largest published `tokenizer.json` have about 35 MB.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// The highest token id that is believed; published vocabularies end below 300,000.
const MAX_TOKENS: usize = 1 << 22;

/// A tokenizer that the `tokenizers` crate runs.
pub(super) struct HubTokenizer {
    pub(super) vocabulary: Vocabulary,
    pub(super) roles: Roles,
    /// Finds special tokens in text.
    parsing: Tokenizer,
    /// Takes special tokens in text for text.
    literal: Tokenizer,
    /// The configuration asks for BOS and `tokenizer.json` does not add it.
    prepend_bos: bool,
}

impl std::fmt::Debug for HubTokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubTokenizer").field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl HubTokenizer {
    /// Reads the folder's files; the second value is the fingerprint.
    pub(super) fn open(folder: &Path) -> Result<(Self, String), TokenizerError> {
        let path = folder.join("tokenizer.json");
        let text = read(&path)?.ok_or_else(|| TokenizerError::Unreadable {
            path: path.clone(),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        let bad = |reason: String| TokenizerError::Malformed { path: path.clone(), reason };
        let json: Value = serde_json::from_str(&text).map_err(|e| bad(shown(&e.to_string())))?;
        check_merges(json.get("model").unwrap_or(&Value::Null)).map_err(bad)?;
        growth::check(&json).map_err(bad)?;

        let spelling = spelling(&json).ok_or_else(|| {
            bad("neither a byte-level nor a SentencePiece-type tokenizer; no other is supported".into())
        })?;

        // The library panics on some files instead of refusing them.
        let parsed = catch_unwind(|| Tokenizer::from_bytes(text.as_bytes()));
        let parsed = parsed.map_err(|_| bad("the tokenizer that it describes cannot be built".into()))?;
        let mut parsing = parsed.map_err(|e| bad(shown(&e.to_string())))?;
        parsing.with_padding(None);
        parsing.with_truncation(None).map_err(|e| bad(shown(&e.to_string())))?;
        parsing.set_encode_special_tokens(false);
        let mut literal = parsing.clone();
        literal.set_encode_special_tokens(true);

        let config = read_json(&folder.join("tokenizer_config.json"))?;
        let generation = read_json(&folder.join("generation_config.json"))?;
        let mut vocabulary = vocabulary(&parsing, &json, spelling).map_err(bad)??;
        let roles = roles(&mut vocabulary, &json, &config, &generation);
        let nothing = catch_unwind(AssertUnwindSafe(|| parsing.encode("", true)))
            .map_err(|_| bad("the tokenizer that it describes fails on an empty text".into()))?;
        let adds_bos =
            nothing.is_ok_and(|e| e.get_ids().first().copied() == roles.bos && roles.bos.is_some());
        let wants_bos = config.get("add_bos_token").and_then(Value::as_bool) == Some(true);
        let prepend_bos = wants_bos && !adds_bos;

        let mut hash = Sha256::new();
        hash.update(text.as_bytes());
        hash.update([u8::from(prepend_bos)]);
        hash.update(roles.bos.unwrap_or(u32::MAX).to_le_bytes());
        let fingerprint = fingerprint::hexadecimal(&hash.finalize());
        Ok((Self { vocabulary, roles, parsing, literal, prepend_bos }, fingerprint))
    }

    pub(super) fn encode(
        &self,
        text: &str,
        special: Special,
        boundaries: Boundaries,
    ) -> Result<Vec<u32>, TokenizerError> {
        let tokenizer = match special {
            Special::Parse => &self.parsing,
            Special::AsText => &self.literal,
        };
        let wanted = boundaries == Boundaries::AsConfigured;
        // The regular-expression engine below panics where its backtracking limit is reached, which
        // some megabytes of one repeated character can do.
        let encoding = catch_unwind(AssertUnwindSafe(|| tokenizer.encode_fast(text, wanted)))
            .map_err(|_| "the text exceeds the limits of its splitting rule".to_owned())
            .and_then(|result| result.map_err(|e| shown(&e.to_string())))
            .map_err(|reason| TokenizerError::Unencodable { reason })?;
        let bos = self.roles.bos.filter(|_| wanted && self.prepend_bos);
        Ok(bos.into_iter().chain(encoding.get_ids().iter().copied()).collect())
    }
}

fn vocabulary(
    tokenizer: &Tokenizer,
    json: &Value,
    spelling: Spelling,
) -> Result<Result<Vocabulary, TokenizerError>, String> {
    let tokens = tokenizer.get_vocab(true);
    let size = tokens.values().map(|id| *id as usize + 1).max().unwrap_or(0);
    if size > MAX_TOKENS {
        return Err(format!("token ids go up to {}, which cannot be right", size - 1));
    }

    let mut texts = vec![String::new(); size];
    // Ids without a token, which some vocabularies have, stand for nothing.
    let mut kinds = vec![TokenKind::Unused; size];

    let fallback = json.pointer("/model/byte_fallback").and_then(Value::as_bool) == Some(true);
    let unknown = json.pointer("/model/unk_token").and_then(Value::as_str);
    let added = tokenizer.get_added_tokens_decoder();

    for (text, id) in tokens {
        let kind = match added.get(&id) {
            Some(token) if token.special => TokenKind::Control,
            Some(_) => TokenKind::UserDefined,
            None if unknown == Some(text.as_str()) => TokenKind::Unknown,
            None if fallback && super::vocabulary::byte_of(&text).is_some() => TokenKind::Byte,
            None => TokenKind::Normal,
        };

        if let (Some(t), Some(k)) = (texts.get_mut(id as usize), kinds.get_mut(id as usize)) {
            (*t, *k) = (text, kind);
        }
    }
    Ok(Vocabulary::new(texts, kinds, spelling))
}

fn roles(vocabulary: &mut Vocabulary, json: &Value, config: &Value, generation: &Value) -> Roles {
    let size = vocabulary.len();
    let ends = token_ids(generation, "eos_token_id", size);
    let begins = token_ids(generation, "bos_token_id", size);

    let bos = named_token(vocabulary, config, "bos_token").or_else(|| begins.first().copied());
    let eos = named_token(vocabulary, config, "eos_token").or_else(|| ends.first().copied());
    let unknown = named_token(vocabulary, config, "unk_token")
        .or_else(|| json.pointer("/model/unk_token")?.as_str().and_then(|t| vocabulary.id(t)));

    let collected = end_tokens::collect(vocabulary, NamedEnds { eos, ..NamedEnds::default() });
    let mut stop = collected.stop;
    stop.extend(ends);
    Roles { bos, eos, eot: collected.eot, unknown, stop }
}

/// A token that `tokenizer_config.json` names: by its text, or by an object that describes an added token.
fn named_token(vocabulary: &Vocabulary, config: &Value, key: &str) -> Option<u32> {
    let value = config.get(key)?;
    let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
    vocabulary.id(text)
}

/// The token, or the list of tokens, that `generation_config.json` gives, as far as the vocabulary has them.
fn token_ids(generation: &Value, key: &str, size: usize) -> Vec<u32> {
    let value = generation.get(key).unwrap_or(&Value::Null);
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter()
        .filter_map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok()))
        .filter(|id| (*id as usize) < size)
        .collect()
}

/// Tells how tokens spell bytes by the parts that the file names.
fn spelling(json: &Value) -> Option<Spelling> {
    let pre_tokenizer = json.get("pre_tokenizer").unwrap_or(&Value::Null);
    let decoder = json.get("decoder").unwrap_or(&Value::Null);
    if mentions(pre_tokenizer, "type", "ByteLevel") || mentions(decoder, "type", "ByteLevel") {
        return Some(Spelling::ByteCharacters);
    }

    let metaspace = METASPACE.to_string();
    let spaced = mentions(decoder, "type", "Metaspace") || mentions(decoder, "String", &metaspace);
    spaced.then_some(Spelling::Metaspace)
}

/// Whether `"key": "text"` stands anywhere inside. The parser has bounded the depth.
fn mentions(value: &Value, key: &str, text: &str) -> bool {
    match value {
        Value::Object(map) => {
            map.get(key).and_then(Value::as_str) == Some(text)
                || map.values().any(|value| mentions(value, key, text))
        }
        Value::Array(values) => values.iter().any(|value| mentions(value, key, text)),
        _ => false,
    }
}

/// Checks that every merge makes a token, and joins parts as they stand inside a word: the `tokenizers` crate indexes a
/// buffer by these assumptions and would panic.
fn check_merges(model: &Value) -> Result<(), String> {
    let (Some(merges), Some(vocabulary)) =
        (model.get("merges").and_then(Value::as_array), model.get("vocab").and_then(Value::as_object))
    else {
        return Ok(());
    };
    let prefix = model.get("continuing_subword_prefix").and_then(Value::as_str).unwrap_or_default();

    for (index, merge) in merges.iter().enumerate() {
        let (left, right) = match merge {
            Value::String(rule) => rule.split_once(' ').unwrap_or((rule, "")),
            Value::Array(parts) => match parts.as_slice() {
                [left, right] => (left.as_str().unwrap_or_default(), right.as_str().unwrap_or_default()),
                _ => ("", ""),
            },
            _ => ("", ""),
        };

        // the mark of a part inside a word goes when the part is joined to what precedes it
        let Some(inside) = right.strip_prefix(prefix) else {
            let (right, prefix) = (shown(right), shown(prefix));
            return Err(format!("merge {index} joins `{right}`, which does not begin with `{prefix}`"));
        };
        let joined = [left, inside].concat();
        if !vocabulary.contains_key(&joined) {
            return Err(format!("merge {index} makes `{}`, which is no token", shown(&joined)));
        }
    }
    Ok(())
}

/// A JSON file, or null where there is none.
fn read_json(path: &Path) -> Result<Value, TokenizerError> {
    let Some(text) = read(path)? else { return Ok(Value::Null) };
    serde_json::from_str(&text).map_err(|error| TokenizerError::Malformed {
        path: path.to_owned(),
        reason: shown(&error.to_string()),
    })
}

fn unreadable(path: &Path, source: std::io::Error) -> TokenizerError {
    TokenizerError::Unreadable { path: PathBuf::from(path), source }
}

/// A file's text, or none where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, TokenizerError> {
    // A link may lead anywhere: opening a pipe would wait for ever.
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, error)),
        Ok(data) if !data.is_file() => {
            return Err(unreadable(path, std::io::Error::other("it is no regular file")));
        }
        Ok(_) => {}
    }

    let file = std::fs::File::open(path).map_err(|error| unreadable(path, error))?;
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(path, error))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(TokenizerError::Malformed {
            path: path.to_owned(),
            reason: format!("larger than {} MiB", MAX_FILE_BYTES >> 20),
        });
    }
    Ok(Some(text))
}
