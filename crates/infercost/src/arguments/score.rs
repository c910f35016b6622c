//! What `infercost score` takes.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::processor::ProcessorArguments;

/// The text is cut into windows that do not overlap; the second half of each is scored.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost score smollm2-135m-instruct/q4_0 --text book.txt
  infercost score q4.gguf --baseline f32.gguf --text book.txt --json")]
pub(crate) struct ScoreArguments {
    /// As for compare
    pub(crate) model: String,
    /// UTF-8 text to score
    #[arg(long, value_name = "FILE")]
    pub(crate) text: PathBuf,
    /// Model to measure the divergence from; it must have the same tokenizer
    #[arg(long, value_name = "MODEL")]
    pub(crate) baseline: Option<String>,
    /// Keep the baseline's distributions in this file, or take them from it: 2 bytes a token of the vocabulary and
    /// scored position; each further candidate then costs one pass
    #[arg(long, value_name = "FILE", requires = "baseline")]
    pub(crate) baseline_store: Option<PathBuf>,
    /// Tokens in a window
    #[arg(long, value_name = "TOKENS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..))]
    pub(crate) context: u32,
    #[command(flatten)]
    pub(crate) processor: ProcessorArguments,
    /// Use the network for nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
