//! Tables as spreadsheets export them: a header, then rows.

use csv::{ReaderBuilder, StringRecord};

use crate::error::TextError;

/// Most columns of a row.
const MAX_COLUMNS: usize = 1000;
/// What may stand between two cells.
const SEPARATORS: [u8; 4] = *b",;\t|";

/// A table with a header (RFC 4180; commas, semicolons, tabs or bars between cells).
#[derive(Debug)]
pub struct Table {
    names: Vec<String>,
    rows: Vec<TableRow>,
}

#[derive(Debug)]
struct TableRow {
    line: usize,
    cells: StringRecord,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The line on which it starts, from 1.
    pub line: usize,
    names: &'a [String],
    cells: &'a StringRecord,
}

impl Table {
    /// Reads a table. The separator is the one that stands most often in the header, outside quotation marks, or what
    /// a first line such as `sep=;` names. Blank lines are skipped. `file` is named in errors.
    ///
    /// # Errors
    /// [`TextError`] where there is no header, a column stands twice, a row has more cells than the header, or a
    /// quotation mark is not closed.
    pub fn parse(file: &str, text: &str) -> Result<Self, TextError> {
        let Body { text, separator, skipped } = Body::of(text);
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .has_headers(false)
            .from_reader(text.as_bytes());

        let mut header: Option<Vec<String>> = None;
        let mut rows = Vec::new();
        let (mut line, mut counted) = (skipped + 1, 0);
        for record in reader.records() {
            let cells = record.map_err(|error| wrong(file, 1, error.to_string()))?;
            let start = cells.position().and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or_default();
            let (before, rest) = text.split_at_checked(start).unwrap_or((text, ""));

            // The reader counts blank lines to the record that follows them.
            let blank = rest.bytes().take_while(|byte| *byte == b'\n').count();
            let passed = before.get(counted..).unwrap_or_default();
            line += passed.bytes().filter(|byte| *byte == b'\n').count() + blank;
            counted = start + blank;

            let ends_here = reader_is_at_end(rest, &cells);
            if ends_here && rest.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
                return Err(wrong(file, line, "a quotation mark is not closed".to_owned()));
            }
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }

            let Some(names) = &header else {
                header = Some(column_names(&cells).map_err(|reason| wrong(file, line, reason))?);
                continue;
            };
            if cells.len() > names.len() {
                let reason = format!(
                    "{} cells where the header names {}; put a text that holds `{}` in quotation marks",
                    cells.len(),
                    names.len(),
                    char::from(separator)
                );
                return Err(wrong(file, line, reason));
            }
            rows.push(TableRow { line, cells });
        }

        let names = header
            .ok_or_else(|| wrong(file, 1, "the table is empty; its first line names the columns".into()))?;
        Ok(Self { names, rows })
    }

    /// The names of the columns, in small letters, without outer white space.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows, in the file's order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|row| Row { line: row.line, names: &self.names, cells: &row.cells })
    }
}

impl<'a> Row<'a> {
    /// The cell of the column of that name (in small letters); `None` where there is no such column or the cell is
    /// blank.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let index = self.names.iter().position(|one| one == name)?;
        self.cells.get(index).filter(|cell| !cell.trim().is_empty())
    }
}

fn wrong(file: &str, line: usize, reason: String) -> TextError {
    TextError::Place { file: file.to_owned(), line, column: 1, reason }
}

/// Whether nothing but this record is left. The record's cells hold fewer bytes than its text.
fn reader_is_at_end(rest: &str, cells: &StringRecord) -> bool {
    let bytes: usize = cells.iter().map(str::len).sum();
    let separators = cells.len().saturating_sub(1);

    // Quotation marks double the marks in a cell and stand around it; what is longer holds further records.
    let longest = bytes.saturating_mul(2).saturating_add(cells.len().saturating_mul(3));
    if rest.trim_end().len() > longest {
        return false;
    }
    let quotes = rest.bytes().filter(|byte| *byte == b'"').count();
    rest.trim_end().len() <= bytes + separators + quotes
}

fn column_names(cells: &StringRecord) -> Result<Vec<String>, String> {
    if cells.len() > MAX_COLUMNS {
        return Err(format!("more than {MAX_COLUMNS} columns"));
    }

    let mut names: Vec<String> = Vec::new();
    for cell in cells {
        let name = cell.trim().to_lowercase();
        if !name.is_empty() && names.contains(&name) {
            return Err("a column's name stands twice in the header".to_owned());
        }
        names.push(name);
    }

    Ok(names)
}

/// The table itself, and what separates its cells.
struct Body<'t> {
    text: &'t str,
    separator: u8,
    /// Lines in front of it.
    skipped: usize,
}

impl<'t> Body<'t> {
    fn of(text: &'t str) -> Self {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let named = first.trim_end().strip_prefix("sep=").map(str::as_bytes);
        if let Some([separator]) = named {
            return Self { text: rest, separator: *separator, skipped: 1 };
        }

        let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let mut quoted = false;
        let mut counts = [0_usize; SEPARATORS.len()];
        for byte in header.bytes() {
            quoted ^= byte == b'"';
            for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
                *count += usize::from(!quoted && byte == separator);
            }
        }

        // The first of several that stand equally often wins: the comma, where there is none at all.
        let mut separator = b',';

        let mut most = 0;
        for (count, candidate) in counts.into_iter().zip(SEPARATORS) {
            if count > most {
                (most, separator) = (count, candidate);
            }
        }
        Self { text, separator, skipped: 0 }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn column(text: &str, name: &str) -> Result<Vec<(usize, String)>, String> {
        let table = Table::parse("f", text).map_err(|error| error.to_string())?;
        Ok(table.rows().map(|row| (row.line, row.get(name).unwrap_or("-").to_owned())).collect())
    }

    #[test]
    fn tables_of_spreadsheets() {
        let wanted =
            |lines: [usize; 2]| Ok(vec![(lines[0], "x, \"y\"".to_owned()), (lines[1], "-".to_owned())]);
        assert_eq!(column("Id,Prompt\n1,\"x, \"\"y\"\"\"\n2\n", "prompt"), wanted([2, 3]));
        assert_eq!(column("id;\" prompt \"\n1;\"x, \"\"y\"\"\"\n\n2;\n", "prompt"), wanted([2, 4]));
        assert_eq!(column("sep=;\nid;prompt\n1;x, \"y\"\n2;", "prompt"), wanted([3, 4]));
        assert_eq!(column("id\tprompt\n1\tx, \"y\"\n2\t \n", "prompt"), wanted([2, 3]));
        assert_eq!(
            column("p\n\"two\nlines\"\nb", "p").unwrap(),
            [(2, "two\nlines".to_owned()), (4, "b".to_owned())]
        );
    }

    /// Each row by itself: a table of a price list has a hundred thousand.
    #[test]
    fn long_tables_are_read_in_one_pass() {
        let mut text = "a,b\n".to_owned();
        for row in 0..100_000 {
            text.push_str(&format!("{row},\"x, {row}\"\n"));
        }
        let found = column(&text, "b").unwrap();
        assert_eq!(found.len(), 100_000);
        assert_eq!(found.last(), Some(&(100_001, "x, 99999".to_owned())));
        text.push_str("1,\"open\n");
        assert!(column(&text, "b").unwrap_err().contains("f:100002:1: a quotation mark is not closed"));
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        for (text, wanted) in [
            ("", "f:1:1: the table is empty"),
            ("a,b\n1,2\n1,2,3\n", "f:3:1: 3 cells where the header names 2"),
            ("a,b\n1,\"x\n2,y\n", "f:2:1: a quotation mark is not closed"),
            ("a,A\n", "f:1:1: a column's name stands twice"),
        ] {
            let error = column(text, "a").unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
