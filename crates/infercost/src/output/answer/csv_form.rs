//! The table as comma-separated values: plain numbers, a column more for each end of an interval, nothing for what is
//! unknown.

use anyhow::Context as _;

use crate::output::cell::{Cell, Ends};
use crate::output::columns::{Column, rows};
use crate::output::terminal::plain;

/// The table, all columns of it.
pub(super) fn render(table: &[Column]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = Vec::new();
    for column in table {
        header.push(plain(column.header()));
        if has_ends(column) {
            header.extend(["lower", "upper"].map(|end| format!("{} {end}", plain(column.header()))));
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
        Cell::Words(text) => plain(text),
        Cell::Number { value, .. } => value.to_string(),
        Cell::Unknown => String::new(),
    }
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
