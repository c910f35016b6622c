//! Columns that follow the terminal's width: what matters least is dropped first.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// One column with its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    header: String,
    /// 0 is never dropped; the highest goes first.
    rank: u8,
    right: bool,
    cells: Vec<String>,
    /// The limit that its values are held to.
    limit: Option<String>,
}

/// A table that fits, and how many columns were dropped for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fitted {
    pub(crate) lines: String,
    pub(crate) dropped: usize,
}

impl Column {
    /// A column of words.
    pub(crate) fn left(header: impl Into<String>, rank: u8, cells: Vec<String>) -> Self {
        Self { header: header.into(), rank, right: false, cells, limit: None }
    }

    /// A column of numbers.
    pub(crate) fn right(header: impl Into<String>, rank: u8, cells: Vec<String>) -> Self {
        Self { header: header.into(), rank, right: true, cells, limit: None }
    }

    /// The same with a limit below its values.
    pub(crate) fn limited(mut self, limit: Option<String>) -> Self {
        self.limit = limit;
        self
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell == infercost_run::number::UNKNOWN)
    }
}

/// Lays out the columns within `width` characters; columns without any value are dropped before all others, but for
/// those of rank 0.
pub(crate) fn fitted(mut columns: Vec<Column>, width: usize) -> Fitted {
    columns.retain(|column| column.rank == 0 || !column.is_empty());
    let valued = columns.len();

    loop {
        let lines = lines(&columns);
        let widest = lines.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        let least = columns.iter().enumerate().max_by_key(|(_, column)| column.rank);
        match least {
            Some((index, column)) if widest > width && column.rank > 0 => {
                columns.remove(index);
            }
            _ => {
                return Fitted { lines, dropped: valued - columns.len() };
            }
        }
    }
}

fn lines(columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.header.clone()).collect::<Vec<_>>());

    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    for row in 0..rows {
        table.add_row(columns.iter().map(|column| column.cells.get(row).cloned().unwrap_or_default()));
    }

    // The limits stand below the values that they hold for.
    if columns.iter().any(|column| column.limit.is_some()) {
        let mut limits: Vec<String> =
            columns.iter().map(|column| column.limit.clone().unwrap_or_default()).collect();
        if let Some(first) = limits.first_mut() {
            *first = "limit".to_owned();
        }
        table.add_row(limits);
    }

    for (column, shape) in table.column_iter_mut().zip(columns) {
        if shape.right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    fn columns() -> Vec<Column> {
        vec![
            Column::left("variant", 0, vec!["full".to_owned(), "q8_0".to_owned()]),
            Column::right("saving", 0, vec!["–".to_owned(), "17 %".to_owned()]),
            Column::right("KL div.", 2, vec!["–".to_owned(), "0.005".to_owned()])
                .limited(Some("≤ 0.05".to_owned())),
            Column::right("size", 8, vec!["540 MB".to_owned(), "145 MB".to_owned()]),
            Column::right("J/inference", 4, vec!["–".to_owned(), "–".to_owned()]),
        ]
    }

    #[test]
    fn what_matters_least_goes_first() {
        let headers = |width: usize| {
            let Fitted { lines, dropped } = fitted(columns(), width);
            let first = lines.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            (first, dropped)
        };
        assert_eq!(
            headers(200),
            ("variant saving KL div. size".to_owned(), 0),
            "a column without values is no loss"
        );
        assert_eq!(headers(32), ("variant saving KL div.".to_owned(), 1));
        assert_eq!(headers(20), ("variant saving".to_owned(), 2));
        assert_eq!(headers(1), ("variant saving".to_owned(), 2), "the answer is never dropped");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 20..60 {
            let Fitted { lines, .. } = fitted(columns(), width);
            assert!(lines.lines().all(|line| line.chars().count() <= width), "{width}:\n{lines}");
        }
    }
}
