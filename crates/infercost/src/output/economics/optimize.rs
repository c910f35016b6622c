//! The answer of `infercost optimize`: what could be changed, ranked by what it saves.

use infercost_economics::optimization::{Basis, Change, Effect, Kind, Optimization};
use infercost_run::number::UNKNOWN;

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::layout::{share, thousand_estimate};

/// The answer.
pub(crate) fn answer(found: &Optimization) -> Answer {
    let cost = found.per_inference.as_ref();
    let cost =
        cost.map_or(UNKNOWN.to_owned(), |cost| format!("{} {}", thousand_estimate(cost), found.currency));
    let (unknown, known): (Vec<&Change>, Vec<&Change>) =
        found.changes.iter().partition(|change| change.basis == Basis::Unknown);
    let mut answer = Answer {
        tone: match (found.worthwhile, found.settled) {
            (0, true) => Tone::Plain,
            (0, false) => Tone::Doubt,
            _ => Tone::Good,
        },
        headline: found.why.to_string(),
        subject: format!("{} · 1,000 inferences cost {cost}", found.name),
        table: changes(&known, found.worthwhile > 0),
        steps: next_steps(found),
        ..Answer::default()
    };

    if !unknown.is_empty() {
        answer.more.push(Section::lines("", vec![format!("not known yet: {}", labels(&unknown).join(", "))]));
    }
    answer.explain(Section::lines("how to apply", applied(&known)));
    answer.explain(Section::lines("how to find out", found_out(&unknown)));
    answer.assume(&found.assumptions);
    answer.with_findings(&found.findings)
}

/// The changes of which something is known. The arrow marks the one that the answer names.
fn changes(known: &[&Change], is_one_named: bool) -> Vec<Column> {
    let mut marks = Vec::new();
    let mut levers = Vec::new();
    let mut to = Vec::new();
    let mut savings = Vec::new();
    let mut basis = Vec::new();
    let mut effects = Vec::new();
    for (index, change) in known.iter().enumerate() {
        marks.push(Cell::words(if index == 0 && is_one_named { "→" } else { "" }));
        levers.push(Cell::words(change.kind.words()));
        to.push(Cell::words(short(change)));
        savings.push(Cell::estimate(change.saving.as_ref(), share));
        basis.push(Cell::words(match change.basis {
            Basis::Measured => "measured",
            Basis::Computed => "computed",
            Basis::Unknown => UNKNOWN,
        }));
        effects.push(Cell::words(match change.effect {
            Effect::None => "the same",
            Effect::Passes => "within limits",
            Effect::Fails => "✗ outside a limit",
            Effect::Unknown => "unknown",
        }));
    }

    vec![
        Column::left("", 0, marks),
        Column::left("change", 0, levers),
        Column::left("to", 0, to),
        Column::right("saves", 0, savings),
        Column::left("answers", 0, effects),
        Column::left("basis", 2, basis),
    ]
}

/// What a change leads to, in few words: of a variant of the same model, the variant alone.
fn short(change: &Change) -> &str {
    match change.kind {
        Kind::Variant => change.to.rsplit('/').next().unwrap_or(&change.to),
        _ => &change.to,
    }
}

/// What is not known yet, each once.
fn labels(unknown: &[&Change]) -> Vec<String> {
    let mut labels = Vec::new();
    for change in unknown {
        let label = label(change);
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

/// A change of which nothing is known: of several of its kind, which.
fn label(change: &Change) -> String {
    match change.kind {
        Kind::Variant => format!("variant {}", short(change)),
        kind => kind.words().to_owned(),
    }
}

/// The commands of the first change that is worth it.
fn next_steps(found: &Optimization) -> Vec<String> {
    let Some(first) = found.changes.first().filter(|change| change.is_worthwhile()) else {
        return Vec::new();
    };
    let mut steps = vec![first.command.clone()];
    steps.extend(first.confirm.clone());
    steps
}

/// Each change with its command, and what its numbers rest on.
fn applied(known: &[&Change]) -> Vec<String> {
    let mut lines = Vec::new();
    for change in known {
        lines.push(format!("{}, {}: {}", change.kind.words(), change.to, change.command));
        if let Some(confirm) = &change.confirm {
            lines.push(format!("  confirm: {confirm}"));
        }
        lines.push(format!("  quality: {}", change.quality));
        if !change.why.is_empty() {
            lines.push(format!("  basis: {}", change.why));
        }
    }
    lines
}

fn found_out(unknown: &[&Change]) -> Vec<String> {
    let mut lines = Vec::new();
    for change in unknown {
        let label = match change.kind {
            Kind::Place => format!("place, {}", change.to),
            _ => label(change),
        };
        lines.push(format!("{label}: {}; {}", change.why, change.command));
    }
    lines
}
