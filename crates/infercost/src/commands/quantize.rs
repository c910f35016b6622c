//! `infercost quantize`: a quantized GGUF from full precision.

use std::path::PathBuf;
use std::process::ExitCode;

use infercost_models::Recipe;
use infercost_models::convert::quantize;

use crate::arguments::models::QuantizeArguments;
use crate::exit::usage;
use crate::output::progress::ModelProgress;
use crate::{models, output};

pub(crate) fn run(arguments: &QuantizeArguments) -> anyhow::Result<ExitCode> {
    let recipe = Recipe::parse(&arguments.recipe).ok_or_else(|| {
        let known: Vec<&str> = Recipe::ALL.iter().map(|recipe| recipe.name()).collect();
        usage(format!("`{}` is no recipe; use one of {}", arguments.recipe, known.join(", ")))
    })?;
    let model = models::resolve_one(&arguments.model, arguments.offline)?;
    let source =
        model.location.path().ok_or_else(|| usage("a server's weights cannot be quantized; name a file"))?;
    let out = arguments.output.clone().unwrap_or_else(|| {
        let stem = model.variant.as_str().replace('/', "-");
        PathBuf::from(format!("{stem}-{}.gguf", recipe.name().to_ascii_lowercase()))
    });
    let mut progress = ModelProgress::new();
    let converted = quantize(source, &model.provenance, recipe, &out, &mut |step| progress.show(step))?;
    progress.clear();
    if let Some(summary) = converted.fallback_summary() {
        output::note(&summary);
    }
    output::line(&out.display().to_string());
    Ok(ExitCode::SUCCESS)
}
