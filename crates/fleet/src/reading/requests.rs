//! Requests of tables in the order in which they came, as somebody would send them again.
//!
//! Production came at its own times. Of a recorded run the baseline's requests count, as the others answered the same, and
//! what was measured again counts once. Those that were sent at a rate have times of their own, and single ones, which waited
//! for one another, have none. Where some have times, only these are taken.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};

use super::engine::Engine;
use super::error::QueryError;

/// A request of the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimedRequest {
    /// When it was issued, in µs since 1970.
    pub issued_at_us: i64,
    /// Tokens of its prompt; above 0.
    pub input_tokens: u64,
    /// Tokens of its answer; above 0.
    pub output_tokens: u64,
    /// Its prompt, where the tables have it.
    pub prompt: Option<String>,
    /// The id of its prompt.
    pub prompt_id: Option<String>,
    /// Its conversation or session.
    pub session: Option<String>,
    /// Where its row comes from: ids of prompts and sessions are its own.
    pub source: String,
}

/// The first requests of the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimedRequests {
    /// In the order in which they were issued.
    pub requests: Vec<TimedRequest>,
    /// How many there are.
    pub held: u64,
    /// Those that failed, or do not say when they came or how long they were.
    pub left_out: u64,
    /// True where they came at their own times.
    pub has_arrivals: bool,
}

/// Rows with what tells whether they are to be sent again. A point of load at a rate is called `2.5 requests/s`.
const ROWS: &str = "\
WITH baselines AS (
    SELECT source, MIN(model) AS model FROM runs WHERE baseline GROUP BY source
), wanted AS (
    SELECT
        i.*,
        COALESCE(i.kind <> 'run' OR i.operating_point LIKE '%requests/s', FALSE) AS is_timed,
        COALESCE(NOT i.failed AND i.issued_at IS NOT NULL AND i.input_tokens > 0 AND i.output_tokens > 0, FALSE)
            AS is_whole
    FROM inferences i LEFT JOIN baselines b ON b.source = i.source
    WHERE i.counted AND (i.kind <> 'run' OR b.model IS NULL OR b.model IS NOT DISTINCT FROM i.model)
)";

/// The first `most` requests of the tables.
///
/// # Errors
/// [`QueryError`] where a file cannot be read, or the memory does not suffice.
pub fn requests(engine: &Engine, most: usize) -> Result<TimedRequests, QueryError> {
    let counted = engine.query(
        &format!(
            "{ROWS}
SELECT
    COUNT(*) AS all_rows,
    COUNT(*) FILTER (WHERE is_whole) AS all_whole,
    COUNT(*) FILTER (WHERE is_timed) AS timed_rows,
    COUNT(*) FILTER (WHERE is_timed AND is_whole) AS timed_whole
FROM wanted"
        ),
        None,
    )?;
    let count = |name: &'static str| count(&counted, name);
    let has_arrivals = count("timed_rows")? > 0;
    let (rows, held, condition) = if has_arrivals {
        (count("timed_rows")?, count("timed_whole")?, "is_timed AND is_whole")
    } else {
        (count("all_rows")?, count("all_whole")?, "is_whole")
    };

    let batches = engine.query(
        &format!(
            "{ROWS}
SELECT issued_at, input_tokens, output_tokens, prompt, prompt_id, session, source
FROM wanted WHERE {condition}
ORDER BY issued_at, source, span_id, prompt_id, repetition
LIMIT {most}"
        ),
        None,
    )?;
    let mut requests = Vec::new();
    for batch in &batches {
        append(batch, &mut requests)?;
    }
    Ok(TimedRequests { requests, held, left_out: rows.saturating_sub(held), has_arrivals })
}

fn append(batch: &RecordBatch, requests: &mut Vec<TimedRequest>) -> Result<(), QueryError> {
    let issued_at = column(batch, "issued_at", &DataType::Int64)?;
    let input_tokens = column(batch, "input_tokens", &DataType::Int64)?;
    let output_tokens = column(batch, "output_tokens", &DataType::Int64)?;
    let prompt = column(batch, "prompt", &DataType::LargeUtf8)?;
    let prompt_id = column(batch, "prompt_id", &DataType::LargeUtf8)?;
    let session = column(batch, "session", &DataType::LargeUtf8)?;
    let source = column(batch, "source", &DataType::LargeUtf8)?;

    for row in 0..batch.num_rows() {
        requests.push(TimedRequest {
            issued_at_us: number(&issued_at, row),
            input_tokens: u64::try_from(number(&input_tokens, row)).unwrap_or_default(),
            output_tokens: u64::try_from(number(&output_tokens, row)).unwrap_or_default(),
            prompt: text(&prompt, row),
            prompt_id: text(&prompt_id, row),
            session: text(&session, row),
            source: text(&source, row).unwrap_or_default(),
        });
    }
    Ok(())
}

fn count(batches: &[RecordBatch], name: &'static str) -> Result<u64, QueryError> {
    let batch = batches.iter().find(|batch| batch.num_rows() > 0);
    let batch = batch.ok_or(QueryError::Shape { column: name })?;
    let counts = column(batch, name, &DataType::Int64)?;
    Ok(u64::try_from(number(&counts, 0)).unwrap_or_default())
}

fn column(batch: &RecordBatch, name: &'static str, wanted: &DataType) -> Result<ArrayRef, QueryError> {
    let found = batch.column_by_name(name).ok_or(QueryError::Shape { column: name })?;
    cast(found, wanted).map_err(|_| QueryError::Shape { column: name })
}

fn number(column: &ArrayRef, row: usize) -> i64 {
    let column = column.as_primitive::<Int64Type>();
    if column.is_valid(row) { column.value(row) } else { 0 }
}

fn text(column: &ArrayRef, row: usize) -> Option<String> {
    let column = column.as_string::<i64>();
    column.is_valid(row).then(|| column.value(row).to_owned())
}
