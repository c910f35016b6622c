//! `infercost completions`: a completion script for a shell.

use std::io;
use std::process::ExitCode;

use clap::Args;
use clap::CommandFactory as _;

use crate::cli::Cli;

#[derive(Debug, Args)]
pub(crate) struct CompletionsCommand {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

pub(crate) fn run(arguments: &CompletionsCommand) -> anyhow::Result<ExitCode> {
    let mut command = Cli::command();
    clap_complete::generate(arguments.shell, &mut command, "infercost", &mut io::stdout().lock());
    Ok(ExitCode::SUCCESS)
}
