//! What `infercost bench` takes.

use clap::Args;

use crate::arguments::processor::ProcessorArguments;

#[derive(Debug, Args)]
#[command(mut_arg("threads", |threads| threads.short('t').value_name("THREADS")))]
pub(crate) struct BenchArguments {
    /// As for compare
    pub(crate) model: String,
    /// Prompt tokens
    #[arg(short = 'p', long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prompt_tokens: u32,
    /// Tokens to decode
    #[arg(short = 'n', long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) decode_tokens: u32,
    /// Tokens in the cache when decoding begins
    #[arg(short = 'd', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) depth: u32,
    /// Repetitions
    #[arg(short = 'r', long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,
    #[command(flatten)]
    pub(crate) processor: ProcessorArguments,
    /// Use the network for nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
