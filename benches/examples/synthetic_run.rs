//! Writes a made-up run into a folder, for timing `infercost report` from outside.
//!
//! `cargo run -p infercost-benches --example synthetic_run -- TRACES ID [SPANS] [TOKENS]`
#![expect(clippy::print_stdout, reason = "the folder's name is this program's result")]

use std::error::Error;
use std::path::PathBuf;

use infercost_benches::synthetic_run::{Size, write};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: synthetic_run TRACES ID [SPANS] [TOKENS]";
    let traces = PathBuf::from(arguments.next().ok_or(usage)?);
    let id = arguments.next().ok_or(usage)?;
    let spans = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let tokens = arguments.next().map_or(Ok(32), |text| text.parse())?;
    let folder = write(&traces, &id, Size::of_spans(spans, tokens), infercost_prices::example()?)?;
    println!("{}", folder.display());
    Ok(())
}
