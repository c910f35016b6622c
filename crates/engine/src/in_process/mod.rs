//! A model in this process.
//!
//! [`InProcessEngine`] joins a decoder, a tokenizer and a chat template that stem from the same file.

pub mod build_flags;
mod distributions;
mod next_token;
mod prompt;
mod text_windows;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::Device;
use infercost_core::{
    Bytes, Chunk, Distribution, Engine, EngineError, EngineIdentity, FinishReason, Generation,
    GenerationRequest, PromptBody, ScoreRequest, TokenScores,
};
use sha2::{Digest as _, Sha256};

use crate::decoder::{Decoder, DecoderError, DecoderOptions, Executor, Logits, WeightSource};
pub use distributions::{DistributionRows, Distributions};
use next_token::NextToken;
use prompt::PromptEncoder;
pub use text_windows::{TextWindow, TextWindows, TextWindowsError};

/// Version of candle that this crate is built with.
pub const CANDLE_VERSION: &str = "0.11.1";

/// Choices at loading that the file does not make.
#[derive(Debug, Clone)]
pub struct InProcessOptions {
    /// Where the model runs.
    pub device: ModelDevice,
    /// SHA-256 over the weight files, where the caller knows it.
    pub weights_sha256: Option<String>,
    /// Threads that compute on the CPU; `None` is one for each processor that the program may use.
    pub threads: Option<usize>,
}

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelDevice {
    /// On the CPU.
    Cpu,
    /// On the CUDA device of this index; needs the feature `cuda`.
    Cuda(usize),
}

/// Runs a GGUF file or a safetensors folder in this process.
pub struct InProcessEngine {
    identity: EngineIdentity,
    decoder: Decoder,
    prompts: PromptEncoder,
    /// SHA-256 over the texts of its tokens.
    vocabulary: String,
    /// What the decoder's cache holds.
    cached: Vec<u32>,
    /// Tokens by their bytes, once they were asked for.
    tokens_by_bytes: OnceCell<HashMap<Vec<u8>, u32>>,
}

impl InProcessEngine {
    /// Loads a model.
    ///
    /// # Errors
    /// [`EngineError::Load`] for a file that is no model, is cut off, is of an unknown architecture, or has a
    /// tokenizer that is unknown or does not fit the weights; or a device that is not there.
    pub fn load(path: &Path, options: &InProcessOptions) -> Result<Self, EngineError> {
        let fails = |reason: String| EngineError::Load { path: path.display().to_string(), reason };
        let source = WeightSource::open(path).map_err(|error| plain(&error))?;
        let prompts = PromptEncoder::open(&source).map_err(&fails)?;
        prompts
            .tokenizer
            .check_vocabulary(source.config().vocabulary)
            .map_err(|error| fails(error.to_string()))?;
        let device = device(options.device).map_err(&fails)?;
        let choices = DecoderOptions { threads: options.threads, ..DecoderOptions::default() };
        let decoder = Decoder::load(&source, &device, &choices).map_err(|error| plain(&error))?;
        let identity = identity(path, options, &decoder, prompts.tokenizer.fingerprint());
        check_threads(options, &identity).map_err(&fails)?;

        let vocabulary = vocabulary_sha256(&prompts.tokenizer, decoder.vocabulary());
        let tokens_by_bytes = OnceCell::new();
        Ok(Self { identity, decoder, prompts, vocabulary, cached: Vec::new(), tokens_by_bytes })
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &crate::tokenizer::TextTokenizer {
        &self.prompts.tokenizer
    }

    /// Length of a distribution: rows of the output layer, which may be more than the tokenizer's tokens.
    pub fn vocabulary(&self) -> usize {
        self.decoder.vocabulary()
    }

    /// ln-probabilities of what follows each of `tokens` from `first` on, a few rows at a time, with an empty cache
    /// before the first of them.
    ///
    /// # Errors
    /// [`EngineError::ContextExceeded`], [`EngineError::Compute`].
    pub fn distributions(&mut self, tokens: &[u32], first: usize) -> Result<Distributions<'_>, EngineError> {
        self.check_fits(tokens.len(), 0)?;
        self.keep_cached_prefix(tokens, first);

        let start = self.cached.len();
        if let Some(context) = tokens.get(start..first).filter(|context| !context.is_empty()) {
            self.read(context, Logits::Last)?;
        }
        let scored = tokens.get(first..).unwrap_or_default();
        self.read(scored, Logits::All)?;
        Ok(Distributions::new(&mut self.decoder, first, scored.len()))
    }

    /// As [`InProcessEngine::distributions`], all rows at once: for a few tokens.
    ///
    /// # Errors
    /// [`EngineError::ContextExceeded`], [`EngineError::NotFinite`], [`EngineError::Compute`].
    pub fn log_probabilities(&mut self, tokens: &[u32], first: usize) -> Result<Distribution, EngineError> {
        let vocabulary = self.vocabulary();
        let mut rows = Vec::new();
        let mut distributions = self.distributions(tokens, first)?;
        while let Some(some) = distributions.next_rows()? {
            rows.extend_from_slice(some.rows);
        }
        Ok(Distribution { vocabulary, rows })
    }

    /// Decodes `count` tokens after `tokens` without looking at what they say, for speed measurements: the
    /// callback is called after the prompt and after each token.
    ///
    /// # Errors
    /// As [`InProcessEngine::log_probabilities`].
    pub fn drive(
        &mut self,
        tokens: &[u32],
        count: usize,
        mut on_step: impl FnMut(),
    ) -> Result<(), EngineError> {
        self.check_fits(tokens.len(), count)?;
        self.clear();
        self.decoder.reserve(tokens.len() + count);

        let mut next = self.next_greedy(tokens)?;
        on_step();
        for _ in 0..count {
            next = self.next_greedy(&[next])?;
            on_step();
        }
        Ok(())
    }

    /// Reads tokens, and chooses the likeliest to follow.
    fn next_greedy(&mut self, tokens: &[u32]) -> Result<u32, EngineError> {
        let position = self.cached.len() + tokens.len();
        let isa = self.decoder.isa();
        next_token::greedy(isa, self.next_logits(tokens)?, position)
    }

    fn check_fits(&self, input: usize, output: usize) -> Result<(), EngineError> {
        let context = self.decoder.context_length();
        if input.saturating_add(output) > context {
            return Err(EngineError::ContextExceeded { input, output, context });
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.decoder.clear();
        self.cached.clear();
    }

    /// Cuts the cache down to what it shares with `tokens`, and to fewer than `limit` tokens.
    fn keep_cached_prefix(&mut self, tokens: &[u32], limit: usize) {
        let shared = self.cached.iter().zip(tokens).take_while(|(a, b)| a == b).count().min(limit);
        self.decoder.truncate(shared);
        self.cached.truncate(shared);
    }

    fn read(&mut self, tokens: &[u32], logits: Logits) -> Result<(), EngineError> {
        self.decoder.forward(tokens, logits).map_err(|error| plain(&error))?;
        self.cached.extend_from_slice(tokens);
        Ok(())
    }

    /// Reads tokens: the logits of what follows them.
    fn next_logits(&mut self, tokens: &[u32]) -> Result<&[f32], EngineError> {
        self.read(tokens, Logits::Last)?;
        self.decoder.logits(0..1).map(|logits| &*logits).map_err(|error| plain(&error))
    }
}

/// SHA-256 over the texts of the tokens that `rows` rows of logits stand for, each behind its length.
fn vocabulary_sha256(tokenizer: &crate::tokenizer::TextTokenizer, rows: usize) -> String {
    let mut hash = Sha256::new();
    for token in 0..u32::try_from(rows).unwrap_or(u32::MAX) {
        let text = tokenizer.token_text(token);
        hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Engine for InProcessEngine {
    fn identity(&self) -> &EngineIdentity {
        &self.identity
    }

    fn count_input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<u32>, EngineError> {
        Ok(u32::try_from(self.prompts.encode(prompt)?.len()).ok())
    }

    fn input_tokens(&mut self, prompt: &PromptBody) -> Result<Option<Vec<u32>>, EngineError> {
        self.prompts.encode(prompt).map(Some)
    }

    fn vocabulary_sha256(&self) -> Option<&str> {
        Some(&self.vocabulary)
    }

    fn generate(
        &mut self,
        request: &GenerationRequest<'_>,
        on_chunk: &mut dyn FnMut(Chunk<'_>),
    ) -> Result<Generation, EngineError> {
        let (input, opens_thinking) = self.prompts.encode_noting(request.prompt)?;
        let limit = usize::try_from(request.max_tokens).unwrap_or(usize::MAX);
        self.check_fits(input.len(), limit)?;
        self.clear();
        self.decoder.reserve(input.len().saturating_add(limit));
        let isa = self.decoder.isa();
        let mut chooser = NextToken::new(request.sampling);

        let mut text = String::new();
        let mut token_ids = Vec::with_capacity(limit.min(1024));
        let mut finish = FinishReason::Length;
        // The stream borrows the tokenizer while the decoder runs, so it lives beside `self`.
        let tokenizer = self.prompts.tokenizer.clone();
        let mut stream = tokenizer.decode_stream();
        let mut next = None;
        loop {
            let position = self.cached.len() + next.map_or(input.len(), |_| 1);
            let unread = next.as_ref().map_or(input.as_slice(), std::slice::from_ref);
            let token = chooser.choose(isa, self.next_logits(unread)?, position)?;
            token_ids.push(token);

            if tokenizer.stop_tokens().contains(&token) {
                finish = FinishReason::Stop;
                on_chunk(Chunk { text: "", tokens: 1, thinking: false });
                break;
            }

            let piece = stream.push(token);
            on_chunk(Chunk { text: &piece, tokens: 1, thinking: false });
            text.push_str(&piece);
            if token_ids.len() >= limit {
                break;
            }
            next = Some(token);
        }
        text.push_str(&stream.finish());

        Ok(Generation {
            text,
            thinking: None,
            thinking_tokens: None,
            opens_thinking,
            output_tokens: counted(token_ids.len()),
            token_ids,
            input_tokens: Some(counted(input.len())),
            cached_input_tokens: Some(0),
            finish,
            served: None,
        })
    }

    fn token_of_bytes(&self, bytes: &[u8]) -> Option<u32> {
        let tokens = self.tokens_by_bytes.get_or_init(|| self.prompts.tokenizer.tokens_by_bytes());
        tokens.get(bytes).copied()
    }

    fn score(&mut self, request: &ScoreRequest<'_>) -> Result<TokenScores, EngineError> {
        let (context, targets) = self.prompts.encode_with(request.prompt, request.continuation)?;
        let Some(first) = context.len().checked_sub(1) else {
            return Err(EngineError::Template("the rendered prompt holds no token".into()));
        };
        if targets.is_empty() {
            return Err(EngineError::CannotScore("the continuation holds no token".into()));
        }
        let mut tokens = context;
        tokens.extend_from_slice(&targets);
        tokens.pop();

        let vocabulary = self.vocabulary();
        let mut kept = request.distribution.then(Vec::new);
        let mut log_probabilities = Vec::with_capacity(targets.len());
        let mut distributions = self.distributions(&tokens, first)?;
        while let Some(DistributionRows { rows, .. }) = distributions.next_rows()? {
            for row in rows.chunks_exact(vocabulary) {
                let target = targets.get(log_probabilities.len()).map(|target| *target as usize);
                let ln_p = target.and_then(|target| row.get(target)).ok_or_else(outside)?;
                log_probabilities.push(f64::from(*ln_p));
            }
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(rows);
            }
        }

        let distribution = kept.map(|rows| Distribution { vocabulary, rows });
        Ok(TokenScores { targets, log_probabilities, distribution })
    }
}

/// A target that has no place in a distribution.
fn outside() -> EngineError {
    EngineError::CannotScore("a token lies outside the vocabulary".into())
}

fn counted(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// What runs, and how it was built.
fn identity(path: &Path, options: &InProcessOptions, decoder: &Decoder, tokenizer: &str) -> EngineIdentity {
    let executor = decoder.executor();
    let (engine, version) = match executor.executor {
        Executor::Kernels => ("infercost", env!("CARGO_PKG_VERSION")),
        Executor::Candle => ("candle", CANDLE_VERSION),
    };
    let threads = executor.threads.unwrap_or_else(candle_core::utils::get_num_threads);

    EngineIdentity {
        engine: engine.into(),
        version: version.into(),
        build_flags: build_flags::describe(&executor),
        device: match options.device {
            ModelDevice::Cpu => "cpu".into(),
            ModelDevice::Cuda(index) => format!("cuda:{index}"),
        },
        threads: u32::try_from(threads).ok(),
        family: Some(decoder.config().family.name().into()),
        quantization: Some(decoder.quantization().into()),
        compute_dtype: Some(decoder.compute_type_name().into()),
        weights_sha256: options.weights_sha256.clone(),
        tokenizer_sha256: Some(tokenizer.into()),
        file_size: file_size(path).map(Bytes),
        weight_bytes_per_token: Some(Bytes(decoder.weights_bytes_per_token())),
        context_length: u32::try_from(decoder.context_length()).ok(),
        habits: None,
    }
}

/// Refuses a number of threads that candle would not keep to: it reads its own from the environment, once.
fn check_threads(options: &InProcessOptions, identity: &EngineIdentity) -> Result<(), String> {
    let Some(wanted) = options.threads.and_then(|threads| u32::try_from(threads).ok()) else { return Ok(()) };
    match identity.threads {
        Some(threads) if threads != wanted && options.device == ModelDevice::Cpu => Err(format!(
            "this model would run on {threads} threads, not {wanted}: here candle computes, which reads its number of \
             threads from the environment; start the program with RAYON_NUM_THREADS={wanted}"
        )),
        _ => Ok(()),
    }
}

/// Errors of the decoder name the file themselves.
fn plain(error: &DecoderError) -> EngineError {
    EngineError::Compute(error.to_string())
}

fn device(device: ModelDevice) -> Result<Device, String> {
    match device {
        ModelDevice::Cpu => Ok(Device::Cpu),
        ModelDevice::Cuda(index) => Device::new_cuda(index).map_err(|error| {
            format!("cannot use CUDA device {index}: {error}; use the CPU, or build with --features cuda")
        }),
    }
}

/// Size of the weight file, or of all safetensors files of a folder.
fn file_size(path: &Path) -> Option<u64> {
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.is_file() {
        return Some(metadata.len());
    }
    let files = std::fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let files = files.filter(|path: &PathBuf| path.extension().is_some_and(|kind| kind == "safetensors"));
    files.map(|file| Some(std::fs::metadata(file).ok()?.len())).sum()
}
