//! Answers over folders of tables: by DataFusion in this process, with a limit of memory, or on a cluster.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::error::Result as EngineResult;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionContext;
use tokio::runtime::{Builder, Runtime};

use super::cluster::Cluster;
use super::cluster::address::ClusterAddress;
use super::error::QueryError;
use super::files::{Days, TableFiles};
use super::listing::listing;
use super::planning::{collect, plan, session_config};
use crate::tables::schema::Table;

/// Memory of a query where nobody gives another, in bytes.
pub const DEFAULT_MEMORY: usize = 2_000_000_000;
/// Stack of a thread: a plan is a tree, and its nodes call one another.
const STACK: usize = 64 << 20;
/// Those that used most are named where memory ran out.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN;

/// Answers queries over the tables of some folders.
pub struct Engine {
    runtime: Runtime,
    context: SessionContext,
    memory: usize,
    cluster: Option<Cluster>,
    /// Sources that lie in more than one folder, and are counted once.
    pub repeated: Vec<String>,
}

impl Engine {
    /// Opens folders of tables. Operators that need more than `memory` bytes together write to temporary files.
    ///
    /// # Errors
    /// Where a folder or a file is not as it should be.
    pub fn open(folders: &[PathBuf], days: Days, memory: usize) -> Result<Self, QueryError> {
        Self::over(TableFiles::open(folders, days)?, memory)
    }

    /// Opens folders of tables for queries on a cluster, which reads the same files under the same paths. They are checked
    /// here, as ever; a query that reads no file is answered in this process.
    ///
    /// # Errors
    /// Where the cluster cannot answer, or a folder or a file is not as it should be.
    pub fn on_cluster(folders: &[PathBuf], days: Days, address: &ClusterAddress) -> Result<Self, QueryError> {
        let mut cluster = Cluster::reach(address)?;
        let files = TableFiles::open(folders, days)?;
        cluster.register(&files)?;
        Ok(Self { cluster: Some(cluster), ..Self::over(files, DEFAULT_MEMORY)? })
    }

    /// The same over files that were listed and checked before.
    ///
    /// # Errors
    /// Where the engine cannot start.
    pub fn over(files: TableFiles, memory: usize) -> Result<Self, QueryError> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(QueryError::Start)?;

        let context = context(memory, threads).map_err(|error| QueryError::planning(&error))?;
        for table in Table::ALL {
            register(&context, table, files.of(table)).map_err(|error| QueryError::planning(&error))?;
        }
        Ok(Self { runtime, context, memory, cluster: None, repeated: files.repeated })
    }

    /// Adds a small table of this program's own.
    pub(crate) fn add(&self, name: &str, batch: RecordBatch) -> Result<(), QueryError> {
        if let Some(cluster) = &self.cluster {
            cluster.add(name, &batch)?;
        }
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]);
        let table = table.map_err(|error| QueryError::planning(&error))?;
        self.context.register_table(name, Arc::new(table)).map_err(|error| QueryError::planning(&error))?;
        Ok(())
    }

    /// Runs a query that only reads; at most so many rows of its answer are returned.
    ///
    /// # Errors
    /// Where the statement is wrong or does more than read, or the query fails.
    pub fn query(&self, sql: &str, most: Option<usize>) -> Result<Vec<RecordBatch>, QueryError> {
        let (context, sql, memory) = (self.context.clone(), sql.to_owned(), self.memory);
        let cluster = self.cluster.clone();

        // On a thread of the runtime, whose stack is large, and which no fault in the engine takes the program down with.
        // The plan is dropped there as well: that, too, goes down a tree.
        let task = self.runtime.spawn(async move {
            if let Some(cluster) = cluster
                && let Some(batches) = cluster.answer(&sql, most).await?
            {
                return Ok(batches);
            }
            let planned = plan(&context, &sql, most).await;
            let frame = planned.map_err(|error| QueryError::planning(&error))?;
            collect(frame).await.map_err(|error| QueryError::running(&error, memory))
        });

        match self.runtime.block_on(task) {
            Ok(answer) => answer,
            Err(_) => Err(QueryError::Failed {
                said: "a file or the statement is not what the engine expects".to_owned(),
            }),
        }
    }
}

fn context(memory: usize, threads: usize) -> EngineResult<SessionContext> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(memory), NAMED_CONSUMERS);
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc()?;
    Ok(SessionContext::new_with_config_rt(session_config(threads), runtime))
}

fn register(context: &SessionContext, table: Table, files: &[PathBuf]) -> EngineResult<()> {
    if files.is_empty() {
        let schema = table.schema();
        let empty = RecordBatch::new_empty(Arc::clone(&schema));
        context.register_table(table.name(), Arc::new(MemTable::try_new(schema, vec![vec![empty]])?))?;
    } else {
        context.register_table(table.name(), Arc::new(listing(table, files)?))?;
    }
    Ok(())
}
