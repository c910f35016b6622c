//! A table in the form that was asked for: columns, Markdown or CSV.

use anyhow::Context as _;

use crate::flags::format::TableFormat;
use crate::output::layout;
use crate::output::terminal::plain;

/// A header and its rows; every row has as many cells as the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Sheet {
    /// The table as text. JSON is no table: it is written by who knows its fields, and reads here as a table.
    ///
    /// # Errors
    /// Where CSV cannot be written: a defect of the program.
    pub(crate) fn render(&self, format: TableFormat) -> anyhow::Result<String> {
        match format {
            TableFormat::Table | TableFormat::Json => {
                Ok(layout::table(&self.header, self.rows.clone(), false))
            }
            TableFormat::Markdown => Ok(self.markdown()),
            TableFormat::Csv => self.csv(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = markdown_row(self.header.iter().copied());
        text.push_str(&format!("|{}\n", " --- |".repeat(self.header.len())));
        for row in &self.rows {
            text.push_str(&markdown_row(row.iter().map(String::as_str)));
        }
        text
    }

    fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(|cell| plain(cell)))?;
        }

        let bytes = writer.into_inner().context("CSV cannot be written")?;
        String::from_utf8(bytes).context("CSV is not UTF-8")
    }
}

/// A row of Markdown: what would end a cell or start markup is escaped.
fn markdown_row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut row = String::from("|");
    for cell in cells {
        let mut escaped = String::with_capacity(cell.len());
        for character in plain(cell).chars() {
            if matches!(character, '|' | '<' | '`' | '*' | '_' | '[' | '\\') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        row.push_str(&format!(" {escaped} |"));
    }
    row.push('\n');
    row
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    fn sheet() -> Sheet {
        let rows = vec![
            vec!["a|b".to_owned(), "<img src=x>".to_owned()],
            vec!["c,\"d\"".to_owned(), "_e_".to_owned()],
        ];
        Sheet { header: vec!["name", "value"], rows }
    }

    #[test]
    fn markdown_cells_stay_cells() {
        let text = sheet().render(TableFormat::Markdown).unwrap();
        assert_eq!(
            text,
            "| name | value |\n| --- | --- |\n| a\\|b | \\<img src=x> |\n| c,\"d\" | \\_e\\_ |\n"
        );
    }

    #[test]
    fn csv_is_read_back() {
        let text = sheet().render(TableFormat::Csv).unwrap();
        assert_eq!(text, "name,value\na|b,<img src=x>\n\"c,\"\"d\"\"\",_e_\n");
    }
}
