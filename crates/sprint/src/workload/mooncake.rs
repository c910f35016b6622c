//! Mooncake's traces (Qin et al., FAST 2025): JSON Lines with `timestamp` in milliseconds, `input_length`,
//! `output_length` and `hash_ids`, a number for each block of 512 tokens that tells equal beginnings.

use infercost_text::json::documents;
use serde::Deserialize;

use super::{TraceInput, TraceRequest, TraceWorkload, WorkloadFault, tokens};

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
        TraceWorkload { format: "Mooncake".to_owned(), has_arrivals: true, ..TraceWorkload::default() };
    for document in documents(file, text)? {
        let line: Line = document.parse(file)?;
        let at = |reason: &str| WorkloadFault::at(file, document.line, reason);

        let (Some(input), Some(output)) = (line.input_length, line.output_length) else {
            return Err(at("a request without `input_length` and `output_length`"));
        };
        let milliseconds = line.timestamp.filter(|time| time.is_finite() && *time >= 0.0);
        let milliseconds = milliseconds.ok_or_else(|| at("`timestamp` is not a time in milliseconds"))?;
        let count = tokens(input).map_err(|reason| at(&reason))?;
        let output_tokens = tokens(output).map_err(|reason| at(&reason))?;
        if count == 0 || output_tokens == 0 {
            workload.left_out += 1;
            continue;
        }

        let input = TraceInput::Tokens { count, blocks: line.hash_ids };
        workload.requests.push(TraceRequest { at_s: milliseconds / 1000.0, input, output_tokens });
    }
    Ok(workload)
}
