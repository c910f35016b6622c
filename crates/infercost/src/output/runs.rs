//! Recorded runs, as a person reads them.

use std::path::Path;

use infercost_core::text::count;
use infercost_run::history::{RunEntry, RunState};
use infercost_run::number::{UNKNOWN, bytes};

use crate::output::answer::{Answer, Cell, Section};
use crate::output::columns::Column;

/// A row a run; `is_filtered` where only some were asked for.
pub(crate) fn list(entries: &[RunEntry], traces: &Path, is_filtered: bool) -> Answer {
    let mut ids = Vec::new();
    let mut dates = Vec::new();
    let mut answers = Vec::new();
    let mut machines = Vec::new();
    let mut variants = Vec::new();
    for entry in entries {
        ids.push(Cell::words(entry.id.clone()));
        dates.push(Cell::words(began(entry)));
        answers.push(Cell::words(answer(entry)));
        machines.push(Cell::words(entry.machine.clone().unwrap_or_else(|| "unknown machine".to_owned())));
        variants.push(Cell::words(entry.variants.join(", ")));
    }

    let mut list = Answer {
        headline: match entries.len() {
            0 if is_filtered => format!("no such run below {}", traces.display()),
            0 => format!("no run below {}; `infercost compare` makes one", traces.display()),
            found => format!("{} below {}", count(found as u64, "run"), traces.display()),
        },
        table: vec![
            Column::left("run", 0, ids),
            Column::left("answer", 0, answers),
            Column::left("began (UTC)", 1, dates),
            Column::left("machine", 2, machines),
            Column::left("variants", 3, variants),
        ],
        ..Answer::default()
    };
    if entries.is_empty() {
        list.table.clear();
    }

    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        let version = entry.version.as_deref().unwrap_or(UNKNOWN);
        places.push(format!("{}: {}; recorded by {version}", entry.folder.display(), state(entry.state)));
    }
    list.explain(Section::lines("where they lie", places));
    list
}

/// One run, a row a fact.
pub(crate) fn one(entry: &RunEntry) -> Answer {
    let facts = [
        ("run", entry.id.clone()),
        ("folder", entry.folder.display().to_string()),
        ("began", began(entry)),
        ("state", state(entry.state).to_owned()),
        ("machine", entry.machine.clone().unwrap_or_else(|| "unknown machine".to_owned())),
        ("machine id", entry.machine_id.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
        ("variants", entry.variants.join(", ")),
        ("prompts", entry.prompts.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
        ("recorded by", entry.version.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
    ];

    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, value) in facts {
        names.push(Cell::words(name));
        values.push(Cell::words(value));
    }

    let mut shown = Answer {
        headline: answer(entry),
        table: vec![Column::left("", 0, names), Column::left("", 0, values)],
        ..Answer::default()
    };
    shown.explain(Section::lines("files", files(&entry.folder)));
    shown
}

/// The files of a run with their sizes; none where the folder cannot be read, which the answer says already.
fn files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Ok(facts) = entry.metadata() {
            files.push(format!("{}: {}", entry.file_name().to_string_lossy(), bytes(facts.len())));
        }
    }
    files.sort();
    files
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
        RunState::CutOff => "cut off; `infercost compare --resume` resumes it",
        RunState::Unknown => UNKNOWN,
    }
}
