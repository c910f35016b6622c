//! Mooncake's traces (Qin et al., FAST 2025): JSON Lines with `timestamp` in milliseconds, `input_length`,
//! `output_length` and `hash_ids`, a number for each block of 512 tokens that tells equal beginnings. Or the same as
//! columns.

use infercost_core::TraceCell;
use infercost_text::json::documents;
use serde::Deserialize;

use super::{TOKENS_OF_A_BLOCK, TraceInput, TraceRequest, TraceWorkload, WorkloadFault, cells, tokens};

pub(super) const FORMAT: &str = "Mooncake";
/// Columns that it cannot do without.
pub(super) const COLUMNS: [&str; 3] = ["timestamp", "input_length", "output_length"];
/// The column of equal beginnings, which a trace may lack.
pub(super) const BLOCKS: &str = "hash_ids";

/// A line.
#[derive(Deserialize)]
struct Line {
    timestamp: Option<f64>,
    input_length: Option<u64>,
    output_length: Option<u64>,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

/// Whether the beginning of a text names the fields.
pub(super) fn is_meant(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.contains("\"timestamp\"") && (first.contains("_length\"") || first.contains("\"hash_ids\""))
}

pub(super) fn read(file: &str, text: &str) -> Result<TraceWorkload, WorkloadFault> {
    let mut workload =
        TraceWorkload { format: FORMAT.to_owned(), has_arrivals: true, ..TraceWorkload::default() };
    for document in documents(file, text)? {
        let line: Line = document.parse(file)?;
        let read = request(line);
        match read.map_err(|reason| WorkloadFault::at(file, document.line, reason))? {
            Some(request) => workload.requests.push(request),
            None => workload.left_out += 1,
        }
    }
    Ok(workload)
}

/// The request of a row, whose cells are in the order of [`COLUMNS`], with or without [`BLOCKS`].
pub(super) fn of_cells(row: &[TraceCell]) -> Result<Option<TraceRequest>, String> {
    let [time, input, output, rest @ ..] = row else { return Err("lacks columns".to_owned()) };
    let [time_name, input_name, output_name] = COLUMNS;
    let timestamp = match time {
        TraceCell::Missing => return Err(cells::empty(time_name)),
        TraceCell::Whole(milliseconds) => Some(*milliseconds as f64),
        TraceCell::Number(milliseconds) => Some(*milliseconds),
        _ => None,
    };
    let hash_ids = match rest.first() {
        None | Some(TraceCell::Missing) => Vec::new(),
        Some(list) => blocks(list)?,
    };

    request(Line {
        timestamp,
        input_length: Some(cells::length(input, input_name)?.into()),
        output_length: Some(cells::length(output, output_name)?.into()),
        hash_ids,
    })
}

fn blocks(cell: &TraceCell) -> Result<Vec<u64>, String> {
    let no_numbers = || format!("`{BLOCKS}` is not a list of whole numbers");
    let TraceCell::List(items) = cell else { return Err(no_numbers()) };
    let mut numbers = Vec::with_capacity(items.len());
    for item in items {
        let TraceCell::Whole(number) = item else { return Err(no_numbers()) };
        numbers.push(u64::try_from(*number).map_err(|_| no_numbers())?);
    }
    Ok(numbers)
}

/// The request of a line; `None` for one that was not answered.
fn request(line: Line) -> Result<Option<TraceRequest>, String> {
    let (Some(input), Some(output)) = (line.input_length, line.output_length) else {
        return Err("a request without `input_length` and `output_length`".to_owned());
    };
    let milliseconds = line.timestamp.filter(|time| time.is_finite() && *time >= 0.0);
    let milliseconds = milliseconds.ok_or("`timestamp` is not a time in milliseconds")?;
    let (count, output_tokens) = (tokens(input)?, tokens(output)?);
    if count == 0 || output_tokens == 0 {
        return Ok(None);
    }

    // what lies beyond the length says nothing
    let mut blocks = line.hash_ids;
    blocks.truncate(usize::try_from(count.div_ceil(TOKENS_OF_A_BLOCK)).unwrap_or(usize::MAX));
    let input = TraceInput::Tokens { count, blocks };
    Ok(Some(TraceRequest { at_s: milliseconds / 1000.0, input, output_tokens }))
}
