//! The table as comma-separated values: plain numbers, a column more for each end of an interval, nothing for what is
//! unknown. Words that a spreadsheet would run as a formula are marked as words.

use anyhow::Context as _;

use crate::output::cell::{Cell, Ends};
use crate::output::columns::{Column, rows};
use crate::output::terminal::plain;

/// What formulas begin with, or what spreadsheets pass over before one.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The table, all columns of it.
pub(super) fn render(table: &[Column]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = Vec::new();
    for column in table {
        header.push(words(column.header()));
        if has_ends(column) {
            header.extend(["lower", "upper"].map(|end| words(&format!("{} {end}", column.header()))));
        }
    }
    writer.write_record(&header)?;

    for row in 0..rows(table) {
        let mut record = Vec::with_capacity(header.len());
        for column in table {
            let cell = column.cells().get(row).unwrap_or(&Cell::Unknown);
            record.push(value(cell));
            if has_ends(column) {
                let ends = ends(cell);
                record.push(ends.map_or_else(String::new, |ends| ends.lower.to_string()));
                record.push(ends.map_or_else(String::new, |ends| ends.upper.to_string()));
            }
        }
        writer.write_record(&record)?;
    }

    let bytes = writer.into_inner().context("CSV cannot be written")?;
    String::from_utf8(bytes).context("CSV is not UTF-8")
}

fn value(cell: &Cell) -> String {
    match cell {
        Cell::Words(_) if cell.is_unknown() => String::new(),
        Cell::Words(text) => words(text),
        Cell::Number { value, .. } => value.to_string(),
        Cell::Unknown => String::new(),
    }
}

/// Words on one line. Where they begin as formulas do in spreadsheets, an apostrophe says that they are none (OWASP, *CSV
/// Injection*); a number is none.
fn words(text: &str) -> String {
    let shown = plain(text);
    let number = text.strip_suffix(" %").unwrap_or(text);
    if text.starts_with(FORMULAS) && number.parse::<f64>().is_err() { format!("'{shown}") } else { shown }
}

fn ends(cell: &Cell) -> Option<Ends> {
    match cell {
        Cell::Number { ends, .. } => *ends,
        _ => None,
    }
}

fn has_ends(column: &Column) -> bool {
    column.cells().iter().any(|cell| ends(cell).is_some())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn words_are_no_formulas_and_stay_on_a_line() {
        let names = [
            "=cmd|' /C calc'!A0",
            "+1+cmd",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "a\n=1",
            "-0.5",
            "+3 %",
            "a=b",
        ];
        let table = [
            Column::left("=model", 0, names.map(Cell::from).to_vec()),
            Column::right("cost", 0, names.map(|_| Cell::number(-0.5, "−0.5")).to_vec()),
        ];
        let text = render(&table).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "'=model,cost",
                "'=cmd|' /C calc'!A0,-0.5",
                "'+1+cmd,-0.5",
                "'-2+3,-0.5",
                "'@SUM(A1),-0.5",
                "'\\t=1,-0.5",
                "'\\r=1,-0.5",
                "a\\n=1,-0.5",
                "-0.5,-0.5",
                "+3 %,-0.5",
                "a=b,-0.5"
            ]
        );
    }
}
