//! candle in process.
//!
//! [`CandleEngine`] joins a decoder, a tokenizer and a chat template that stem from the same file.

pub mod build_flags;
mod log_softmax;
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

use crate::decoder::{Decoder, DecoderOptions, Logits, WeightSource};
use log_softmax::log_softmax;
use next_token::NextToken;
use prompt::PromptEncoder;
pub use text_windows::{TextWindow, TextWindows, TextWindowsError};

/// Version of candle that this crate is built with.
pub const CANDLE_VERSION: &str = "0.11.1";

/// Choices at loading that the file does not make.
#[derive(Debug, Clone)]
pub struct CandleOptions {
    /// Where the model runs.
    pub device: CandleDevice,
    /// SHA-256 over the weight files, where the caller knows it.
    pub weights_sha256: Option<String>,
}

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandleDevice {
    /// On the CPU.
    Cpu,
    /// On the CUDA device of this index; needs the feature `cuda`.
    Cuda(usize),
}

/// Runs a GGUF file or a safetensors folder with candle, in this process.
pub struct CandleEngine {
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

impl CandleEngine {
    /// Loads a model.
    ///
    /// # Errors
    /// [`EngineError::Load`] for a file that is no model, is cut off, is of an unknown architecture, or has a
    /// tokenizer that is unknown or does not fit the weights; or a device that is not there.
    pub fn load(path: &Path, options: &CandleOptions) -> Result<Self, EngineError> {
        let fails = |reason: String| EngineError::Load { path: path.display().to_string(), reason };
        let source = WeightSource::open(path).map_err(|error| plain(&error))?;
        let prompts = PromptEncoder::open(&source).map_err(&fails)?;
        prompts
            .tokenizer
            .check_vocabulary(source.config().vocabulary)
            .map_err(|error| fails(error.to_string()))?;
        let device = device(options.device).map_err(&fails)?;
        let decoder =
            Decoder::load(&source, &device, &DecoderOptions::default()).map_err(|error| plain(&error))?;
        let identity = EngineIdentity {
            engine: "candle".into(),
            version: CANDLE_VERSION.into(),
            build_flags: build_flags::describe(),
            device: match options.device {
                CandleDevice::Cpu => "cpu".into(),
                CandleDevice::Cuda(index) => format!("cuda:{index}"),
            },
            threads: u32::try_from(candle_core::utils::get_num_threads()).ok(),
            family: Some(decoder.config().family.name().into()),
            quantization: Some(decoder.quantization().into()),
            compute_dtype: Some(decoder.compute_type_name().into()),
            weights_sha256: options.weights_sha256.clone(),
            tokenizer_sha256: Some(prompts.tokenizer.fingerprint().into()),
            file_size: file_size(path).map(Bytes),
            weight_bytes_per_token: Some(Bytes(decoder.weights_bytes_per_token())),
            context_length: u32::try_from(decoder.context_length()).ok(),
            habits: None,
        };
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

    /// ln-probabilities of what follows each of `tokens` from `first` on, one row a token, with an empty cache
    /// before the first of them.
    ///
    /// # Errors
    /// [`EngineError::ContextExceeded`], [`EngineError::NotFinite`], [`EngineError::Compute`].
    pub fn log_probabilities(&mut self, tokens: &[u32], first: usize) -> Result<Distribution, EngineError> {
        self.check_fits(tokens.len(), 0)?;
        self.keep_cached_prefix(tokens, first);
        let start = self.cached.len();
        if start < first {
            self.forward(&tokens[start..first], Logits::Last)?;
        }
        let logits = self.forward(tokens.get(first..).unwrap_or_default(), Logits::All)?;
        log_softmax(logits, first)
    }

    /// Decodes `count` tokens after `tokens` without looking at what they say, for speed measurements: the
    /// callback is called after the prompt and after each token.
    ///
    /// # Errors
    /// As [`CandleEngine::log_probabilities`].
    pub fn drive(
        &mut self,
        tokens: &[u32],
        count: usize,
        mut on_step: impl FnMut(),
    ) -> Result<(), EngineError> {
        self.check_fits(tokens.len(), count)?;
        self.clear();
        let mut logits = self.forward(tokens, Logits::Last)?;
        on_step();
        for _ in 0..count {
            let token = next_token::greedy(&logits.values, self.cached.len())?;
            logits = self.forward(&[token], Logits::Last)?;
            on_step();
        }
        Ok(())
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

    fn forward(&mut self, tokens: &[u32], logits: Logits) -> Result<LogitRows, EngineError> {
        let compute = |error: candle_core::Error| EngineError::Compute(error.to_string());
        let rows = self.decoder.forward(tokens, logits).map_err(|error| plain(&error))?;
        self.cached.extend_from_slice(tokens);
        let vocabulary = self.decoder.vocabulary();
        let values = rows.flatten_all().and_then(|rows| rows.to_vec1::<f32>()).map_err(compute)?;
        Ok(LogitRows { vocabulary, values })
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

/// Logits of one or more positions, row after row.
pub(crate) struct LogitRows {
    pub(crate) vocabulary: usize,
    pub(crate) values: Vec<f32>,
}

impl Engine for CandleEngine {
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
        let input = self.prompts.encode(request.prompt)?;
        let limit = usize::try_from(request.max_tokens).unwrap_or(usize::MAX);
        self.check_fits(input.len(), limit)?;
        self.clear();
        let mut chooser = NextToken::new(request.sampling);
        let mut logits = self.forward(&input, Logits::Last)?;
        let mut text = String::new();
        let mut token_ids = Vec::with_capacity(limit.min(1024));
        let mut finish = FinishReason::Length;
        // The stream borrows the tokenizer while the decoder runs, so it lives beside `self`.
        let tokenizer = self.prompts.tokenizer.clone();
        let mut stream = tokenizer.decode_stream();
        loop {
            let token = chooser.choose(&logits.values, self.cached.len())?;
            token_ids.push(token);
            if tokenizer.stop_tokens().contains(&token) {
                finish = FinishReason::Stop;
                on_chunk(Chunk { text: "", tokens: 1 });
                break;
            }
            let piece = stream.push(token);
            on_chunk(Chunk { text: &piece, tokens: 1 });
            text.push_str(&piece);
            if token_ids.len() >= limit {
                break;
            }
            logits = self.forward(&[token], Logits::Last)?;
        }
        text.push_str(&stream.finish());
        let count = |tokens: usize| u32::try_from(tokens).unwrap_or(u32::MAX);
        Ok(Generation {
            text,
            output_tokens: count(token_ids.len()),
            token_ids,
            input_tokens: Some(count(input.len())),
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
        let distribution = self.log_probabilities(&tokens, first)?;
        let rows = distribution.rows.chunks_exact(distribution.vocabulary);
        let log_probabilities = rows
            .zip(&targets)
            .map(|(row, target)| row.get(*target as usize).map(|value| f64::from(*value)))
            .collect::<Option<Vec<f64>>>()
            .ok_or_else(|| EngineError::CannotScore("a token lies outside the vocabulary".into()))?;
        let distribution = request.distribution.then_some(distribution);
        Ok(TokenScores { targets, log_probabilities, distribution })
    }
}

/// Errors of the decoder name the file themselves.
fn plain(error: &crate::decoder::DecoderError) -> EngineError {
    EngineError::Compute(error.to_string())
}

fn device(device: CandleDevice) -> Result<Device, String> {
    match device {
        CandleDevice::Cpu => Ok(Device::Cpu),
        CandleDevice::Cuda(index) => Device::new_cuda(index).map_err(|error| {
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
    let is_weights = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
    let files = std::fs::read_dir(path).ok()?.filter_map(|entry| Some(entry.ok()?.path())).filter(is_weights);
    files.map(|file| Some(std::fs::metadata(file).ok()?.len())).sum()
}
