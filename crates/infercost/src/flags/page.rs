//! The report as an HTML page.

use std::path::PathBuf;

use clap::Args;

/// Where the page goes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct PageFlags {
    /// Write the report as one self-contained HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Show the page when it is written
    #[arg(long, requires = "html")]
    pub(crate) open: bool,

    /// Replace the file if it is there
    #[arg(long, requires = "html")]
    pub(crate) force: bool,
}
