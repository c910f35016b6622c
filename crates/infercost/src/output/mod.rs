//! What a person or a program reads. Data goes to stdout, everything else to stderr.

pub(crate) mod answer;
pub(crate) mod bench;
pub(crate) mod cell;
pub(crate) mod columns;
pub(crate) mod console;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod economics;
mod energy_line;
mod explained;
#[cfg(feature = "fleet")]
pub(crate) mod fleet;
pub(crate) mod foreign;
mod hosted;
pub(crate) mod layout;
pub(crate) mod load_table;
pub(crate) mod log;
pub(crate) mod models;
pub(crate) mod monitor;
pub(crate) mod page;
pub(crate) mod progress;
pub(crate) mod runs;
pub(crate) mod score;
pub(crate) mod sprint;
#[cfg(feature = "fleet")]
pub(crate) mod sql;
pub(crate) mod stdout;
mod summary;
pub(crate) mod table;
pub(crate) mod terminal;

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use stdout::{block, line};
use terminal::{Stream, plain_lines, style};

/// Prints what clap has styled, with its colors on a terminal.
pub(crate) fn styled_block(text: &clap::builder::StyledStr) {
    if Stream::Output.has_color() { block(&text.ansi().to_string()) } else { block(&text.to_string()) }
}

/// True where notes and progress are not wanted.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Shows no notes and no progress from now on; warnings stay.
pub(crate) fn be_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// True after [`be_quiet`].
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Says something that is not data.
pub(crate) fn note(text: &str) {
    if is_quiet() && !text.starts_with("! ") {
        return;
    }
    let mut out = io::stderr().lock();
    let _gone = writeln!(out, "{}", plain_lines(text));
}

/// Shows an error, cause by cause.
pub(crate) fn error(error: &anyhow::Error) {
    let mark = style(Stream::Error, terminal::FAILURE, "error");
    let mut out = io::stderr().lock();
    let mut shown = String::new();
    for cause in error.chain() {
        let text = plain_lines(&cause.to_string());
        // Some libraries repeat their cause in their own message.
        if shown.contains(&text) {
            continue;
        }
        let lead = if shown.is_empty() { format!("{mark}: ") } else { "  caused by: ".to_owned() };
        let _gone = writeln!(out, "{lead}{text}");
        shown.push_str(&text);
    }
}
