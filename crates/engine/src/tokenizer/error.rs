//! What can be wrong with a tokenizer as a file describes it.

use std::path::PathBuf;

use thiserror::Error;

/// Why a tokenizer could not be built from a model file, or does not fit the weights.
///
/// Text that comes from the file is escaped and shortened before it is put into a message.
#[derive(Debug, Error)]
pub enum TokenizerError {
    /// A metadata key that the tokenizer cannot do without is absent.
    #[error("the model file has no `{key}`; convert the model again with a current converter")]
    MissingKey {
        /// The metadata key.
        key: &'static str,
    },
    /// A metadata value, or an element of a metadata array, has another type than its key calls for.
    #[error("`{key}` in the model file is not {expected}")]
    WrongType {
        /// The metadata key.
        key: &'static str,
        /// The type that was expected, in words.
        expected: &'static str,
    },
    /// An array that goes with the list of tokens has another length than that list.
    #[error("`{key}` has {found} entries for {expected} tokens")]
    LengthMismatch {
        /// The metadata key of the array.
        key: &'static str,
        /// Its length.
        found: usize,
        /// The number of tokens.
        expected: usize,
    },
    /// The vocabulary has no token at all, or more than 2³² of them.
    #[error("the vocabulary has {size} tokens, which cannot be right")]
    VocabularySize {
        /// The number of tokens.
        size: usize,
    },
    /// `tokenizer.ggml.model` names a kind of tokenizer that is not implemented.
    #[error("tokenizers of the kind `{model}` are not supported; supported are: {known}")]
    UnknownModel {
        /// The kind that the file names.
        model: String,
        /// The kinds that are supported.
        known: String,
    },
    /// `tokenizer.ggml.pre` names a way of splitting text that is not implemented.
    ///
    /// A guess would give wrong tokens without a sign of it, so there is no default.
    #[error("the pre-tokenizer `{name}` is not supported; supported are: {known}")]
    UnknownPreTokenizer {
        /// The pre-tokenizer that the file names.
        name: String,
        /// The pre-tokenizers that are supported.
        known: String,
    },
    /// `tokenizer.ggml.pre` is absent from a byte-pair vocabulary, so that nothing says how to split text.
    #[error(
        "the model file does not say how text is split before tokenizing (`tokenizer.ggml.pre`); \
         convert the model again with a current converter"
    )]
    MissingPreTokenizer,
    /// Two token ids have the same text.
    #[error("tokens {first} and {second} are both `{text}`")]
    DuplicateToken {
        /// The text of both tokens, escaped.
        text: String,
        /// The lower id.
        first: u32,
        /// The higher id.
        second: u32,
    },
    /// A token type is outside the range that the format defines.
    #[error("token {id} has the type {kind}; types go from 0 to 6")]
    BadTokenType {
        /// The token's id.
        id: u32,
        /// The type in the file.
        kind: i64,
    },
    /// A token's score is not a number.
    #[error("the score of token {id} is not a number")]
    BadScore {
        /// The token's id.
        id: u32,
    },
    /// A byte token's text is not of the form `<0xHH>`.
    #[error("token {id} is marked as a byte but its text is `{text}`, not `<0xHH>`")]
    BadByteToken {
        /// The token's id.
        id: u32,
        /// Its text, escaped.
        text: String,
    },
    /// A merge rule does not consist of two parts with a space between them.
    #[error("merge rule {index} is `{rule}`, which is not two tokens with a space between")]
    BadMerge {
        /// The rule's position in the list, from 0.
        index: usize,
        /// The rule, escaped.
        rule: String,
    },
    /// A merge rule speaks of a token that the vocabulary lacks.
    #[error("merge rule {index} needs the token `{token}`, which the vocabulary lacks")]
    UnknownMergeToken {
        /// The rule's position in the list, from 0.
        index: usize,
        /// The missing token, escaped.
        token: String,
    },
    /// A special token's id is not in the vocabulary.
    #[error("`{key}` is {id}, outside the vocabulary of {size} tokens")]
    TokenOutOfRange {
        /// The metadata key.
        key: &'static str,
        /// The id in the file.
        id: i64,
        /// The number of tokens.
        size: usize,
    },
    /// The file asks for a token at the start or the end of each text but does not say which.
    #[error("the model file asks for a token by `{flag}` but has no `{key}`")]
    MissingBoundaryToken {
        /// The key that asks for it.
        flag: &'static str,
        /// The key that should name it.
        key: &'static str,
    },
    /// The vocabulary can express neither a byte nor "unknown", so that some text has no tokens.
    #[error("the vocabulary has no token for the byte 0x{byte:02X} and no unknown token")]
    NoFallback {
        /// The first such byte.
        byte: u8,
    },
    /// The tokenizer and the weights were made for different vocabularies.
    #[error(
        "the tokenizer has {tokenizer} tokens and the weights have {weights} rows; \
         they do not belong together"
    )]
    VocabularyMismatch {
        /// Tokens in the tokenizer.
        tokenizer: usize,
        /// Rows of the weights' embedding.
        weights: usize,
    },
    /// A text has no tokens under the model's rules. Only tokenizers from `tokenizer.json` can fail so.
    #[error("the text cannot be tokenized: {reason}")]
    Unencodable {
        /// The reason.
        reason: String,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what its name promises.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, escaped.
        reason: String,
    },
}

/// Makes text from a file fit for a message: at most 60 characters, no control characters.
pub(crate) fn shown(text: &str) -> String {
    infercost_core::text::printable_up_to(text, 60).into_owned()
}
