//! The tokens of a model: their text, what they are for, and the bytes that they stand for.

use std::collections::HashMap;

use super::error::{TokenizerError, shown};

/// What a token is for; the numbers are those of `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Undefined = 0,
    Normal = 1,
    Unknown = 2,
    /// Steers the model and is not part of the text, such as the end of a turn.
    Control = 3,
    /// Text that is always one token, found before anything else is tokenized.
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

impl TokenKind {
    pub(super) fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Undefined,
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

/// How the text of normal tokens encodes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// GPT-2's table: every byte is a printable character.
    ByteCharacters,
    /// SentencePiece: plain text with `▁` for the space, and byte tokens `<0xHH>`.
    Metaspace,
}

/// The space of SentencePiece-type vocabularies, U+2581.
pub(super) const METASPACE: char = '\u{2581}';

/// Tokens by id and by text.
#[derive(Debug)]
pub(super) struct Vocabulary {
    texts: Vec<String>,
    kinds: Vec<TokenKind>,
    ids: HashMap<String, u32>,
    spelling: Spelling,
}

impl Vocabulary {
    /// Checks that texts are unique and byte tokens well formed. A token without text gets the name
    /// `[EMPTY_<id>]`, as in llama.cpp.
    pub(super) fn new(
        texts: Vec<String>,
        kinds: Vec<TokenKind>,
        spelling: Spelling,
    ) -> Result<Self, TokenizerError> {
        let size = texts.len();
        if size == 0 || u32::try_from(size).is_err() {
            return Err(TokenizerError::VocabularySize { size });
        }
        let texts: Vec<String> = texts
            .into_iter()
            .enumerate()
            .map(|(id, text)| if text.is_empty() { format!("[EMPTY_{id}]") } else { text })
            .collect();
        let mut ids = HashMap::with_capacity(size);
        for (id, (text, kind)) in (0_u32..).zip(texts.iter().zip(&kinds)) {
            if let Some(first) = ids.insert(text.clone(), id) {
                let text = shown(text);
                return Err(TokenizerError::DuplicateToken { text, first, second: id });
            }
            if *kind == TokenKind::Byte && byte_of(text).is_none() {
                return Err(TokenizerError::BadByteToken { id, text: shown(text) });
            }
        }
        Ok(Self { texts, kinds, ids, spelling })
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.texts.get(id as usize).map(String::as_str)
    }

    pub(super) fn kind(&self, id: u32) -> Option<TokenKind> {
        self.kinds.get(id as usize).copied()
    }

    pub(super) fn set_kind(&mut self, id: u32, kind: TokenKind) {
        if let Some(slot) = self.kinds.get_mut(id as usize) {
            *slot = kind;
        }
    }

    /// Id, text and kind of every token, by id.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (u32, &str, TokenKind)> {
        (0..).zip(self.texts.iter().zip(&self.kinds)).map(|(id, (text, kind))| (id, text.as_str(), *kind))
    }

    /// The bytes that a token stands for; special tokens stand for their own name.
    pub(super) fn bytes(&self, id: u32) -> Option<Vec<u8>> {
        let text = self.text(id)?;
        Some(match (self.kind(id)?, self.spelling) {
            (TokenKind::Control | TokenKind::UserDefined | TokenKind::Unknown, _) => text.as_bytes().to_vec(),
            (TokenKind::Byte, _) => byte_of(text).into_iter().collect(),
            (TokenKind::Unused | TokenKind::Undefined, _) => Vec::new(),
            (TokenKind::Normal, Spelling::ByteCharacters) => spelled_bytes(text),
            (TokenKind::Normal, Spelling::Metaspace) => text.replace(METASPACE, " ").into_bytes(),
        })
    }
}

/// The byte that `<0xHH>` names.
pub(super) fn byte_of(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// GPT-2's character for a byte: printable Latin-1 stands for itself, the rest follows from U+0100 on
/// in the order of the bytes (Radford et al. 2019, `bytes_to_unicode`).
pub(super) fn character_of(byte: u8) -> char {
    match byte {
        0x00..=0x20 => offset_from(0x100, byte),
        0x7F..=0xA0 => offset_from(0x121, byte - 0x7F),
        0xAD => '\u{143}',
        _ => char::from(byte),
    }
}

fn offset_from(start: u32, offset: u8) -> char {
    char::from_u32(start + u32::from(offset)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte for one of GPT-2's characters.
fn byte_for(character: char) -> Option<u8> {
    let code = u32::from(character);
    let byte = match code {
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7F,
        0x143 => 0xAD,
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => code,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// A character that spells no byte stands for its own UTF-8.
fn spelled_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_for(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character() {
        let characters: Vec<char> = (0..=255).map(character_of).collect();
        for (byte, character) in (0..=255).zip(&characters) {
            assert_eq!(byte_for(*character), Some(byte));
        }
        let count = |c: &char| characters.iter().filter(|other| *other == c).count();
        assert!(characters.iter().all(|c| count(c) == 1));
        // Values that appear in published vocabularies.
        let known: String = [b' ', b'\n', b'\t', 0xAD, b'!', 0x7F].map(character_of).iter().collect();
        assert_eq!(known, "ĠĊĉŃ!ġ");
    }

    #[test]
    fn byte_names_are_exact() {
        let check = |text: &str, expected: Option<u8>| assert_eq!(byte_of(text), expected, "{text}");
        check("<0x00>", Some(0));
        check("<0xfF>", Some(255));
        check("<0x+1>", None);
        check("<0x1>", None);
        check("<0x100>", None);
        check("0x10", None);
        check("", None);
    }
}
