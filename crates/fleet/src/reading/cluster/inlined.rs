//! Tables that go into the plan itself, since executors do not see this process's memory.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan, LogicalPlanBuilder, col, lit};

/// The rows of a small table, of which there is one at least.
pub(super) fn rows(batch: &RecordBatch) -> EngineResult<LogicalPlan> {
    let mut rows = Vec::with_capacity(batch.num_rows());
    for place in 0..batch.num_rows() {
        let mut row = Vec::with_capacity(batch.num_columns());
        for column in batch.columns() {
            row.push(lit(ScalarValue::try_from_array(column, place)?));
        }
        rows.push(row);
    }

    // columns of values are called column1, column2 and so on, wherever a plan is read again
    let mut named = Vec::with_capacity(batch.num_columns());
    for (place, field) in batch.schema().fields().iter().enumerate() {
        named.push(col(format!("column{}", place + 1)).alias(field.name()));
    }
    LogicalPlanBuilder::values(rows)?.project(named)?.build()
}

/// A table without rows.
pub(super) fn none(schema: SchemaRef) -> EngineResult<LogicalPlan> {
    let schema = Arc::new(DFSchema::try_from(schema)?);
    Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }))
}
