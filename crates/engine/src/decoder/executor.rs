//! The decoder, whichever way it computes.

use std::ops::Range;
use std::path::Path;

use candle_core::Device;
use infercost_kernels::{Isa, log_softmax};

use super::config::DecoderConfig;
use super::cpu::CpuDecoder;
use super::error::DecoderError;
use super::free_memory::free_memory;
use super::options::{DecoderOptions, Executor, Logits};
use super::tensor::TensorDecoder;
use super::weights::WeightSource;

/// A llama-like language model with its cache of one sequence.
///
/// One configuration, two executors: fused kernels on CPUs, and candle's tensors on GPUs, on processors without such
/// kernels, and as the reference in tests.
pub struct Decoder {
    executor: Running,
    /// Level of the loops over logits, which both executors share.
    isa: Isa,
}

enum Running {
    Kernels(Box<CpuDecoder>),
    Candle(Box<TensorDecoder>),
}

/// What computed, for the identity of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorIdentity {
    /// Which of the two.
    pub executor: Executor,
    /// Level and choices that change speed, such as `kernels avx512-vnni, cache F16`.
    pub description: String,
    /// Threads, where the decoder knows them.
    pub threads: Option<usize>,
}

impl Decoder {
    /// Opens a model file or folder and loads it, see [`WeightSource::open`].
    ///
    /// # Errors
    /// Those of [`WeightSource::open`] and [`Decoder::load`].
    pub fn open(path: &Path, device: &Device, options: &DecoderOptions) -> Result<Self, DecoderError> {
        Self::load(&WeightSource::open(path)?, device, options)
    }

    /// Loads all weights to the device.
    ///
    /// # Errors
    /// A tensor that is missing, of another shape than the configuration asks for or of a type without a kernel, a
    /// file that cannot be read, a device without the memory, or a choice that cannot be met.
    pub fn load(
        source: &WeightSource,
        device: &Device,
        options: &DecoderOptions,
    ) -> Result<Self, DecoderError> {
        let isa = match options.isa {
            Some(isa) => isa,
            None => Isa::from_environment()?,
        };
        if device.is_cpu() {
            check_memory(source.path(), source.bytes_to_load(), free_memory())?;
        }

        let executor = if device.is_cpu() { options.executor } else { Some(Executor::Candle) };
        let executor = match executor.unwrap_or(Executor::ON_THIS_CPU) {
            Executor::Kernels => Running::Kernels(Box::new(CpuDecoder::load(source, options)?)),
            Executor::Candle => {
                Running::Candle(Box::new(TensorDecoder::load(source, device, options.compute_type)?))
            }
        };
        Ok(Self { executor, isa })
    }

    /// Reads new tokens that follow the cached ones, and caches them. `logits` says which of them [`Decoder::logits`]
    /// can be asked for afterwards.
    ///
    /// # Errors
    /// No tokens, a token outside the vocabulary, more tokens than the context holds, or a
    /// failure of the device. The cache is then as before the call.
    pub fn forward(&mut self, tokens: &[u32], logits: Logits) -> Result<(), DecoderError> {
        let cached = self.len();
        let vocabulary = self.vocabulary();
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
            return Err(DecoderError::TokenOutOfRange { token: *token, vocabulary });
        }
        let limit = self.context_length();
        if tokens.len() > limit.saturating_sub(cached) {
            return Err(DecoderError::ContextExceeded { cached, requested: tokens.len(), limit });
        }

        match &mut self.executor {
            Running::Kernels(decoder) => decoder.forward(tokens, logits),
            Running::Candle(decoder) => decoder.forward(tokens, logits),
        }
    }

    /// Logits of what follows tokens of the last forward pass, row after row: with [`Logits::All`] row 0 belongs to
    /// its first token, with [`Logits::Last`] to its last.
    ///
    /// # Errors
    /// There is no such row, or the device fails.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&mut [f32], DecoderError> {
        match &mut self.executor {
            Running::Kernels(decoder) => decoder.logits(rows),
            Running::Candle(decoder) => decoder.logits(rows),
        }
    }

    /// ln-probabilities of what follows tokens of the last forward pass, as [`Decoder::logits`] numbers them.
    ///
    /// # Errors
    /// As [`Decoder::logits`]; [`DecoderError::NotFinite`] with the number of the row as its position.
    pub fn ln_probabilities(&mut self, rows: Range<usize>) -> Result<&mut [f32], DecoderError> {
        let (first, vocabulary, isa) = (rows.start, self.vocabulary(), self.isa);
        match &mut self.executor {
            Running::Kernels(decoder) => decoder.ln_probabilities(rows),
            Running::Candle(decoder) => {
                let logits = decoder.logits(rows)?;
                for (row, logits) in logits.chunks_exact_mut(vocabulary.max(1)).enumerate() {
                    if !log_softmax(isa, logits) {
                        return Err(DecoderError::NotFinite { position: first + row });
                    }
                }
                Ok(logits)
            }
        }
    }

    /// Rows of logits that are computed well together: enough to read the output layer seldom, few enough to stay in
    /// tens of megabytes.
    pub fn rows_at_once(&self) -> usize {
        const MOST_LOGITS: usize = 4 << 20;
        (MOST_LOGITS / self.vocabulary().max(1)).clamp(8, 128)
    }

    /// Takes the memory for sequences of up to `tokens` tokens, so that no token takes any.
    pub fn reserve(&mut self, tokens: usize) {
        if let Running::Kernels(decoder) = &mut self.executor {
            decoder.reserve(tokens);
        }
    }

    /// Forgets every token.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Forgets the tokens from `length` on, so that a prompt that shares the first `length`
    /// tokens need not compute them again. Longer than [`Decoder::len`] changes nothing.
    pub fn truncate(&mut self, length: usize) {
        match &mut self.executor {
            Running::Kernels(decoder) => decoder.truncate(length),
            Running::Candle(decoder) => decoder.truncate(length),
        }
    }

    /// Tokens in the cache.
    pub fn len(&self) -> usize {
        match &self.executor {
            Running::Kernels(decoder) => decoder.len(),
            Running::Candle(decoder) => decoder.len(),
        }
    }

    /// True if no token is cached.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The configuration read from the file.
    pub fn config(&self) -> &DecoderConfig {
        match &self.executor {
            Running::Kernels(decoder) => decoder.config(),
            Running::Candle(decoder) => decoder.config(),
        }
    }

    /// What computes.
    pub fn executor(&self) -> ExecutorIdentity {
        match &self.executor {
            Running::Kernels(decoder) => ExecutorIdentity {
                executor: Executor::Kernels,
                description: format!(
                    "kernels {}, cache {}",
                    decoder.isa().describe(),
                    decoder.cache_type().name()
                ),
                threads: Some(decoder.threads()),
            },
            Running::Candle(_) => ExecutorIdentity {
                executor: Executor::Candle,
                description: "tensors of candle".into(),
                threads: None,
            },
        }
    }

    /// Level of the loops over logits.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Number type of activations and plain weights: `F32`, `F16` or `BF16`.
    pub fn compute_type_name(&self) -> &'static str {
        match &self.executor {
            Running::Kernels(_) => "F32",
            Running::Candle(decoder) => decoder.compute_type_name(),
        }
    }

    /// Bytes of weights read to decode one token, as they lie in memory: the numerator of a
    /// roofline's memory time, <https://doi.org/10.1145/1498765.1498785>. Of the embedding only
    /// one row counts, unless it is also the output layer.
    pub fn weights_bytes_per_token(&self) -> u64 {
        match &self.executor {
            Running::Kernels(decoder) => decoder.weights_bytes_per_token(),
            Running::Candle(decoder) => decoder.weights_bytes_per_token(),
        }
    }

    /// Bytes of keys and values that each cached token adds.
    pub fn kv_bytes_per_token(&self) -> u64 {
        match &self.executor {
            Running::Kernels(decoder) => decoder.kv_bytes_per_token(),
            Running::Candle(decoder) => decoder.kv_bytes_per_token(),
        }
    }

    /// Number of tokens in the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.config().vocabulary
    }

    /// Longest sequence in tokens.
    pub fn context_length(&self) -> usize {
        self.config().context_length
    }

    /// Name of the encoding that most bytes of the file's matrices are in, such as `Q4_1` or
    /// `BF16`.
    pub fn quantization(&self) -> &'static str {
        match &self.executor {
            Running::Kernels(decoder) => decoder.quantization(),
            Running::Candle(decoder) => decoder.quantization(),
        }
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("executor", &self.executor()).finish_non_exhaustive()
    }
}

/// Refuses a model that takes more bytes than are free, where that is known.
fn check_memory(path: &Path, needed: u64, free: Option<u64>) -> Result<(), DecoderError> {
    match free {
        Some(free) if needed > free => Err(DecoderError::TooLarge { path: path.into(), needed, free }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_larger_than_free_memory_is_refused_with_both_numbers() {
        let check = |needed, free| {
            check_memory(Path::new("large.gguf"), needed, free).map_err(|error| error.to_string())
        };
        assert_eq!(check(5 << 30, None), Ok(()));
        assert_eq!(check(5 << 30, Some(5 << 30)), Ok(()));
        let said = check(5 << 30, Some(4 << 30)).err().unwrap_or_default();
        assert!(
            said.contains("5120 MiB") && said.contains("4096 MiB") && said.contains("large.gguf"),
            "{said}"
        );
    }
}
