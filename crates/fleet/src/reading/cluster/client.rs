//! A Ballista cluster that answers in place of this process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ballista_core::config::BALLISTA_SCHEDULER_SHARE_FILE_STATISTICS_CACHE;
use ballista_core::extension::{SessionConfigExt, SessionStateExt};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::ViewTable;
use datafusion::error::Result as EngineResult;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use super::address::ClusterAddress;
use super::{inlined, scheduler};
use crate::reading::error::QueryError;
use crate::reading::files::TableFiles;
use crate::reading::listing::listing;
use crate::reading::planning::{collect, plan, session_config};
use crate::tables::schema::Table;

/// Partitions of a query: what Ballista's own clients ask for. How many run at once is the executors' to say.
const PARTITIONS: usize = 16;

/// A cluster whose scheduler has answered.
#[derive(Clone)]
pub(crate) struct Cluster {
    address: ClusterAddress,
    context: SessionContext,
    /// Rows of each table, as the files say here.
    rows: BTreeMap<Table, u64>,
    /// Tables of which the cluster has found as many.
    found: Arc<Mutex<BTreeSet<Table>>>,
}

impl Cluster {
    /// Makes sure that a cluster can answer.
    ///
    /// # Errors
    /// Where it cannot.
    pub(crate) fn reach(address: &ClusterAddress) -> Result<Self, QueryError> {
        scheduler::check(address)?;
        let context = context(address).map_err(|error| QueryError::planning(&error))?;
        Ok(Self { address: address.clone(), context, rows: BTreeMap::new(), found: Arc::default() })
    }

    /// Names the tables and their files.
    pub(crate) fn register(&mut self, files: &TableFiles) -> Result<(), QueryError> {
        for table in Table::ALL {
            self.rows.insert(table, files.rows(table));
            register(&self.context, table, files).map_err(|error| QueryError::planning(&error))?;
        }
        Ok(())
    }

    /// Adds a small table.
    pub(crate) fn add(&self, name: &str, batch: &RecordBatch) -> Result<(), QueryError> {
        let view = inlined::rows(batch).map(|plan| ViewTable::new(plan, None));
        let view = view.map_err(|error| QueryError::planning(&error))?;
        self.context.register_table(name, Arc::new(view)).map_err(|error| QueryError::planning(&error))?;
        Ok(())
    }

    /// Answers a query that only reads, with so many rows at most; `None` for one that reads no file of the tables.
    pub(crate) async fn answer(
        &self,
        sql: &str,
        most: Option<usize>,
    ) -> Result<Option<Vec<RecordBatch>>, QueryError> {
        let planned = plan(&self.context, sql, most).await;
        let frame = planned.map_err(|error| QueryError::planning(&error))?;

        // once optimized, what reads an empty table alone reads nothing
        let optimized = self.context.state().optimize(frame.logical_plan());
        let tables = optimized.and_then(|plan| tables_read(&plan));
        let tables = tables.map_err(|error| QueryError::planning(&error))?;
        if tables.is_empty() {
            return Ok(None);
        }

        for table in tables {
            self.check_rows(table).await?;
        }
        match collect(frame).await {
            Ok(batches) => Ok(Some(batches)),
            Err(error) => Err(QueryError::on_cluster(&error, &self.address)),
        }
    }

    /// Holds the rows that the cluster finds to those of the files here, once. A scheduler passes over a file that it does
    /// not find, without an error.
    async fn check_rows(&self, table: Table) -> Result<(), QueryError> {
        if self.found.lock().unwrap_or_else(PoisonError::into_inner).contains(&table) {
            return Ok(());
        }

        let failed = |error| QueryError::on_cluster(&error, &self.address);
        let sql = format!("SELECT COUNT(*) FROM {}", table.name());
        let frame = plan(&self.context, &sql, None).await.map_err(failed)?;
        let there = count(&collect(frame).await.map_err(failed)?)?;
        let here = self.rows.get(&table).copied().unwrap_or(0);
        if there != here {
            let (address, table) = (self.address.clone(), table.name());
            return Err(QueryError::OtherRows { address, table, here, there });
        }

        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(table);
        Ok(())
    }
}

/// Plans here, runs there.
fn context(address: &ClusterAddress) -> EngineResult<SessionContext> {
    let config = session_config(PARTITIONS).upgrade_for_ballista();
    // what a scheduler remembers of files is from before
    let config = config.set_bool(BALLISTA_SCHEDULER_SHARE_FILE_STATISTICS_CACHE, false);
    let state = SessionStateBuilder::new().with_default_features().with_config(config).build();
    Ok(SessionContext::new_with_state(state.upgrade_for_ballista(address.http())?))
}

fn register(context: &SessionContext, table: Table, files: &TableFiles) -> EngineResult<()> {
    let files = files.of(table);
    if files.is_empty() {
        let view = ViewTable::new(inlined::none(table.schema())?, None);
        context.register_table(table.name(), Arc::new(view))?;
    } else {
        context.register_table(table.name(), Arc::new(listing(table, files)?))?;
    }
    Ok(())
}

/// The tables whose files a plan reads.
fn tables_read(plan: &LogicalPlan) -> EngineResult<BTreeSet<Table>> {
    let mut tables = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let name = scan.table_name.table();
            tables.extend(Table::ALL.into_iter().find(|table| table.name() == name));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(tables)
}

/// The one number of an answer.
fn count(batches: &[RecordBatch]) -> Result<u64, QueryError> {
    let column = batches.iter().find(|batch| batch.num_rows() == 1).and_then(|batch| batch.columns().first());
    let number = column.and_then(|column| column.as_primitive_opt::<Int64Type>());
    match number {
        Some(number) if number.is_valid(0) => Ok(u64::try_from(number.value(0)).unwrap_or(0)),
        _ => Err(QueryError::Shape { column: "count" }),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    /// What a plan reads decides where it runs. Nothing listens at this address.
    #[tokio::test]
    async fn what_reads_no_file_stays_here() {
        let address: ClusterAddress = "df://127.0.0.1:1".parse().unwrap();
        let context = context(&address).unwrap();
        let file = ["/tables/inferences/x-0.parquet".into()];
        context.register_table("inferences", Arc::new(listing(Table::Inferences, &file).unwrap())).unwrap();
        let empty = inlined::none(Table::Windows.schema()).unwrap();
        context.register_table("windows", Arc::new(ViewTable::new(empty, None))).unwrap();

        for (sql, wanted) in [
            ("SELECT 1", 0),
            ("DESCRIBE inferences", 0),
            ("SELECT table_name FROM information_schema.tables", 0),
            ("SELECT COUNT(*) FROM generate_series(1, 9)", 0),
            ("SELECT model, SUM(energy_j) FROM windows GROUP BY model", 0),
            ("SELECT COUNT(*) FROM inferences", 1),
            ("EXPLAIN SELECT COUNT(*) FROM inferences", 1),
            ("EXPLAIN ANALYZE SELECT COUNT(*) FROM inferences", 1),
            ("SELECT 1 WHERE 1 < (SELECT COUNT(*) FROM inferences)", 1),
            ("SELECT model FROM inferences UNION ALL SELECT model FROM windows", 1),
        ] {
            let frame = plan(&context, sql, Some(5)).await.unwrap();
            let optimized = context.state().optimize(frame.logical_plan()).unwrap();
            assert_eq!(tables_read(&optimized).unwrap().len(), wanted, "{sql}");
        }
    }
}
