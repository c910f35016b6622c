//! How much of a report is shown.

use clap::Args;

use crate::output::answer::Detail;

/// More than the answer.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct DetailFlags {
    /// Show every column, however wide the terminal is
    #[arg(long)]
    pub(crate) wide: bool,

    /// Show every interval, every finding and how each limit was decided
    #[arg(long)]
    pub(crate) explain: bool,
}

impl DetailFlags {
    pub(crate) fn detail(&self) -> Detail {
        Detail { wide: self.wide, explain: self.explain }
    }
}
