//! Tables as spreadsheets export them: a header, then rows.

use crate::error::TextError;
use crate::row::Row;
use crate::table_reader::TableReader;

/// A table with a header (RFC 4180; commas, semicolons, tabs or bars between cells), all of it in memory: its text, 8
/// bytes for each cell and 24 for each row, and up to twice that while it grows.
#[derive(Debug, Default)]
pub struct Table {
    names: Vec<String>,
    /// The cells, one after another.
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
    rows: Vec<TableRow>,
}

#[derive(Debug)]
struct TableRow {
    line: usize,
    /// Cells before its own.
    first: usize,
    /// How many are its own.
    count: usize,
}

impl Table {
    /// Reads a table, as [`TableReader`] does, and keeps all of it. `file` is named in errors.
    ///
    /// # Errors
    /// As of [`TableReader`].
    pub fn parse(file: &str, text: &str) -> Result<Self, TextError> {
        let mut reader = TableReader::new(file, text.as_bytes())?;
        let mut table = Self { names: reader.names().to_vec(), ..Self::default() };

        while let Some(row) = reader.next_row()? {
            let start = table.text.len();
            table.rows.push(TableRow { line: row.line, first: table.ends.len(), count: row.ends.len() });
            table.text.push_str(row.text);
            table.ends.extend(row.ends.iter().map(|end| start + end));
        }
        Ok(table)
    }

    /// The names of the columns, in small letters, without outer white space.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows, in the file's order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|row| self.row(row))
    }

    fn row(&self, row: &TableRow) -> Row<'_> {
        let before = row.first.checked_sub(1).and_then(|before| self.ends.get(before));
        Row {
            line: row.line,
            names: &self.names,
            text: &self.text,
            start: before.copied().unwrap_or_default(),
            ends: self.ends.get(row.first..row.first + row.count).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use std::time::{Duration, Instant};

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
        assert_eq!(column("\r\nid,prompt\r\n1,\"x, \"\"y\"\"\"\r\n\r\n2,\r\n", "prompt"), wanted([3, 5]));
        assert_eq!(
            column("p\n\"two\nlines\"\nb", "p").unwrap(),
            [(2, "two\nlines".to_owned()), (4, "b".to_owned())]
        );
    }

    #[test]
    fn cells_come_with_their_names() {
        let table = Table::parse("f", "a,b,c\n1,,3\n4\n").unwrap();
        let rows: Vec<Vec<(&str, &str)>> = table.rows().map(|row| row.cells().collect()).collect();
        assert_eq!(rows, [vec![("a", "1"), ("c", "3")], vec![("a", "4")]]);
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

    /// What stands behind the last row is not looked at for each row.
    #[test]
    fn blanks_behind_a_table_cost_nothing() {
        let begun = Instant::now();
        let blanks = format!("a,b\n{}{}", "1,2\n".repeat(20_000), " \n".repeat(100_000));
        assert_eq!(column(&blanks, "b").unwrap().len(), 20_000);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }

    /// The cells of a wide row are not looked for one by one.
    #[test]
    fn wide_rows_are_read_in_one_pass() {
        let names: Vec<String> = (0..1000).map(|index| format!("column{index}")).collect();
        let row = format!("{}\n", ["1"; 1000].join(","));
        let table = Table::parse("f", &format!("{}\n{}", names.join(","), row.repeat(20))).unwrap();

        let begun = Instant::now();
        let in_one_pass: usize = table.rows().map(|row| row.cells().count()).sum();
        let one_pass = begun.elapsed();

        let begun = Instant::now();
        let found = |row: Row<'_>| names.iter().filter(|name| row.get(name).is_some()).count();
        let by_name: usize = table.rows().map(found).sum();
        assert_eq!((in_one_pass, by_name), (20_000, 20_000));
        assert!(10 * one_pass < begun.elapsed(), "{one_pass:?}, {:?}", begun.elapsed());
    }

    /// A row of one letter takes tens of bytes, not hundreds.
    #[test]
    fn short_rows_take_little_memory() {
        let table = Table::parse("f", &format!("a\n{}", "1\n".repeat(1000))).unwrap();
        let held = table.text.len() + 8 * table.ends.len() + size_of::<TableRow>() * table.rows.len();
        assert_eq!((table.rows.len(), held), (1000, 33_000));
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        let many = format!("a,b\n1,2\n{}\n", ",".repeat(5000));
        for (text, wanted) in [
            ("", "f:1:1: the table is empty"),
            ("\n \n", "f:1:1: the table is empty"),
            ("a,b\n1,2\n1,2,3\n", "f:3:1: 3 cells where the header names 2"),
            (&many, "f:3:1: more than 1000 cells where the header names 2"),
            (&",".repeat(5000), "f:1:1: more than 1000 columns"),
            ("a,b\n1,\"x\n2,y\n", "f:2:1: a quotation mark is not closed"),
            ("a,b\n1,\"", "f:2:1: a quotation mark is not closed"),
            ("a,A\n", "f:1:1: a column's name stands twice"),
        ] {
            let error = column(text, "a").unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
