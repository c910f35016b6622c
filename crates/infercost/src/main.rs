//! The command line: flags, rendering and exit codes. What it runs is in `infercost-run` and below.

mod cli;
mod commands;
mod exit;
mod flags;
mod output;

use std::process::ExitCode;

use clap::Parser as _;
use infercost_run::machine_checks;

use crate::cli::Cli;

fn main() -> ExitCode {
    let Cli { command, global } = Cli::parse();
    if let Err(error) = machine_checks::check_kernel_level() {
        return exit::report(&error);
    }
    output::log::install();
    output::console::install();

    match command.run(&global) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
