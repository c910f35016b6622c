//! `infercost man`: manual pages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use infercost_run::usage;

use crate::flags::GlobalFlags;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost man | man -l -
  infercost man --dir ~/.local/share/man/man1")]
pub(crate) struct ManCommand {
    /// Write the page of every command into this folder, instead of printing that of infercost
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

pub(crate) fn run(
    arguments: &ManCommand,
    command: clap::Command,
    global: &GlobalFlags,
) -> anyhow::Result<ExitCode> {
    if global.json {
        return Err(usage("--json: a manual page has no form in JSON; leave the flag out"));
    }
    let Some(folder) = &arguments.dir else {
        output::block(&String::from_utf8(page(command)?)?);
        return Ok(ExitCode::SUCCESS);
    };

    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let written = write_all(&command, "infercost", folder)?;
    output::note(&format!("wrote {written} pages into {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

fn page(command: clap::Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

/// Writes the pages of a command and of all below it; gives how many.
fn write_all(command: &clap::Command, name: &str, folder: &Path) -> anyhow::Result<usize> {
    let path = folder.join(format!("{name}.1"));
    // a page is known by the whole name of its command
    let named: &'static str = Box::leak(name.to_owned().into_boxed_str());
    std::fs::write(&path, page(command.clone().name(named))?)
        .with_context(|| format!("cannot write {}", path.display()))?;

    let mut written = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        written += write_all(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(written)
}
