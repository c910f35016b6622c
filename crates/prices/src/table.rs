//! Comma-separated values (RFC 4180), by the names of their columns.

/// Most columns of a row.
const MAX_COLUMNS: usize = 200;

/// A table with a header.
#[derive(Debug)]
pub(crate) struct Table {
    names: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    table: &'a Table,
    /// Line, from 1.
    pub(crate) line: usize,
    cells: &'a [String],
}

impl Table {
    /// Reads a table; every needed column must be there.
    pub(crate) fn parse(text: &str, needed: &[&str]) -> Result<Self, String> {
        let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        let names = loop {
            let (index, line) = lines.next().ok_or("the table is empty")?;
            if !line.trim().is_empty() {
                break cells(line).map_err(|reason| format!("line {}: {reason}", index + 1))?;
            }
        };

        let names: Vec<String> = names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        if let Some(missing) = needed.iter().find(|name| !names.contains(&name.to_ascii_lowercase())) {
            return Err(format!(
                "the column `{missing}` is missing; the header must name {}",
                needed.join(",")
            ));
        }

        let mut rows = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            rows.push((index + 1, cells(line).map_err(|reason| format!("line {}: {reason}", index + 1))?));
        }
        Ok(Self { names, rows })
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { table: self, line: *line, cells })
    }
}

impl<'a> Row<'a> {
    /// The cell of a column, trimmed; empty where it is not there.
    pub(crate) fn get(&self, name: &str) -> &'a str {
        let index = self.table.names.iter().position(|one| *one == name.to_ascii_lowercase());
        index.and_then(|index| self.cells.get(index)).map_or("", |cell| cell.trim())
    }
}

fn cells(line: &str) -> Result<Vec<String>, String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();

    while let Some(c) = chars.next() {
        let Some(cell) = cells.last_mut() else { break };
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' if quoted || cell.trim().is_empty() => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
        if cells.len() > MAX_COLUMNS {
            return Err(format!("more than {MAX_COLUMNS} columns"));
        }
    }

    if quoted { Err("a quotation mark is not closed".to_owned()) } else { Ok(cells) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_line() {
        let check = |line: &str, wanted: Result<&[&str], &str>| match (cells(line), wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{line}"),
            (Err(error), Err(wanted)) => assert!(error.contains(wanted)),
            (found, wanted) => panic!("{line}: {found:?}, not {wanted:?}"),
        };
        check("a,b,,d", Ok(&["a", "b", "", "d"]));
        check("\"a,b\",\"say \"\"x\"\"\"", Ok(&["a,b", "say \"x\""]));
        check("\"a", Err("not closed"));
        check(&",".repeat(300), Err("columns"));
    }
}
