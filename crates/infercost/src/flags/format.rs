//! The form of a table.

use clap::{Args, ValueEnum};

use crate::flags::GlobalFlags;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Columns for a terminal
    Table,
    /// A table for pull requests and issues
    Markdown,
    /// Comma-separated values with a header
    Csv,
    /// The same as --json
    Json,
}

/// The form of a command's answer.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FormatFlags {
    /// How to write the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table", conflicts_with = "json")]
    pub(crate) format: TableFormat,
}

impl FormatFlags {
    /// The form, where `--json` is short for its last.
    pub(crate) fn chosen(&self, global: &GlobalFlags) -> TableFormat {
        if global.json { TableFormat::Json } else { self.format }
    }
}
