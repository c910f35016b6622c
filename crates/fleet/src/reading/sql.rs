//! An answer to a statement of a user's own, cell by cell.

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::Serialize;

use super::engine::Engine;
use super::error::QueryError;

/// Bytes of a statement that are read: no tree of terms is then deeper than the engine's stack.
const LONGEST_STATEMENT: usize = 10_000;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqlAnswer {
    /// `infercost.sql/1`.
    pub schema: &'static str,
    /// In the order of the statement.
    pub columns: Vec<SqlColumn>,
    /// Rows, each with a cell a column: text, as exact as it is held; `None` is null.
    pub rows: Vec<Vec<Option<String>>>,
    /// True where there were more rows than were asked for.
    pub is_cut: bool,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqlColumn {
    /// Its name.
    pub name: String,
    /// Its type, as Arrow names it.
    #[serde(rename = "type")]
    pub data_type: String,
    /// True for numbers.
    #[serde(skip)]
    pub is_number: bool,
}

/// Answers a statement that only reads, with so many rows at most.
///
/// # Errors
/// Where it is wrong, does more than read, or fails.
pub fn answer(engine: &Engine, statement: &str, most: usize) -> Result<SqlAnswer, QueryError> {
    if statement.len() > LONGEST_STATEMENT {
        return Err(QueryError::Statement { said: "the statement is longer than 10,000 bytes".to_owned() });
    }
    // one more shows that there are more
    let batches = engine.query(statement, Some(most.saturating_add(1)))?;
    let mut answer =
        SqlAnswer { schema: "infercost.sql/1", columns: columns(&batches), rows: Vec::new(), is_cut: false };

    for batch in &batches {
        let wrong = |error: ArrowError| QueryError::Failed { said: error.to_string() };
        append(batch, &mut answer.rows).map_err(wrong)?;
    }
    answer.is_cut = answer.rows.len() > most;
    answer.rows.truncate(most);
    Ok(answer)
}

fn columns(batches: &[RecordBatch]) -> Vec<SqlColumn> {
    let mut columns = Vec::new();
    let Some(first) = batches.first() else { return columns };
    for field in first.schema().fields() {
        let data_type = field.data_type();
        columns.push(SqlColumn {
            name: field.name().clone(),
            is_number: data_type.is_numeric(),
            data_type: match data_type {
                DataType::Utf8View | DataType::LargeUtf8 => "Utf8".to_owned(),
                other => other.to_string(),
            },
        });
    }
    columns
}

fn append(batch: &RecordBatch, rows: &mut Vec<Vec<Option<String>>>) -> Result<(), ArrowError> {
    let options = FormatOptions::default();
    let mut formatters = Vec::with_capacity(batch.num_columns());
    for column in batch.columns() {
        formatters.push((column, ArrayFormatter::try_new(column.as_ref(), &options)?));
    }

    for place in 0..batch.num_rows() {
        let mut row = Vec::with_capacity(formatters.len());
        for (column, formatter) in &formatters {
            let column: &ArrayRef = column;
            let cell =
                if column.is_null(place) { None } else { Some(formatter.value(place).try_to_string()?) };
            row.push(cell);
        }
        rows.push(row);
    }
    Ok(())
}
