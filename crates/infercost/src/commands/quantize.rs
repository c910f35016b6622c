//! `infercost quantize`: a quantized GGUF from full precision.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use infercost_models::Recipe;
use infercost_models::convert::quantize;
use infercost_run::console;
use infercost_run::models;
use infercost_run::usage;

use crate::flags::GlobalFlags;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost quantize full.gguf Q8_0
  infercost quantize smollm2-135m-instruct/full Q4_K --output q4_k.gguf
  infercost compare full.gguf q4_k.gguf
      what it saves, and what it costs in quality")]
pub(crate) struct QuantizeCommand {
    /// Full-precision model, as for compare
    pub(crate) model: String,
    /// Q8_0, Q6_K, Q5_K, Q4_K, Q4_1, Q4_0, BF16, F16 or F32
    pub(crate) recipe: String,
    /// File to write [default: MODEL-RECIPE.gguf in this folder]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file where it exists
    #[arg(long)]
    pub(crate) force: bool,
}

pub(crate) fn run(arguments: &QuantizeCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let recipe = Recipe::parse(&arguments.recipe).ok_or_else(|| {
        let known: Vec<&str> = Recipe::ALL.iter().map(|recipe| recipe.name()).collect();
        usage(format!(
            "`{}` is not a quantization known here; use one of {}",
            arguments.recipe,
            known.join(", ")
        ))
    })?;
    if let Some(out) = &arguments.output {
        check_free(out, arguments.force)?;
    }

    let model = models::resolve_one(&arguments.model, global.offline)?;
    let source =
        model.location.path().ok_or_else(|| usage("a server's weights cannot be quantized; name a file"))?;
    let out = arguments.output.clone().unwrap_or_else(|| {
        let stem = model.variant.as_str().replace('/', "-");
        PathBuf::from(format!("{stem}-{}.gguf", recipe.name().to_ascii_lowercase()))
    });
    check_free(&out, arguments.force)?;

    let mut progress = console::models();
    let converted = quantize(source, &model.provenance, recipe, &out, &mut |step| progress.show(step))?;
    progress.clear();
    if let Some(summary) = converted.fallback_summary() {
        output::note(&summary);
    }

    let file = out.display().to_string();
    if global.json {
        let provenance = &converted.provenance;
        output::line(&serde_json::to_string_pretty(
            &serde_json::json!({"schema": "infercost.quantize/1", "path": file, "provenance": provenance}),
        )?);
    } else {
        output::line(&file);
    }

    Ok(ExitCode::SUCCESS)
}

/// Refuses to write over a file that nobody said may be replaced.
fn check_free(out: &Path, force: bool) -> anyhow::Result<()> {
    if out.exists() && !force {
        return Err(usage(format!("{}: the file exists; --force replaces it", out.display())));
    }
    Ok(())
}
