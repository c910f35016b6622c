//! What `infercost models`, `quantize` and `tokenize` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List manifests and what of them is in the cache
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch or make models, and print where they are
    Pull {
        /// As for compare
        #[arg(value_name = "MODEL", required = true)]
        models: Vec<String>,
        /// Use the network for nothing
        #[arg(long)]
        offline: bool,
    },
    /// Show what a model file holds
    Inspect {
        /// As for compare
        #[arg(value_name = "MODEL")]
        model: String,
        /// Use the network for nothing
        #[arg(long)]
        offline: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct QuantizeArguments {
    /// Full-precision model, as for compare
    pub(crate) model: String,
    /// Q8_0, Q6_K, Q5_K, Q4_K, Q4_1, Q4_0, F16 or F32
    pub(crate) recipe: String,
    /// File to write [default: MODEL-RECIPE.gguf in this folder]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Use the network for nothing
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokenizeArguments {
    /// As for compare
    pub(crate) model: String,
    /// File to tokenize [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub(crate) text: Option<PathBuf>,
    /// File of JSON strings, one a line; prints one array a line
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) jsonl: Option<PathBuf>,
    /// Take the names of special tokens as plain text
    #[arg(long)]
    pub(crate) literal: bool,
    /// Print the pieces beside the ids
    #[arg(long)]
    pub(crate) pieces: bool,
    /// Use the network for nothing
    #[arg(long)]
    pub(crate) offline: bool,
}
