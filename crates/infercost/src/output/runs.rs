//! Recorded runs, as a person reads them.

use std::fmt::Write as _;

use infercost_run::history::{RunEntry, RunState};
use infercost_run::number::UNKNOWN;

use crate::flags::format::TableFormat;
use crate::output::layout::styled;
use crate::output::sheet::Sheet;
use crate::output::terminal::{STRONG, plain};

/// A line a run.
pub(crate) fn list(entries: &[RunEntry], format: TableFormat) -> anyhow::Result<String> {
    let mut sheet = Sheet {
        header: vec!["run", "began (UTC)", "variants", "machine", "recommendation"],
        rows: Vec::new(),
    };
    for entry in entries {
        sheet.rows.push(vec![
            entry.id.clone(),
            began(entry),
            entry.variants.join(", "),
            entry.machine.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
            answer(entry),
        ]);
    }
    if sheet.rows.is_empty() && format == TableFormat::Table {
        return Ok(String::new());
    }
    sheet.render(format)
}

/// One run, a line a fact.
pub(crate) fn one(entry: &RunEntry) -> String {
    let mut text = format!("{}\n", styled(STRONG, &plain(&answer(entry))));
    let facts = [
        ("run", entry.id.clone()),
        ("folder", entry.folder.display().to_string()),
        ("began", began(entry)),
        ("state", state(entry.state).to_owned()),
        ("machine", entry.machine.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
        ("variants", entry.variants.join(", ")),
        ("prompts", entry.prompts.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
        ("recorded by", entry.version.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
    ];
    for (name, value) in facts {
        let _ = writeln!(text, "  {name:<12} {}", plain(&value));
    }
    text
}

fn began(entry: &RunEntry) -> String {
    entry.started_at.map_or_else(|| UNKNOWN.to_owned(), |began| began.strftime("%Y-%m-%d %H:%M").to_string())
}

fn answer(entry: &RunEntry) -> String {
    if let Some(problem) = &entry.problem {
        return format!("cannot be read: {problem}");
    }
    match &entry.recommendation {
        Some(why) => why.clone(),
        None => UNKNOWN.to_owned(),
    }
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Finished => "finished",
        RunState::CutOff => "cut off; `infercost compare --resume` goes on with it",
        RunState::Unknown => UNKNOWN,
    }
}
