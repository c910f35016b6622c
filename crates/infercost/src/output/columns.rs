//! Columns that follow the terminal's width: what matters least is dropped first.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::output::cell::Cell;
use crate::output::terminal::plain;

/// One column with its cells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    header: String,
    /// 0 is never dropped; the highest goes first.
    rank: u8,
    right: bool,
    cells: Vec<Cell>,
    /// The limit that its values are held to.
    limit: Option<String>,
}

/// Words are cut to no less than this.
const SHORTEST_WORDS: usize = 12;

/// A table that fits, and what became of it for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fitted {
    pub(crate) lines: String,
    /// Columns that were left out.
    pub(crate) dropped: usize,
    /// True where words were cut.
    pub(crate) cut: bool,
}

impl Column {
    /// A column of words.
    pub(crate) fn left(header: impl Into<String>, rank: u8, cells: Vec<Cell>) -> Self {
        Self { header: header.into(), rank, right: false, cells, limit: None }
    }

    /// A column of numbers.
    pub(crate) fn right(header: impl Into<String>, rank: u8, cells: Vec<Cell>) -> Self {
        Self { header: header.into(), rank, right: true, cells, limit: None }
    }

    /// The same with a limit below its values.
    pub(crate) fn limited(mut self, limit: Option<String>) -> Self {
        self.limit = limit;
        self
    }

    /// What the column is of.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// Its cells, a row each.
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The limit below them.
    pub(crate) fn limit(&self) -> Option<&str> {
        self.limit.as_deref()
    }

    /// True for numbers.
    pub(crate) fn is_right(&self) -> bool {
        self.right
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(Cell::is_unknown)
    }
}

/// Rows of the longest column.
pub(crate) fn rows(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.cells.len()).max().unwrap_or(0)
}

/// Lays out the columns within `width` characters; columns without any value are dropped before all others, but for
/// those of rank 0. Where none can be dropped, the longest words are cut.
pub(crate) fn fitted(mut columns: Vec<Column>, width: usize) -> Fitted {
    columns.retain(|column| column.rank == 0 || !column.is_empty());
    let valued = columns.len();

    loop {
        let lines = lines(&columns);
        let widest = widest(&lines);
        let least = columns.iter().enumerate().max_by_key(|(_, column)| column.rank);
        match least {
            Some((index, column)) if widest > width && column.rank > 0 => {
                columns.remove(index);
            }
            _ => {
                let dropped = valued - columns.len();
                if widest <= width || !shorten(&mut columns, widest - width) {
                    return Fitted { lines, dropped, cut: false };
                }
                return Fitted { lines: self::lines(&columns), dropped, cut: true };
            }
        }
    }
}

/// Lays out all columns within `width` characters: what does not fit stands in further tables below, each of which begins
/// with the first column again.
pub(crate) fn folded(mut columns: Vec<Column>, width: usize) -> String {
    columns.retain(|column| column.rank == 0 || !column.is_empty());
    let Some((first, others)) = columns.split_first() else { return String::new() };

    let mut tables = Vec::new();
    let mut table = vec![first.clone()];
    for column in others {
        table.push(column.clone());
        if table.len() > 2 && widest(&lines(&table)) > width {
            table.pop();
            tables.push(std::mem::replace(&mut table, vec![first.clone(), column.clone()]));
        }
    }
    tables.push(table);

    let laid_out: Vec<String> = tables.iter().map(|table| lines(table)).collect();
    laid_out.join("\n")
}

/// Characters of the longest line.
fn widest(lines: &str) -> usize {
    lines.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Cuts the column with the longest words by so many characters, as far as it goes; false where there is none.
fn shorten(columns: &mut [Column], excess: usize) -> bool {
    let length = |column: &Column| column.cells.iter().map(|cell| cell.shown().chars().count()).max();
    let words = columns.iter_mut().filter(|column| !column.right);
    let Some(column) = words.max_by_key(|column| length(column)) else { return false };

    let longest = length(column).unwrap_or(0);
    let room = longest.saturating_sub(excess).max(SHORTEST_WORDS);
    if room >= longest {
        return false;
    }
    for cell in &mut column.cells {
        if cell.shown().chars().count() > room {
            let kept: String = cell.shown().chars().take(room - 1).collect();
            *cell = Cell::words(format!("{}…", kept.trim_end()));
        }
    }
    true
}

fn lines(columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if columns.is_empty() {
        return String::new();
    }
    if columns.iter().any(|column| !column.header.is_empty()) {
        table.set_header(columns.iter().map(|column| plain(&column.header)).collect::<Vec<_>>());
    }

    for row in 0..rows(columns) {
        let mut cells = Vec::with_capacity(columns.len());
        for column in columns {
            cells.push(column.cells.get(row).map_or_else(String::new, |cell| plain(cell.shown())));
        }
        table.add_row(cells);
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
            Column::left("variant", 0, vec!["full".into(), "q8_0".into()]),
            Column::right("saving", 0, vec![Cell::Unknown, "17 %".into()]),
            Column::right("KL div.", 2, vec![Cell::Unknown, "0.005".into()])
                .limited(Some("≤ 0.05".to_owned())),
            Column::right("size", 8, vec!["540 MB".into(), "145 MB".into()]),
            Column::right("J/inference", 4, vec![Cell::Unknown, Cell::Unknown]),
        ]
    }

    #[test]
    fn what_matters_least_goes_first() {
        let headers = |width: usize| {
            let Fitted { lines, dropped, .. } = fitted(columns(), width);
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
    fn what_does_not_fit_stands_below_with_its_names() {
        let headers = |width: usize| {
            let lines = folded(columns(), width);
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            lines.lines().filter(|line| line.contains("variant")).map(words).collect::<Vec<_>>()
        };
        assert_eq!(headers(200), ["variant saving KL div. size"]);
        assert_eq!(headers(32), ["variant saving KL div.", "variant size"]);
        assert_eq!(headers(1), ["variant saving", "variant KL div.", "variant size"], "nothing is left out");
        assert_eq!(folded(Vec::new(), 80), "");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 20..60 {
            let Fitted { lines, .. } = fitted(columns(), width);
            assert!(lines.lines().all(|line| line.chars().count() <= width), "{width}:\n{lines}");
        }
    }

    #[test]
    fn long_words_are_cut_where_no_column_can_go() {
        let long = "a name that is much longer than the terminal is wide";
        let table =
            vec![Column::left("check", 0, vec!["times".into()]), Column::left("found", 0, vec![long.into()])];
        let Fitted { lines, cut, .. } = fitted(table.clone(), 40);
        assert!(cut && lines.contains("a name that is much") && lines.contains('…'), "{lines}");
        assert!(lines.lines().all(|line| line.chars().count() <= 40), "{lines}");
        assert!(!fitted(table, 200).cut);
    }
}
