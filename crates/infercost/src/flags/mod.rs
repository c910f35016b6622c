//! Flags that several commands share, each defined once.

pub(crate) mod answer;
pub(crate) mod date;
pub(crate) mod detail;
pub(crate) mod economics;
pub(crate) mod export;
#[cfg(feature = "fleet")]
pub(crate) mod fleet;
pub(crate) mod format;
pub(crate) mod judge;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod meter;
pub(crate) mod numbers;
pub(crate) mod page;
pub(crate) mod pattern;
pub(crate) mod processor;
pub(crate) mod record;
#[cfg(feature = "fleet")]
pub(crate) mod tables;

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalFlags {
    /// Folder that holds the runs; or a store that a team shares: s3://, gs://, az:// or file:// (see `infercost push --help`)
    #[arg(long, global = true, value_name = "DIR|URL", default_value = "traces")]
    pub(crate) traces: PathBuf,

    /// The store that a recorded run is pushed to: what `--traces` was, where that is a URL.
    #[arg(skip)]
    pub(crate) push_to: Option<String>,

    /// Settings: prices, policy, revenue, load, offers [default: infercost.toml, if there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Print JSON in place of text
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Do not use the network for models and prices
    #[arg(long, global = true, env = "INFERCOST_OFFLINE", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) offline: bool,

    /// Show no progress and no notes; warnings and errors stay
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Show what the program does; twice for every detail (INFERCOST_LOG=debug)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
}
