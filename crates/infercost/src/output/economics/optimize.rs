//! The answer of `infercost optimize`.

use std::fmt::Write as _;

use infercost_economics::optimization::{Basis, Optimization};
use infercost_run::number::UNKNOWN;

use crate::output::layout::{assumptions, head, share, styled, table, thousand_estimate};
use crate::output::terminal::{DOUBT, FAINT, STRONG, SUCCESS, plain};

/// The whole answer as text.
pub(crate) fn render(answer: &Optimization) -> String {
    let cost = answer.per_inference.as_ref();
    let cost =
        cost.map_or(UNKNOWN.to_owned(), |cost| format!("{} {}", thousand_estimate(cost), answer.currency));
    let mut text = head(&format!("{} · 1,000 inferences cost {cost}", answer.name), &answer.findings);
    let rows = answer.changes.iter().enumerate().map(|(index, change)| {
        let basis = match change.basis {
            Basis::Measured => "measured",
            Basis::Computed => "computed",
            Basis::Unknown => "",
        };
        vec![
            if index < answer.worthwhile { "→".to_owned() } else { String::new() },
            change.kind.words().to_owned(),
            change.to.clone(),
            change.saving.as_ref().map_or(UNKNOWN.to_owned(), share),
            basis.to_owned(),
            change.quality.clone(),
        ]
    });
    text.push_str(&table(&["", "lever", "to", "saves", "", "effect on quality"], rows.collect(), false));
    for change in answer.changes.iter().filter(|change| change.basis == Basis::Unknown) {
        let line = format!("{}: {}; {}", change.kind.words(), change.why, change.command);
        let _ = writeln!(text, " {UNKNOWN} {}", plain(&line));
    }

    for change in answer.changes.iter().filter(|change| change.basis != Basis::Unknown) {
        let name = format!("{}, {}", change.kind.words(), change.to);
        let _ = writeln!(text, "\n {}", styled(STRONG, &plain(&name)));
        let _ = writeln!(text, "   {}", plain(&change.command));
        if let Some(confirm) = &change.confirm {
            let _ = writeln!(text, "   confirm: {}", plain(confirm));
        }
        let _ = writeln!(text, "   {}", styled(FAINT, &plain(&change.why)));
    }

    text.push_str(&assumptions(&answer.assumptions));
    let style = if answer.worthwhile > 0 { SUCCESS } else { DOUBT };
    let _ = writeln!(text, "\n{} {}", styled(style, "→"), styled(STRONG, &plain(&answer.why)));

    text
}
