//! `infercost completions`: a completion script for a shell.

use std::process::ExitCode;

use clap::Args;
use infercost_run::usage;

use crate::flags::GlobalFlags;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost completions zsh > ~/.zfunc/_infercost
  infercost completions fish > ~/.config/fish/completions/infercost.fish
  source <(infercost completions bash)
      in this shell only")]
pub(crate) struct CompletionsCommand {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

pub(crate) fn run(
    arguments: &CompletionsCommand,
    command: &mut clap::Command,
    global: &GlobalFlags,
) -> anyhow::Result<ExitCode> {
    if global.json {
        return Err(usage("--json: a completion script has no form in JSON; leave the flag out"));
    }
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "infercost", &mut script);

    output::block(&String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}
