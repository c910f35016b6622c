//! What answers share: money in a unit that fits, rows in columns, names, notes and assumptions.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use infercost_core::report::{CandidateReport, Report};
use infercost_core::{Currency, Estimate, Findings, Verdict};
use infercost_economics::Assumption;
use infercost_run::number::{self, UNKNOWN};

use crate::output::terminal::{self, DOUBT, FAINT, STRONG, Stream, plain};

/// The word of a verdict.
pub(crate) const PASS: &str = "PASS";
/// The word of a verdict.
pub(crate) const FAIL: &str = "FAIL";
/// The word of a verdict.
pub(crate) const UNSURE: &str = "UNSURE";

/// Text in a style.
pub(crate) fn styled(style: anstyle::Style, text: &str) -> String {
    terminal::style(Stream::Output, style, text)
}

/// The first line, and a mark before each thing that must be known first.
pub(crate) fn head(title: &str, findings: &Findings) -> String {
    let mut text = format!("{}\n", styled(STRONG, &plain(title)));
    for sentence in findings.sentences() {
        let _ = writeln!(text, "{} {}", styled(DOUBT, "!"), plain(&sentence));
    }
    text.push('\n');
    text
}

/// Inferences of the unit in which costs are shown: people pay for thousands of them.
const THOUSAND: f64 = 1000.0;

/// `0.0000169 USD`: always the currency itself, so that two amounts can be compared by their digits.
pub(crate) fn money(amount: f64, currency: Currency) -> String {
    format!("{} {currency}", number::significant(amount))
}

/// `0.0169 [0.0135, 0.0221] USD`; one whose ends read the same stands alone.
pub(crate) fn money_estimate(cost: &Estimate, currency: Currency) -> String {
    format!("{} {currency}", estimate(cost))
}

/// What a thousand inferences cost, without the currency, where one costs so much.
pub(crate) fn thousand(amount: f64) -> String {
    number::significant(amount * THOUSAND)
}

/// The same with its interval.
pub(crate) fn thousand_estimate(cost: &Estimate) -> String {
    estimate(&cost.map(|amount| amount * THOUSAND))
}

/// A number with its interval; one whose ends read the same stands alone.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    infercost_economics::wording::interval(estimate, number::significant)
}

/// The same, and a dash for what is not known.
pub(crate) fn money_or_unknown(cost: Option<&Estimate>, currency: Currency) -> String {
    cost.map_or_else(unknown, |cost| money_estimate(cost, currency))
}

/// A number with its interval, and a dash for what is not known.
pub(crate) fn estimate_or_unknown(value: Option<&Estimate>) -> String {
    value.map_or_else(unknown, estimate)
}

/// A share with its interval; one whose ends read the same stands alone.
pub(crate) fn share(estimate: &Estimate) -> String {
    infercost_economics::wording::interval(estimate, infercost_core::text::percent)
}

/// A share with its sign.
pub(crate) fn signed(share: f64) -> String {
    let text = infercost_core::text::percent(share);
    if share > 0.0 { format!("+{text}") } else { text.replace('-', "−") }
}

/// Rows in columns: the first to the left, the others to the right where `right` says so.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, right: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)).collect::<Vec<_>>());
    }
    if right { aligned(table) } else { lines(&table) }
}

/// What the numbers rest on.
pub(crate) fn assumptions(all: &[Assumption]) -> String {
    let mut text = format!("\n{}\n", styled(FAINT, "Assumed:"));
    for one in all {
        let date = one.date.map_or_else(String::new, |date| format!(", {date}"));
        let line = format!("  {} ({}{date})", plain(&one.what), plain(&one.source));
        let _ = writeln!(text, "{}", styled(FAINT, &line));
    }
    text
}

/// An empty table under a header.
pub(crate) fn columns(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// The table with every column but the first to the right.
pub(crate) fn aligned(mut table: Table) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    lines(&table)
}

/// The table's lines without blanks at their ends.
fn lines(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// What stands for a number that is not known.
pub(crate) fn unknown() -> String {
    UNKNOWN.to_owned()
}

/// The model's name, where all variants share it.
pub(crate) fn common_model(report: &Report) -> Option<&str> {
    let (model, _) = report.baseline.as_str().rsplit_once('/')?;
    let mut names = report.candidates.iter().map(|candidate| candidate.variant.as_str().rsplit_once('/'));
    names.all(|name| name.is_some_and(|(other, _)| other == model)).then_some(model)
}

/// A variant without the model's name, where all share it.
pub(crate) fn short_name(report: &Report, candidate: &CandidateReport) -> String {
    let name = match common_model(report) {
        Some(_) => candidate.variant.variant_name(),
        None => candidate.variant.as_str(),
    };
    plain(name)
}

/// The verdict's word; the baseline and its copy have none.
pub(crate) fn verdict(report: &Report, candidate: &CandidateReport) -> &'static str {
    if candidate.variant == report.baseline {
        return "baseline";
    }
    if candidate.noise_floor {
        return "noise";
    }
    match candidate.verdict {
        Verdict::Pass => PASS,
        Verdict::Fail => FAIL,
        Verdict::Inconclusive => UNSURE,
    }
}
