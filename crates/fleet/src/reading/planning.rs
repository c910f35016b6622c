//! Statements that only read, planned and run, wherever they run.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::Result as EngineResult;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use crate::tables::schema::UTC;

/// What holds of every query, in this process and on a cluster.
pub(crate) fn session_config(partitions: usize) -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(partitions).with_information_schema(true);
    let options = config.options_mut();
    options.execution.time_zone = Some(UTC.to_owned());
    options.execution.parquet.pushdown_filters = true;
    config
}

/// The plan of a query that only reads; at most so many rows of its answer are returned.
pub(crate) async fn plan(
    context: &SessionContext,
    sql: &str,
    most: Option<usize>,
) -> EngineResult<DataFrame> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = context.sql_with_options(sql, options).await?;
    match most {
        Some(most) if !is_about_a_plan(&frame) => frame.limit(0, Some(most)),
        _ => Ok(frame),
    }
}

/// True for answers of a few lines that stand alone: they cannot be limited.
fn is_about_a_plan(frame: &DataFrame) -> bool {
    matches!(
        frame.logical_plan(),
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    )
}

/// The answer, in one batch at least: columns are known where there are no rows, too.
pub(crate) async fn collect(frame: DataFrame) -> EngineResult<Vec<RecordBatch>> {
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let mut batches = frame.collect().await?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}
