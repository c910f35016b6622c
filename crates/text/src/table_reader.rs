//! The rows of a table, one in memory at a time.

use std::io::{self, BufRead, Read as _};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::error::TextError;
use crate::row::Row;
use crate::source::failure;

/// Most columns of a table, and cells of a row.
const MAX_COLUMNS: usize = 1000;
/// Longest row, in bytes.
const MAX_ROW: usize = 64 << 20;
/// What may stand between two cells.
const SEPARATORS: [u8; 4] = *b",;\t|";
/// What is said of a text whose last quotation mark opens a cell.
const NOT_CLOSED: &str = "a quotation mark is not closed";

/// Reads a table with a header (RFC 4180; commas, semicolons, tabs or bars between cells) row by row: memory does not
/// grow with the table.
///
/// The separator is the one that stands most often in the header, outside quotation marks, or what a first line such as
/// `sep=;` names. Blank lines and blank rows are skipped.
#[derive(Debug)]
pub struct TableReader<R> {
    /// Named in errors.
    file: String,
    records: Records<R>,
    names: Vec<String>,
}

impl<R: BufRead> TableReader<R> {
    /// Reads the header from UTF-8. `file` is named in errors.
    ///
    /// # Errors
    /// [`TextError`] where `reader` cannot be read, or there is no header, or a column stands twice in it.
    pub fn new(file: &str, reader: R) -> Result<Self, TextError> {
        let records = Records::begin(file, reader)?;
        let mut reader = Self { file: file.to_owned(), records, names: Vec::new() };

        if !reader.records.next(file)? {
            let reason = "the table is empty; its first line names the columns".to_owned();
            return Err(wrong(file, 1, reason));
        }

        let names = column_names(&reader.records);
        reader.names = names.map_err(|reason| wrong(file, reader.records.line, reason))?;
        Ok(reader)
    }

    /// The names of the columns, in small letters, without outer white space.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`TextError`] where the reader fails, a row has more cells than the header or is too long, or a quotation mark is
    /// not closed.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, TextError> {
        if !self.records.next(&self.file)? {
            return Ok(None);
        }

        let Records { line, text, .. } = &self.records;
        let ends = self.records.ends();
        if ends.len() > self.names.len() {
            let cells = match ends.len() {
                count if count > MAX_COLUMNS => format!("more than {MAX_COLUMNS}"),
                count => count.to_string(),
            };
            let reason = format!(
                "{cells} cells where the header names {}; put a text that holds `{}` in quotation marks",
                self.names.len(),
                char::from(self.records.separator)
            );
            return Err(wrong(&self.file, *line, reason));
        }
        Ok(Some(Row { line: *line, names: &self.names, text, start: 0, ends }))
    }
}

/// Rows, the header among them.
#[derive(Debug)]
struct Records<R> {
    reader: R,
    parser: Reader,
    separator: u8,
    /// Bytes that come before those of the reader: what was read to find the separator.
    head: Vec<u8>,
    /// How many of them were parsed.
    parsed: usize,
    /// Lines before the table.
    skipped: usize,
    has_ended: bool,
    /// Room for the cells of a row, one after another.
    room: Vec<u8>,
    /// The line on which the row starts, from 1.
    line: usize,
    /// The cells of the row, one after another.
    text: String,
    /// Room for where each ends: one more than a row may have, so that it is seen that there are too many.
    ends: Vec<usize>,
    /// The cells of the row.
    cells: usize,
}

/// How far a row was parsed.
#[derive(Debug, Default)]
struct Progress {
    bytes: usize,
    cells: usize,
    /// True where a line end was the last byte of it.
    has_line_end: bool,
}

impl<R: BufRead> Records<R> {
    fn begin(file: &str, mut reader: R) -> Result<Self, TextError> {
        let mut head = head(&mut reader).map_err(|cause| failure(file, "table", cause))?;
        let named = std::str::from_utf8(&head).ok().and_then(|first| first.trim_end().strip_prefix("sep="));

        let mut skipped = 0;
        let separator = match named.map(str::as_bytes) {
            Some([named]) => {
                let named = *named;
                head.clear();
                skipped = 1;
                named
            }
            _ => usual_separator(&head),
        };

        Ok(Self {
            reader,
            parser: ReaderBuilder::new().delimiter(separator).build(),
            separator,
            head,
            parsed: 0,
            skipped,
            has_ended: false,
            room: vec![0; 1024],
            line: 1,
            text: String::new(),
            ends: vec![0; MAX_COLUMNS + 1],
            cells: 0,
        })
    }

    /// Takes the next row that is not blank; false at the end.
    fn next(&mut self, file: &str) -> Result<bool, TextError> {
        while let Some(row) = self.parse(file)? {
            let lines = self.lines();
            let text = std::str::from_utf8(self.room.get(..row.bytes).unwrap_or_default());
            let text = text.map_err(|error| wrong(file, lines, format!("no UTF-8: {error}")))?;
            self.text.clear();
            self.text.push_str(text);
            self.cells = row.cells;

            // the parser counts blank lines to the row that follows them
            let within = self.text.bytes().filter(|byte| *byte == b'\n').count();
            self.line = lines.saturating_sub(within + usize::from(row.has_line_end));
            if !self.text.trim().is_empty() || row.cells > MAX_COLUMNS {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Parses the next row into the room and the ends; `None` at the end.
    fn parse(&mut self, file: &str) -> Result<Option<Progress>, TextError> {
        let mut row = Progress::default();

        while !self.has_ended {
            if row.bytes >= MAX_ROW {
                let reason = format!("a row of more than {MAX_ROW} bytes; {NOT_CLOSED}, or this is no table");
                return Err(wrong(file, self.lines(), reason));
            }
            if self.room.len() < row.bytes + 2 {
                self.room.resize(2 * self.room.len(), 0);
            }

            let is_head = self.parsed < self.head.len();
            let input = match is_head {
                true => self.head.get(self.parsed..).unwrap_or_default(),
                false => self.reader.fill_buf().map_err(|cause| failure(file, "table", cause))?,
            };
            // a line end more at the end closes the last row, unless a cell of it is open
            self.has_ended = input.is_empty();
            let input = if self.has_ended { b"\n" } else { input };

            let (result, read, bytes, cells) = self.parser.read_record(
                input,
                self.room.get_mut(row.bytes..).unwrap_or_default(),
                self.ends.get_mut(row.cells..).unwrap_or_default(),
            );
            row.bytes += bytes;
            row.cells += cells;
            row.has_line_end = read.checked_sub(1).and_then(|last| input.get(last)) == Some(&b'\n');

            match (is_head, self.has_ended) {
                (true, _) => self.parsed += read,
                (false, false) => self.reader.consume(read),
                (false, true) => {}
            }

            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull => {}
                // the row has too many cells, which is said by whoever takes it
                ReadRecordResult::OutputEndsFull | ReadRecordResult::Record => return Ok(Some(row)),
                ReadRecordResult::End => return Ok(None),
            }
        }

        if row.bytes > 0 {
            let room = self.room.iter().take(row.bytes);
            let within = room.filter(|byte| **byte == b'\n').count();
            return Err(wrong(file, self.lines().saturating_sub(within), NOT_CLOSED.to_owned()));
        }
        Ok(None)
    }

    /// Where each cell of the row ends.
    fn ends(&self) -> &[usize] {
        self.ends.get(..self.cells).unwrap_or_default()
    }

    /// The line that the parser has come to, from 1.
    fn lines(&self) -> usize {
        self.skipped + usize::try_from(self.parser.line()).unwrap_or(usize::MAX)
    }
}

/// The lines up to the first that is not blank, which are all blank but for that one.
fn head(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut start = 0;
    let mut is_blank = true;
    while is_blank {
        let left = (MAX_ROW - start.min(MAX_ROW)) as u64;
        if reader.by_ref().take(left).read_until(b'\n', &mut head)? == 0 {
            break;
        }
        is_blank = head.get(start..).unwrap_or_default().trim_ascii().is_empty();
        start = head.len();
    }
    Ok(head)
}

/// The separator that stands most often in a header, outside quotation marks.
fn usual_separator(header: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [0_usize; SEPARATORS.len()];
    for byte in header {
        quoted ^= *byte == b'"';
        for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
            *count += usize::from(!quoted && *byte == separator);
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
    separator
}

fn column_names<R: BufRead>(header: &Records<R>) -> Result<Vec<String>, String> {
    if header.cells > MAX_COLUMNS {
        return Err(format!("more than {MAX_COLUMNS} columns"));
    }

    let mut names: Vec<String> = Vec::new();
    let mut start = 0;
    for end in header.ends() {
        let name = header.text.get(start..*end).unwrap_or_default().trim().to_lowercase();
        start = *end;
        if !name.is_empty() && names.contains(&name) {
            return Err("a column's name stands twice in the header".to_owned());
        }
        names.push(name);
    }
    Ok(names)
}

fn wrong(file: &str, line: usize, reason: String) -> TextError {
    TextError::Place { file: file.to_owned(), line, column: 1, reason }
}
