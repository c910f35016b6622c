//! Tables of lengths: BurstGPT's and the Azure LLM inference trace's columns.

use infercost_text::{Row, Table};
use jiff::civil::DateTime;

use super::{TraceInput, TraceRequest, TraceWorkload, WorkloadFault, tokens};

/// A public table: its name, and its columns in small letters.
struct Columns {
    format: &'static str,
    time: &'static str,
    input: &'static str,
    output: &'static str,
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

/// Reads one of the tables; `None` where the header is of none.
pub(super) fn read(file: &str, text: &str) -> Option<Result<TraceWorkload, WorkloadFault>> {
    let table = Table::parse(file, text).ok()?;
    let found = TABLES.iter().find(|columns| has(&table, columns.input) && has(&table, columns.output));

    match found {
        Some(columns) if has(&table, columns.time) => Some(rows(file, &table, columns)),
        Some(columns) => {
            let reason = format!("has the lengths of {}, and no column `{}`", columns.format, columns.time);
            Some(Err(WorkloadFault::of_file(file, reason)))
        }
        None if has(&table, "timestamp") && !has(&table, "prompt") => {
            let lengths = LENGTHS.join("`, `");
            let reason = format!("is a trace without lengths: none of `{lengths}` is a column");
            Some(Err(WorkloadFault::of_file(file, reason)))
        }
        None => None,
    }
}

fn has(table: &Table, name: &str) -> bool {
    table.names().iter().any(|known| known == name)
}

fn rows(file: &str, table: &Table, columns: &Columns) -> Result<TraceWorkload, WorkloadFault> {
    let mut workload =
        TraceWorkload { format: columns.format.to_owned(), has_arrivals: true, ..TraceWorkload::default() };
    for row in table.rows() {
        let at_s = time(cell(file, row, columns.time)?)
            .ok_or_else(|| WorkloadFault::at(file, row.line, format!("`{}` is not a time", columns.time)))?;
        let input = length(file, row, columns.input)?;
        let output_tokens = length(file, row, columns.output)?;
        if input == 0 || output_tokens == 0 {
            workload.left_out += 1;
            continue;
        }
        let input = TraceInput::Tokens { count: input, blocks: Vec::new() };
        workload.requests.push(TraceRequest { at_s, input, output_tokens });
    }
    Ok(workload)
}

fn cell<'a>(file: &str, row: Row<'a>, column: &str) -> Result<&'a str, WorkloadFault> {
    let cell = row.get(column).map(str::trim);
    cell.ok_or_else(|| WorkloadFault::at(file, row.line, format!("`{column}` is empty")))
}

fn length(file: &str, row: Row<'_>, column: &str) -> Result<u32, WorkloadFault> {
    let text = cell(file, row, column)?;
    let count = text.parse::<u64>().map_err(|_| format!("`{column}` is not a number of tokens"));
    count.and_then(tokens).map_err(|reason| WorkloadFault::at(file, row.line, reason))
}

/// Seconds, or a date with a time of day, in seconds since some day.
fn time(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then_some(seconds);
    }
    let text = text.trim_end_matches('Z');
    let text = text.split_once('+').map_or(text, |(local, _)| local);
    let at: DateTime = text.replace(' ', "T").parse().ok()?;
    let epoch = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
    Some(at.duration_since(epoch).as_secs_f64())
}
