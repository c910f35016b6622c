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

/// The form of a command's table.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FormatFlags {
    /// How to write the table
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub(crate) format: TableFormat,
}

impl FormatFlags {
    /// The form, where `--json` is short for its last.
    pub(crate) fn chosen(&self, global: &GlobalFlags) -> TableFormat {
        if global.json { TableFormat::Json } else { self.format }
    }
}
