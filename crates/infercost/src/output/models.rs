//! What `infercost models` prints.

use std::fmt::Write as _;

use infercost_models::{Inspection, ListedModel};
use infercost_run::number;

use crate::output::terminal::plain;

/// Each model with its variants, one a line.
pub(crate) fn list(models: &[ListedModel]) -> String {
    let mut text = String::new();
    for model in models {
        let _ = writeln!(text, "{}  {} ({})", plain(&model.name), plain(&model.title), plain(&model.license));
        for variant in &model.variants {
            let size = variant.bytes.map_or_else(|| "not here".to_owned(), number::bytes);
            let _ = writeln!(text, "  {:<8} {size:>9}  {}", plain(&variant.name), plain(&variant.source));
        }
    }
    text
}

/// A model file's account of itself; what it does not say is left out.
pub(crate) fn inspection(facts: &Inspection) -> String {
    let types = facts.tensor_types.iter().map(|kind| format!("{} × {}", kind.tensors, kind.name));
    let rows = [
        ("file", Some(facts.path.display().to_string())),
        ("format", Some(facts.format.clone())),
        ("size", Some(number::bytes(facts.bytes))),
        ("parameters", Some(number::count(facts.parameters))),
        ("architecture", facts.architecture.clone()),
        ("name", facts.name.clone()),
        ("license", facts.license.clone()),
        ("context", facts.context.map(|tokens| format!("{tokens} tokens"))),
        ("vocabulary", facts.vocabulary.map(|tokens| format!("{tokens} tokens"))),
        ("tokenizer", facts.tokenizer.clone()),
        ("tensors", Some(types.collect::<Vec<_>>().join(", "))),
        ("came to be", facts.made.clone()),
    ];
    let mut text = String::new();
    for (name, value) in rows.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        let _ = writeln!(text, "{name:<13} {}", plain(&value));
    }

    text
}
