//! `infercost completions`: a completion script for a shell.

use std::io;
use std::process::ExitCode;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct CompletionsCommand {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

pub(crate) fn run(arguments: &CompletionsCommand, command: &mut clap::Command) -> anyhow::Result<ExitCode> {
    clap_complete::generate(arguments.shell, command, "infercost", &mut io::stdout().lock());
    Ok(ExitCode::SUCCESS)
}
