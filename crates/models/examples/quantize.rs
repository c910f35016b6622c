//! Quantizes a GGUF file or a safetensors folder: `cargo run -p infercost-models --example quantize -- SOURCE RECIPE OUT`.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::path::PathBuf;

use infercost_core::manifest::Provenance;
use infercost_models::convert::quantize;
use infercost_models::{ModelError, Recipe, inspect};

fn main() -> Result<(), ModelError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, recipe, out] = arguments.as_slice() else {
        println!("usage: quantize SOURCE RECIPE OUT");
        return Ok(());
    };
    let Some(recipe) = Recipe::parse(recipe) else {
        println!("recipes: {:?}", Recipe::ALL.map(Recipe::name));
        return Ok(());
    };
    let (source, out) = (PathBuf::from(source), PathBuf::from(out));
    let origin = Provenance::Local { file: source.display().to_string() };
    let made = quantize(&source, &origin, recipe, &out, &mut |_| ())?;
    println!("{} bytes, sha256 {}", made.bytes, made.sha256);
    println!("{}", made.fallback_summary().unwrap_or_else(|| "nothing fell back".into()));
    println!("{:#?}", inspect(&out)?);
    Ok(())
}
