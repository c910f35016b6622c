//! The command line: flags, rendering and exit codes. What it runs is in `infercost-run` and below.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::indexing_slicing))]

mod cli;
mod commands;
mod exit;
mod flags;
mod output;
#[cfg(feature = "fleet")]
mod parquet_workload;
mod remote;
mod version;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use infercost_core::without_secrets;
use infercost_run::machine_checks;

use crate::cli::Cli;

fn main() -> ExitCode {
    let code = match Cli::read() {
        Ok(cli) => answer(cli),
        Err(told) => told_by_clap(told),
    };

    match output::stdout::failure() {
        Some(error) => exit::report(&error),
        None => code,
    }
}

/// Help and version are data; what is wrong with a command line is not. Either has clap's own colors and exit code.
fn told_by_clap(mut told: clap::Error) -> ExitCode {
    // clap repeats a value that is refused, and one that holds an address may hold a password
    if let Some(ContextValue::String(value)) = told.get(ContextKind::InvalidValue)
        && (value.contains("://") || value.contains('@') || (value.contains('?') && value.contains('=')))
    {
        let shown = ContextValue::String(without_secrets(value));
        told.insert(ContextKind::InvalidValue, shown);
    }

    if told.use_stderr() {
        // there is no other place to say that stderr is closed
        let _gone = told.print();
    } else {
        output::styled_block(&told.render());
    }
    ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(exit::USAGE))
}

fn answer(cli: Cli) -> ExitCode {
    let Cli { command, global } = cli;
    if let Err(error) = machine_checks::check_kernel_level() {
        return exit::report(&error);
    }
    output::log::install(global.verbose);
    output::be_quiet(global.quiet);
    output::console::install();
    tracing::info!(version = version::SHORT, "infercost");

    let done = remote::at_hand(global, &command.runs_used()).and_then(|global| command.run(&global));
    done.unwrap_or_else(|error| exit::report(&error))
}
