//! A public trace whose rows come one by one, as columns with names: whoever reads the file hands them over, and only so
//! many are kept as will be replayed.

use infercost_core::TraceCell;
use infercost_text::shown;

use super::tables::Columns;
use super::{
    MOST_REQUESTS, TraceInput, TraceRequest, TraceWorkload, WorkloadFault, checked, mooncake, sharegpt,
    tables,
};

/// Most bytes of the questions that are kept.
const MOST_TEXT_BYTES: usize = 512 << 20;
/// Requests that are gathered, beyond twice those that are wanted, before the later ones are dropped.
const SLACK: usize = 1024;
/// Names of columns that an error shows.
const MOST_NAMES: usize = 12;

/// The formats by their columns.
#[derive(Debug, Clone, Copy)]
enum Format {
    Lengths(&'static Columns),
    Mooncake,
    ShareGpt,
}

/// Rows of a public trace, on their way to requests. Of any number of rows, the first by their arrival are kept.
#[derive(Debug)]
pub struct TraceRows {
    file: String,
    format: Format,
    wanted: Vec<usize>,
    most: usize,
    requests: Vec<TraceRequest>,
    text_bytes: usize,
    held: u64,
    left_out: u64,
}

impl TraceRows {
    /// The rows of a file with columns of these names, of which `most` requests will be replayed.
    ///
    /// # Errors
    /// [`WorkloadFault`] where the columns are those of no format that is known, or one of them stands twice.
    pub fn of(file: &str, columns: &[String], most: usize) -> Result<Self, WorkloadFault> {
        let mut names = Vec::with_capacity(columns.len());
        for column in columns {
            names.push(column.trim().to_lowercase());
        }
        let format = format(&names).map_err(|reason| WorkloadFault::of_file(file, reason))?;

        let mut wanted = Vec::new();
        for name in format.columns(&names) {
            let mut places = names.iter().enumerate().filter(|(_, known)| *known == name);
            let first = places.next().map(|(place, _)| place);
            if places.next().is_some() {
                return Err(WorkloadFault::of_file(file, format!("two columns are called `{name}`")));
            }
            wanted.extend(first);
        }

        let most = most.clamp(1, MOST_REQUESTS);
        let file = file.to_owned();
        Ok(Self { file, format, wanted, most, requests: Vec::new(), text_bytes: 0, held: 0, left_out: 0 })
    }

    /// Places of the columns that are needed, among those of the file, in the order in which [`Self::append`] takes their
    /// cells.
    pub fn wanted(&self) -> &[usize] {
        &self.wanted
    }

    /// Takes the row of that number, counted from 1.
    ///
    /// # Errors
    /// [`WorkloadFault`] with the row and the column of a cell that is not what the format says.
    pub fn append(&mut self, row: u64, cells: &[TraceCell]) -> Result<(), WorkloadFault> {
        let read = match (self.format, cells) {
            (Format::Lengths(columns), [time, input, output]) => {
                tables::request(columns, time, input, output)
            }
            (Format::Lengths(_), _) => Err("lacks columns".to_owned()),
            (Format::Mooncake, cells) => mooncake::of_cells(cells),
            (Format::ShareGpt, cells) => sharegpt::of_cells(cells),
        };
        let Some(request) = read.map_err(|reason| WorkloadFault::at_row(&self.file, row, reason))? else {
            self.left_out += 1;
            return Ok(());
        };

        self.held += 1;
        self.text_bytes = self.text_bytes.saturating_add(text_bytes(&request));
        self.requests.push(request);
        let is_full = self.requests.len() >= self.most.saturating_mul(2).saturating_add(SLACK);
        if is_full || self.text_bytes > MOST_TEXT_BYTES {
            self.keep_the_first();
        }
        if self.text_bytes > MOST_TEXT_BYTES {
            let reason = format!("the first {} questions are too long together; replay fewer", self.most);
            return Err(WorkloadFault::at_row(&self.file, row, reason));
        }
        Ok(())
    }

    /// Later requests are dropped. What came at once stays in the order of the rows.
    fn keep_the_first(&mut self) {
        self.requests.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
        self.requests.truncate(self.most);
        self.text_bytes = self.requests.iter().map(text_bytes).sum();
    }

    /// The workload of all rows.
    ///
    /// # Errors
    /// [`WorkloadFault`] where there is no request in them.
    pub fn finish(mut self) -> Result<TraceWorkload, WorkloadFault> {
        self.keep_the_first();
        let workload = TraceWorkload {
            format: self.format.name().to_owned(),
            requests: self.requests,
            has_arrivals: !matches!(self.format, Format::ShareGpt),
            held: self.held,
            left_out: self.left_out,
            notes: Vec::new(),
        };
        checked(&self.file, workload)
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Lengths(columns) => columns.format,
            Self::Mooncake => mooncake::FORMAT,
            Self::ShareGpt => sharegpt::FORMAT,
        }
    }

    /// The columns to read, in the order of its cells.
    fn columns(self, names: &[String]) -> Vec<&'static str> {
        match self {
            Self::Lengths(columns) => vec![columns.time, columns.input, columns.output],
            Self::Mooncake => {
                let mut columns = mooncake::COLUMNS.to_vec();
                if names.iter().any(|name| name == mooncake::BLOCKS) {
                    columns.push(mooncake::BLOCKS);
                }
                columns
            }
            Self::ShareGpt => vec![sharegpt::COLUMN],
        }
    }
}

/// The format that has columns of these names, in small letters.
fn format(names: &[String]) -> Result<Format, String> {
    let has = |wanted: &&str| names.iter().any(|name| name == wanted);
    if mooncake::COLUMNS.iter().all(has) {
        return Ok(Format::Mooncake);
    }
    if has(&sharegpt::COLUMN) {
        return Ok(Format::ShareGpt);
    }
    match tables::find(names) {
        Some(found) => found.map(Format::Lengths),
        None => Err(unknown(names)),
    }
}

fn unknown(names: &[String]) -> String {
    let mut known = Vec::new();
    for name in names.iter().take(MOST_NAMES) {
        known.push(format!("`{}`", shown(name)));
    }
    let more = if names.len() > MOST_NAMES { ", …" } else { "" };
    format!(
        "is no trace that is known: its columns are {}{more}; wanted are `Timestamp`, `Request tokens` and `Response \
         tokens` (BurstGPT), `TIMESTAMP`, `ContextTokens` and `GeneratedTokens` (Azure), `timestamp`, `input_length` and \
         `output_length` (Mooncake), or `conversations` (ShareGPT)",
        known.join(", ")
    )
}

fn text_bytes(request: &TraceRequest) -> usize {
    match &request.input {
        TraceInput::Text(text) => text.len(),
        TraceInput::Tokens { blocks, .. } => std::mem::size_of_val(blocks.as_slice()),
    }
}
