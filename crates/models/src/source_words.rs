//! Sources in words, for messages and provenance.

use infercost_core::manifest::{Source, WheelPart};

/// A source in words: `hub owner/repo@main`.
pub(crate) fn describe(source: &Source) -> String {
    match source {
        Source::Hub { repo, revision, .. } => format!("hub {repo}@{revision}"),
        Source::Wheel { parts, .. } => describe_wheel(parts),
        Source::Path { path, .. } => format!("file {path}"),
        Source::Expand { from, recipe: None } => format!("expand from {from}"),
        Source::Expand { from, recipe: Some(recipe) } => format!("expand from {from} to {recipe}"),
        Source::Quantize { recipe } => format!("quantize to {recipe}"),
    }
}

/// Wheels in words: `PyPI name version`.
pub(crate) fn describe_wheel(parts: &[WheelPart]) -> String {
    let first = parts.first().map_or_else(String::new, |part| format!("{} {}", part.package, part.version));
    match parts.len() {
        0 | 1 => format!("PyPI {first}"),
        more => format!("PyPI {first} and {} more wheels", more - 1),
    }
}
