//! Tables by the names of their columns.

use infercost_text::TextError;

/// A table with a header.
#[derive(Debug)]
pub(crate) struct Table(infercost_text::Table);

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    row: infercost_text::Row<'a>,
    /// Line, from 1.
    pub(crate) line: usize,
}

impl Table {
    /// Reads a table, as spreadsheets and programs write them; every needed column must be there.
    ///
    /// # Errors
    /// A sentence that says what is wrong, with the line.
    pub(crate) fn parse(text: &str, needed: &[&str]) -> Result<Self, String> {
        let table = infercost_text::Table::parse("table", text).map_err(|error| match error {
            TextError::Place { line, reason, .. } => format!("line {line}: {reason}"),
            other => other.to_string(),
        })?;

        let is_there = |name: &&&str| table.names().contains(&name.to_lowercase());
        match needed.iter().find(|name| !is_there(name)) {
            Some(missing) => {
                Err(format!("the column `{missing}` is missing; the header must name {}", needed.join(",")))
            }
            None => Ok(Self(table)),
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.0.rows().map(|row| Row { row, line: row.line })
    }
}

impl<'a> Row<'a> {
    /// The cell of a column, trimmed; empty where it is not there.
    pub(crate) fn get(&self, name: &str) -> &'a str {
        self.row.get(&name.to_lowercase()).map_or("", str::trim)
    }
}
