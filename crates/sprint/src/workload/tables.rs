//! Tables of lengths: BurstGPT's and the Azure LLM inference trace's columns.

use infercost_core::TraceCell;
use infercost_text::{Row, Table};

use super::{TraceInput, TraceRequest, TraceWorkload, WorkloadFault, cells};

/// A public table: its name, and its columns in small letters.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) format: &'static str,
    pub(super) time: &'static str,
    pub(super) input: &'static str,
    pub(super) output: &'static str,
}

/// BurstGPT (Wang et al., arXiv 2401.17644): `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`, in
/// seconds, from version 2.0 on with `Session ID` and `Elapsed time`; a failed request has 0 response tokens. Azure
/// (Patel et al., *Splitwise*, ISCA 2024): `TIMESTAMP,ContextTokens,GeneratedTokens`, dates with fractions of seconds.
const TABLES: [Columns; 2] = [
    Columns { format: "BurstGPT", time: "timestamp", input: "request tokens", output: "response tokens" },
    Columns {
        format: "Azure LLM inference",
        time: "timestamp",
        input: "contexttokens",
        output: "generatedtokens",
    },
];

/// Names that show that lengths were meant.
const LENGTHS: [&str; 4] = ["request tokens", "response tokens", "contexttokens", "generatedtokens"];

/// The table that has columns of these names, in small letters; `None` where it is none of them.
pub(super) fn find(names: &[String]) -> Option<Result<&'static Columns, String>> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let found = TABLES.iter().find(|columns| has(columns.input) && has(columns.output));
    match found {
        Some(columns) if has(columns.time) => Some(Ok(columns)),
        Some(columns) => {
            Some(Err(format!("has the lengths of {}, and no column `{}`", columns.format, columns.time)))
        }
        None if has("timestamp") && !has("prompt") => {
            let lengths = LENGTHS.join("`, `");
            Some(Err(format!("is a trace without lengths: none of `{lengths}` is a column")))
        }
        None => None,
    }
}

/// Reads one of the tables; `None` where the header is of none.
pub(super) fn read(file: &str, text: &str) -> Option<Result<TraceWorkload, WorkloadFault>> {
    let table = Table::parse(file, text).ok()?;
    Some(match find(table.names())? {
        Ok(columns) => rows(file, &table, columns),
        Err(reason) => Err(WorkloadFault::of_file(file, reason)),
    })
}

fn rows(file: &str, table: &Table, columns: &Columns) -> Result<TraceWorkload, WorkloadFault> {
    let mut workload =
        TraceWorkload { format: columns.format.to_owned(), has_arrivals: true, ..TraceWorkload::default() };
    for row in table.rows() {
        let [time, input, output] = [columns.time, columns.input, columns.output].map(|name| cell(row, name));
        let read = request(columns, &time, &input, &output);
        match read.map_err(|reason| WorkloadFault::at(file, row.line, reason))? {
            Some(request) => workload.requests.push(request),
            None => workload.left_out += 1,
        }
    }
    Ok(workload)
}

fn cell(row: Row<'_>, column: &str) -> TraceCell {
    row.get(column).map_or(TraceCell::Missing, |text| TraceCell::Text(text.trim().to_owned()))
}

/// The request of a row; `None` for one that was not answered.
pub(super) fn request(
    columns: &Columns,
    time: &TraceCell,
    input: &TraceCell,
    output: &TraceCell,
) -> Result<Option<TraceRequest>, String> {
    let at_s = cells::time(time, columns.time)?;
    let count = cells::length(input, columns.input)?;
    let output_tokens = cells::length(output, columns.output)?;
    if count == 0 || output_tokens == 0 {
        return Ok(None);
    }
    let input = TraceInput::Tokens { count, blocks: Vec::new() };
    Ok(Some(TraceRequest { at_s, input, output_tokens }))
}
