//! The command line: arguments, wiring, progress and tables. It contains no arithmetic of its own.

mod arguments;
mod baseline;
mod baseline_store;
mod bounded_text;
mod business;
mod calibration;
mod commands;
mod comparison;
mod config;
mod coverage;
mod early_stop;
mod energy_of_servers;
mod engines;
mod exit;
mod export_arguments;
mod exporting;
mod guards;
mod load_arguments;
mod models;
mod open_files;
mod output;
mod policy_section;
mod price_store;
mod prompts;
mod recording;
mod run_folder;
mod serving;
mod settings_fill;
mod stopping;
mod threads;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = threads::pin(cli.command.threads()) {
        return exit::report(&error);
    }
    output::log::install();
    let result = match cli.command {
        Command::Compare(arguments) => commands::compare::run(&arguments),
        Command::Record(arguments) => commands::record::run(&arguments),
        Command::Report(arguments) => commands::report::run(&arguments),
        Command::Export(arguments) => commands::export::run(&arguments),
        Command::Models(arguments) => commands::models::run(&arguments),
        Command::Quantize(arguments) => commands::quantize::run(&arguments),
        Command::Tokenize(arguments) => commands::tokenize::run(&arguments),
        Command::Score(arguments) => commands::score::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Audit(arguments) => commands::audit::run(&arguments),
        Command::Host(arguments) => commands::host::run(&arguments),
        Command::Replace(arguments) => commands::replace::run(&arguments),
        Command::Schedule(arguments) => commands::schedule::run(&arguments),
        Command::Optimize(arguments) => commands::optimize::run(&arguments),
        Command::Prices(arguments) => commands::prices::run(&arguments),
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Completions(arguments) => commands::completions::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
