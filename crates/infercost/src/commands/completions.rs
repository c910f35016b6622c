//! `infercost completions`: a completion script for a shell.

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::arguments::{Cli, CompletionsArguments};
use crate::output;

pub(crate) fn run(arguments: &CompletionsArguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "infercost", &mut script);

    output::block(&String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}
