//! What can go wrong between a model file and its logits.

use std::path::{Path, PathBuf};

use super::family::Family;

/// Failure to read a model file or to run the decoder.
///
/// Names taken from a file are escaped and shortened before they are stored here.
#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is neither GGUF nor safetensors with a `config.json`, or its header is broken.
    #[error("{} is not a model that can be read: {reason}", path.display())]
    NotAModel {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The architecture named in the file has no counterpart here.
    #[error(
        "{}: unknown architecture \"{found}\"; known are {}",
        path.display(),
        Family::known_names()
    )]
    UnknownArchitecture {
        /// The model file.
        path: PathBuf,
        /// The name found in it.
        found: String,
    },
    /// The architecture is known, but the file uses a part of it that is not implemented.
    #[error("{}: {feature} is not supported; use a variant of the model without it", path.display())]
    Unsupported {
        /// The model file.
        path: PathBuf,
        /// The missing part.
        feature: String,
    },
    /// A configuration value is missing, malformed or out of bounds.
    #[error("{}: configuration \"{key}\": {reason}", path.display())]
    Config {
        /// The model file.
        path: PathBuf,
        /// The key in the file.
        key: String,
        /// Why its value cannot be used.
        reason: String,
    },
    /// The file has no tensor of this name.
    #[error("{}: tensor \"{tensor}\" is missing; the file is incomplete or of another architecture", path.display())]
    MissingTensor {
        /// The model file.
        path: PathBuf,
        /// The name looked for.
        tensor: String,
    },
    /// A tensor's description does not fit the file that holds it.
    #[error("{}: tensor \"{tensor}\": {reason}; the file may be truncated, fetch it again", path.display())]
    BrokenTensor {
        /// The model file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What does not fit.
        reason: String,
    },
    /// A tensor's shape contradicts the configuration.
    #[error("{}: tensor \"{tensor}\" has shape {found:?}, but the configuration asks for {expected:?}", path.display())]
    Shape {
        /// The model file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Shape that follows from the configuration, outermost dimension first.
        expected: Vec<usize>,
        /// Shape in the file, outermost dimension first.
        found: Vec<usize>,
    },
    /// More tokens than the model's context holds; the cache is unchanged.
    #[error(
        "{cached} cached and {requested} new tokens exceed the context of {limit} tokens; shorten the prompt"
    )]
    ContextExceeded {
        /// Tokens already in the cache.
        cached: usize,
        /// Tokens of this call.
        requested: usize,
        /// The context length.
        limit: usize,
    },
    /// A token that the vocabulary does not have.
    #[error(
        "token {token} is outside the vocabulary of {vocabulary}; the tokenizer belongs to another model"
    )]
    TokenOutOfRange {
        /// The offending token.
        token: u32,
        /// Number of tokens the model knows.
        vocabulary: usize,
    },
    /// A forward pass was asked for without tokens.
    #[error("no tokens were given; a forward pass needs at least one")]
    NoTokens,
    /// A logit was NaN or infinite.
    #[error(
        "the model's logits are not finite at position {position}: the weights are damaged, or the arithmetic overflowed"
    )]
    NotFinite {
        /// Position in the sequence, from 0.
        position: usize,
    },
    /// No kernel multiplies with weights of this type.
    #[error(
        "{}: tensor \"{tensor}\" is of type {encoding}, for which there is no kernel on this processor; take the model in \
         another quantization, such as Q4_K_M or Q8_0 (`infercost quantize` writes those), or run it on a GPU",
        path.display()
    )]
    NoKernel {
        /// The model file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        encoding: &'static str,
    },
    /// The weights would not fit into the memory that is free.
    #[error(
        "{}: loading this model takes at least {} MiB of memory, but {} MiB are free; take a smaller model or a smaller \
         quantization, or close other programs",
        path.display(),
        needed >> 20,
        free >> 20
    )]
    TooLarge {
        /// The model file.
        path: PathBuf,
        /// Bytes that the weights take, and what reading the largest of them takes beside that.
        needed: u64,
        /// Bytes that the system can still give.
        free: u64,
    },
    /// The system starts no threads.
    #[error("cannot start {threads} threads: {source}; give a smaller number with --threads")]
    Threads {
        /// Threads wanted.
        threads: usize,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A level of kernels was asked for that cannot run here.
    #[error(transparent)]
    Level(#[from] infercost_kernels::IsaError),
    /// A matrix cannot be packed.
    #[error("{}: tensor \"{tensor}\": {source}", path.display())]
    Packing {
        /// The model file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What does not fit.
        source: infercost_kernels::PackError,
    },
    /// The tensor library failed.
    #[error("computing failed: {0}")]
    Compute(#[from] candle_core::Error),
}

impl DecoderError {
    /// What the file system's refusal to read `path` becomes.
    pub(crate) fn reading(path: &Path) -> impl Fn(std::io::Error) -> Self + Copy + '_ {
        move |source| Self::Io { path: path.into(), source }
    }

    /// What is wrong with the file or folder as a model.
    pub(crate) fn not_a_model(path: &Path, reason: impl Into<String>) -> Self {
        Self::NotAModel { path: path.into(), reason: reason.into() }
    }

    /// What is wrong with a tensor's description; its name may come from the file.
    pub(crate) fn broken_tensor(path: &Path, tensor: &str, reason: impl Into<String>) -> Self {
        Self::BrokenTensor { path: path.into(), tensor: shown(tensor), reason: reason.into() }
    }
}

/// Escapes and shortens a name that was read from a file, for use in a message.
pub(crate) fn shown(name: &str) -> String {
    infercost_core::text::printable_up_to(name, 80).into_owned()
}
