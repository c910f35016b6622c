//! Into which tables a run is exported.

use std::path::PathBuf;

use clap::Args;

/// Tables of Parquet.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct TablesFlags {
    /// Write runs into the tables of this folder or store, as Parquet; a run that is there already is replaced
    #[arg(
        long,
        value_name = "DIR|URL",
        conflicts_with_all = ["otlp", "phoenix", "langsmith", "langfuse", "plain", "unsent", "compression", "timeout", "project"]
    )]
    pub(crate) parquet: Option<PathBuf>,

    /// Write prompts and answers into the tables as well
    #[arg(long, requires = "parquet", conflicts_with = "no_content")]
    pub(crate) content: bool,
}
