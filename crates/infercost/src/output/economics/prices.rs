//! The answers of `infercost prices`.

use std::fmt::Write as _;
use std::path::Path;

use infercost_prices::{Snapshot, Stored};
use jiff::Timestamp;

use crate::output::layout::{styled, table};
use crate::output::terminal::{DOUBT, FAINT, plain};

/// What was fetched, and where it lies.
pub(crate) fn fetched(snapshot: &Snapshot, path: &Path) -> String {
    let prices = &snapshot.prices;
    let mut text = format!("{} {} of {}\n", prices.len(), prices.noun(), plain(&snapshot.cited()));
    for what in &snapshot.left_out {
        let _ = writeln!(text, "{} left out: {}", styled(DOUBT, "!"), plain(what));
    }
    for remark in &snapshot.remarks {
        let _ = writeln!(text, "{} {}", styled(DOUBT, "!"), plain(remark));
    }
    let _ = writeln!(text, "{}", styled(FAINT, &format!("  stored: {}", path.display())));
    text
}

/// Everything that is stored, newest first.
pub(crate) fn list(all: &[Stored], folder: &Path, now: Timestamp) -> String {
    if all.is_empty() {
        return format!(
            "nothing is stored below {}; `infercost prices fetch --help` names the sources\n",
            folder.display()
        );
    }

    let rows = all.iter().map(|stored| {
        let snapshot = &stored.snapshot;
        let age = snapshot.age_days(now);
        let warning = if snapshot.is_stale(now) { " – older than 90 days, fetch it again" } else { "" };
        vec![
            snapshot.source.clone(),
            snapshot.subject.clone(),
            format!("{} {}", snapshot.prices.len(), snapshot.prices.noun()),
            snapshot.fetched_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            format!("{age} days{warning}"),
        ]
    });
    let mut text = table(&["source", "of", "holds", "fetched", "age"], rows.collect(), false);
    let _ = writeln!(text, "{}", styled(FAINT, &format!("  below {}", folder.display())));
    text
}
