//! `infercost completions`: a completion script for a shell.

use std::io;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::arguments::{Cli, CompletionsArguments};

pub(crate) fn run(arguments: &CompletionsArguments) -> anyhow::Result<ExitCode> {
    let mut command = Cli::command();
    clap_complete::generate(arguments.shell, &mut command, "infercost", &mut io::stdout().lock());
    Ok(ExitCode::SUCCESS)
}
