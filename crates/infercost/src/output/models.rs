//! What `infercost models` answers.

use infercost_core::text::count;
use infercost_models::{Inspection, ListedModel};
use infercost_run::number;

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;

/// Each variant of each model, one a row.
pub(crate) fn list(models: &[ListedModel]) -> Answer {
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    let mut sources = Vec::new();
    let mut licenses = Vec::new();
    let mut here = 0;
    let mut about = Vec::new();
    for model in models {
        about.push(format!("{}: {} ({})", model.name, model.title, model.license));
        for variant in &model.variants {
            names.push(Cell::words(format!("{}/{}", model.name, variant.name)));
            here += u64::from(variant.bytes.is_some());
            sizes.push(match variant.bytes {
                Some(bytes) => Cell::number(bytes as f64, number::bytes(bytes)),
                None => Cell::words("not here"),
            });
            sources.push(Cell::words(variant.source.clone()));
            licenses.push(Cell::words(model.license.clone()));
        }
    }

    let all = names.len() as u64;
    let mut answer = Answer {
        tone: Tone::Plain,
        headline: format!(
            "{} in {}; {here} of them here",
            count(all, "variant"),
            count(models.len() as u64, "model")
        ),
        table: vec![
            Column::left("model/variant", 0, names),
            Column::right("size", 0, sizes),
            Column::left("license", 2, licenses),
            Column::left("comes from", 1, sources),
        ],
        steps: vec!["infercost models pull MODEL/VARIANT".to_owned()],
        ..Answer::default()
    };
    answer.explain(Section::lines("models", about));
    answer
}

/// A model file's account of itself; what it does not say is left out.
pub(crate) fn inspection(facts: &Inspection) -> Answer {
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
        ("made", facts.made.clone()),
    ];

    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, value) in rows {
        let Some(value) = value else { continue };
        names.push(Cell::words(name));
        values.push(Cell::words(value));
    }
    let mut answer = Answer {
        headline: format!(
            "{} with {} parameters in {}",
            facts.architecture.as_deref().unwrap_or("a model"),
            number::count(facts.parameters),
            number::bytes(facts.bytes)
        ),
        table: vec![Column::left("", 0, names), Column::left("", 0, values)],
        ..Answer::default()
    };
    answer.explain(Section::table("tensors", tensors(facts)));
    answer
}

/// A row a number format.
fn tensors(facts: &Inspection) -> Vec<Column> {
    let mut formats = Vec::new();
    let mut counts = Vec::new();
    let mut parameters = Vec::new();
    for kind in &facts.tensor_types {
        formats.push(Cell::words(kind.name.clone()));
        counts.push(Cell::number(kind.tensors as f64, kind.tensors.to_string()));
        parameters.push(Cell::number(kind.parameters as f64, number::count(kind.parameters)));
    }
    vec![
        Column::left("format", 0, formats),
        Column::right("tensors", 0, counts),
        Column::right("parameters", 0, parameters),
    ]
}
