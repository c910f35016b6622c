//! Text to tokens and back, with the ids that the model's weights were trained on.
//!
//! [`TextTokenizer`] reads the tokenizer inside a GGUF file or a `tokenizer.json`. For GGUF files
//! llama.cpp is the reference: the same text gives the same ids, which a script under `benches/`
//! checks. Whatever this module does not know for certain, such as a pre-tokenizer that it has no
//! rule for, is an error, because tokens that are slightly wrong still give plausible text.
//!
//! The `tokenizers` crate serves `tokenizer.json`. GGUF vocabularies have their own implementation
//! here: that crate has no SentencePiece merging by score, finds special tokens by another rule than
//! llama.cpp, and lets neighbors merge across a byte that the vocabulary lacks.

mod byte_pair;
mod character;
mod decoding;
mod end_tokens;
mod error;
mod fingerprint;
mod gguf;
mod growth;
mod hub;
mod merging;
mod metadata;
mod pre_tokenizer;
mod sentence_piece;
mod special;
mod splitting;
mod vocabulary;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use candle_core::quantized::gguf_file::Value;

pub use decoding::DecodeStream;
pub use error::TokenizerError;
pub(crate) use error::shown;
use gguf::GgufTokenizer;
use hub::HubTokenizer;
pub(crate) use hub::read;
use vocabulary::{TokenKind, Vocabulary};

/// What to do with the names of special tokens, such as `<|im_end|>`, that stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// They are the special tokens: for text that a chat template has made.
    Parse,
    /// They are text like any other: for text that somebody else has written.
    ///
    /// Tokens that the vocabulary calls user-defined are found even so, as in llama.cpp.
    AsText,
}

/// Whether the tokens that begin and end a text are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundaries {
    /// As the model's files say.
    AsConfigured,
    /// Never: for text that has them already, or that continues another.
    Omit,
}

/// A token of a text and the bytes that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The token.
    pub id: u32,
    /// Its bytes, which need not be whole characters.
    pub bytes: Vec<u8>,
}

/// Tokens with a part to play.
#[derive(Clone, Debug, Default)]
struct Roles {
    bos: Option<u32>,
    eos: Option<u32>,
    eot: Option<u32>,
    unknown: Option<u32>,
    stop: BTreeSet<u32>,
}

/// The tokenizer of a model.
#[derive(Debug)]
pub struct TextTokenizer {
    kind: Kind,
    fingerprint: String,
}

#[derive(Debug)]
enum Kind {
    Gguf(Box<GgufTokenizer>),
    Hub(Box<HubTokenizer>),
}

impl TextTokenizer {
    /// Reads the tokenizer from a GGUF file's metadata.
    ///
    /// Kinds: `gpt2` (byte pairs; `tokenizer.ggml.pre` must be there and known) and `llama`
    /// (SentencePiece with scores).
    ///
    /// # Errors
    /// [`TokenizerError`] where the metadata is incomplete, contradicts itself, or names a kind or a
    /// pre-tokenizer that is not known.
    pub fn from_gguf(metadata: &HashMap<String, Value>) -> Result<Self, TokenizerError> {
        let (tokenizer, fingerprint) = GgufTokenizer::new(metadata)?;
        Ok(Self { kind: Kind::Gguf(Box::new(tokenizer)), fingerprint })
    }

    /// Reads `tokenizer.json`, and `tokenizer_config.json` and `generation_config.json` where they
    /// lie beside it, from a model's folder.
    ///
    /// # Errors
    /// [`TokenizerError`] where a file cannot be read or is malformed.
    pub fn from_folder(folder: &Path) -> Result<Self, TokenizerError> {
        let (tokenizer, fingerprint) = HubTokenizer::open(folder)?;
        Ok(Self { kind: Kind::Hub(Box::new(tokenizer)), fingerprint })
    }

    /// The tokens of a text.
    ///
    /// A byte-pair vocabulary may lack some bytes ([`missing_bytes`](Self::missing_bytes)); these
    /// vanish from the text, as they do in llama.cpp.
    ///
    /// # Errors
    /// [`TokenizerError::Unencodable`], and only from a `tokenizer.json`: the tokenizer of a GGUF file
    /// takes every text.
    pub fn encode(
        &self,
        text: &str,
        special: Special,
        boundaries: Boundaries,
    ) -> Result<Vec<u32>, TokenizerError> {
        match &self.kind {
            Kind::Gguf(tokenizer) => Ok(tokenizer.encode(text, special, boundaries)),
            Kind::Hub(tokenizer) => tokenizer.encode(text, special, boundaries),
        }
    }

    /// The tokens of a text, each with its bytes.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_pieces(
        &self,
        text: &str,
        special: Special,
        boundaries: Boundaries,
    ) -> Result<Vec<Piece>, TokenizerError> {
        let ids = self.encode(text, special, boundaries)?.into_iter();
        Ok(ids.map(|id| Piece { id, bytes: self.token_bytes(id).unwrap_or_default() }).collect())
    }

    /// The tokens of a prompt that a chat template has rendered: special tokens are parsed, and BOS is
    /// added as configured unless the template has written it already.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_prompt(&self, prompt: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut tokens = self.encode(prompt, Special::Parse, Boundaries::AsConfigured)?;
        if let (Some(bos), [first, second, ..]) = (self.bos(), tokens.as_slice())
            && *first == bos
            && *second == bos
        {
            tokens.remove(0);
        }
        Ok(tokens)
    }

    /// The text of a list of tokens; control tokens give nothing, broken characters give U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens
            .iter()
            .filter(|id| !self.is_control(**id))
            .flat_map(|id| self.token_bytes(*id).unwrap_or_default())
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts to turn tokens into text as they arrive.
    #[must_use]
    pub fn decode_stream(&self) -> DecodeStream<'_> {
        DecodeStream::new(self)
    }

    /// The bytes that a token stands for; a special token's are its name. None outside the vocabulary.
    #[must_use]
    pub fn token_bytes(&self, token: u32) -> Option<Vec<u8>> {
        self.vocabulary().bytes(token)
    }

    /// Every token by its bytes. Of several with the same bytes it is the one that text is made of: neither a lone
    /// byte's nor a special one.
    #[must_use]
    pub fn tokens_by_bytes(&self) -> HashMap<Vec<u8>, u32> {
        let mut tokens = HashMap::new();
        let size = u32::try_from(self.vocabulary_size()).unwrap_or(u32::MAX);
        let (text, others): (Vec<u32>, Vec<u32>) =
            (0..size).partition(|token| self.vocabulary().kind(*token) == Some(TokenKind::Normal));

        for token in text.into_iter().chain(others) {
            if let Some(bytes) = self.token_bytes(token) {
                tokens.entry(bytes).or_insert(token);
            }
        }
        tokens
    }

    /// The text of a token in the vocabulary, as it stands there; for the names of special tokens.
    #[must_use]
    pub fn token_text(&self, token: u32) -> Option<&str> {
        self.vocabulary().text(token)
    }

    /// The token with this text in the vocabulary, such as `<|im_end|>`.
    #[must_use]
    pub fn token_named(&self, text: &str) -> Option<u32> {
        self.vocabulary().id(text)
    }

    /// Whether a token steers the model and is not part of the text.
    #[must_use]
    pub fn is_control(&self, token: u32) -> bool {
        matches!(self.vocabulary().kind(token), Some(TokenKind::Control | TokenKind::Unknown))
    }

    /// The number of tokens, special ones included.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary().len()
    }

    /// The token that begins a text.
    #[must_use]
    pub fn bos(&self) -> Option<u32> {
        self.roles().bos
    }

    /// The token that ends a text.
    #[must_use]
    pub fn eos(&self) -> Option<u32> {
        self.roles().eos
    }

    /// The token that ends a turn.
    #[must_use]
    pub fn eot(&self) -> Option<u32> {
        self.roles().eot
    }

    /// The token for what the vocabulary cannot express.
    #[must_use]
    pub fn unknown(&self) -> Option<u32> {
        self.roles().unknown
    }

    /// Every token after which generation ends: those that the files name, and for GGUF files those
    /// that llama.cpp knows by their text.
    #[must_use]
    pub fn stop_tokens(&self) -> &BTreeSet<u32> {
        &self.roles().stop
    }

    /// Bytes for which the vocabulary has no token, so that text loses them.
    ///
    /// Empty for most vocabularies. `SmolLM2` lacks 21, among them rare control characters and the first
    /// bytes of unassigned planes. Unknown, and therefore empty, for a `tokenizer.json`.
    #[must_use]
    pub fn missing_bytes(&self) -> Vec<u8> {
        match &self.kind {
            Kind::Gguf(tokenizer) => tokenizer.missing_bytes(),
            Kind::Hub(_) => Vec::new(),
        }
    }

    /// SHA-256, in hexadecimal, over the vocabulary and every rule that decides on ids.
    ///
    /// Equal fingerprints mean equal tokens for every text. The reverse does not hold: a GGUF file and
    /// a `tokenizer.json` state their rules differently and never share one.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Checks that the tokenizer and the weights belong together.
    ///
    /// `weights`: the number of rows of the embedding. Rows beyond the vocabulary are padding that
    /// many `safetensors` models have; GGUF files name every row, so there the numbers must be equal.
    ///
    /// # Errors
    /// [`TokenizerError::VocabularyMismatch`] where they do not belong together.
    pub fn check_vocabulary(&self, weights: usize) -> Result<(), TokenizerError> {
        let tokenizer = self.vocabulary_size();
        let fits = match self.kind {
            Kind::Gguf(_) => tokenizer == weights,
            Kind::Hub(_) => tokenizer <= weights,
        };
        if fits { Ok(()) } else { Err(TokenizerError::VocabularyMismatch { tokenizer, weights }) }
    }

    fn vocabulary(&self) -> &Vocabulary {
        match &self.kind {
            Kind::Gguf(tokenizer) => &tokenizer.vocabulary,
            Kind::Hub(tokenizer) => &tokenizer.vocabulary,
        }
    }

    fn roles(&self) -> &Roles {
        match &self.kind {
            Kind::Gguf(tokenizer) => &tokenizer.roles,
            Kind::Hub(tokenizer) => &tokenizer.roles,
        }
    }
}
