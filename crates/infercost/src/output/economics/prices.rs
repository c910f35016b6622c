//! The answers of `infercost prices`.

use std::path::Path;

use infercost_core::text::count;
use infercost_prices::{Snapshot, Stored};
use jiff::Timestamp;

use crate::output::answer::{Answer, Caution, Cell, Section, Tone};
use crate::output::columns::Column;

/// What was fetched, and where it lies.
pub(crate) fn fetched(snapshot: &Snapshot, path: &Path) -> Answer {
    let prices = &snapshot.prices;
    let mut answer = Answer {
        tone: Tone::Good,
        headline: format!("{} {} of {}", prices.len(), prices.noun(), snapshot.cited()),
        table: vec![
            Column::left("source", 0, vec![Cell::words(snapshot.source.clone())]),
            Column::left("of", 1, vec![Cell::words(snapshot.subject.clone())]),
            Column::left("holds", 0, vec![Cell::words(format!("{} {}", prices.len(), prices.noun()))]),
            Column::left("from", 2, vec![Cell::words(snapshot.address.clone())]),
        ],
        places: vec![format!("stored: {}", path.display())],
        ..Answer::default()
    };
    for what in &snapshot.left_out {
        answer.cautions.push(Caution { words: format!("left out: {what}"), fix: None });
    }
    for remark in &snapshot.remarks {
        answer.cautions.push(Caution { words: remark.clone(), fix: None });
    }
    let all: Vec<String> = answer.cautions.iter().map(|caution| caution.words.clone()).collect();
    answer.explain(Section::lines("what was left out", all));
    answer.explain(Section::lines("source", vec![origin(snapshot)]));
    answer
}

/// Who says it, and under which terms.
fn origin(snapshot: &Snapshot) -> String {
    let license = snapshot.license.as_deref().unwrap_or("no license is stated");
    format!("{} of {}, from {}; {license}", snapshot.source, snapshot.subject, snapshot.address)
}

/// Everything that is stored, newest first.
pub(crate) fn list(all: &[Stored], folder: &Path, now: Timestamp) -> Answer {
    let mut sources = Vec::new();
    let mut subjects = Vec::new();
    let mut holds = Vec::new();
    let mut fetched = Vec::new();
    let mut ages = Vec::new();
    let mut stale = 0;
    for stored in all {
        let snapshot = &stored.snapshot;
        let age = snapshot.age_days(now);
        sources.push(Cell::words(snapshot.source.clone()));
        subjects.push(Cell::words(snapshot.subject.clone()));
        holds.push(Cell::words(format!("{} {}", snapshot.prices.len(), snapshot.prices.noun())));
        fetched.push(Cell::words(snapshot.fetched_at.strftime("%Y-%m-%d %H:%M").to_string()));
        let shown = count(u64::try_from(age).unwrap_or(0), "day");
        let cell = Cell::number(age as f64, shown);
        let is_stale = snapshot.is_stale(now);
        stale += u64::from(is_stale);
        ages.push(if is_stale { cell.marked("✗") } else { cell });
    }

    let mut answer = Answer {
        headline: match all.len() {
            0 => "no prices are stored; `infercost prices fetch --help` names the sources".to_owned(),
            stored => format!("{} stored", count(stored as u64, "snapshot")),
        },
        table: vec![
            Column::left("source", 0, sources),
            Column::left("of", 1, subjects),
            Column::left("holds", 2, holds),
            Column::right("age", 0, ages),
            Column::left("fetched (UTC)", 3, fetched),
        ],
        places: vec![format!("below {}", folder.display())],
        ..Answer::default()
    };
    if all.is_empty() {
        answer.table.clear();
    }
    answer.explain(Section::lines("sources", all.iter().map(|stored| origin(&stored.snapshot)).collect()));
    if stale > 0 {
        answer.cautions.push(Caution {
            words: format!("{} older than 90 days", count(stale, "snapshot")),
            fix: Some("infercost prices fetch".to_owned()),
        });
    }
    answer
}
