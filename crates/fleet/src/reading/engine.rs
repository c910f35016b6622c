//! DataFusion in this process, over folders of tables, with a limit of memory.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use tokio::runtime::{Builder, Runtime};

use super::error::QueryError;
use super::files::{Days, TableFiles};
use crate::tables::schema::{Table, UTC};

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
        Ok(Self { runtime, context, memory, repeated: files.repeated })
    }

    /// Adds a small table of this program's own.
    pub(crate) fn add(&self, name: &str, batch: RecordBatch) -> Result<(), QueryError> {
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

        // On a thread of the runtime, whose stack is large, and which no fault in the engine takes the program down with.
        // The plan is dropped there as well: that, too, goes down a tree.
        let task = self.runtime.spawn(async move {
            let planned = plan(&context, &sql, most).await;
            let frame = planned.map_err(|error| QueryError::planning(&error))?;
            let schema = Arc::new(frame.schema().as_arrow().clone());
            let collected = frame.collect().await;
            let mut batches = collected.map_err(|error| QueryError::running(&error, memory))?;
            if batches.is_empty() {
                batches.push(RecordBatch::new_empty(schema));
            }
            Ok(batches)
        });

        match self.runtime.block_on(task) {
            Ok(answer) => answer,
            Err(_) => Err(QueryError::Failed {
                said: "a file or the statement is not what the engine expects".to_owned(),
            }),
        }
    }
}

/// The plan of a query that only reads.
async fn plan(context: &SessionContext, sql: &str, most: Option<usize>) -> EngineResult<DataFrame> {
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

fn context(memory: usize, threads: usize) -> EngineResult<SessionContext> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(memory), NAMED_CONSUMERS);
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc()?;
    let mut config = SessionConfig::new().with_target_partitions(threads).with_information_schema(true);
    let options = config.options_mut();
    options.execution.time_zone = Some(UTC.to_owned());
    options.execution.parquet.pushdown_filters = true;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

fn register(context: &SessionContext, table: Table, files: &[PathBuf]) -> EngineResult<()> {
    let schema = table.schema();
    if files.is_empty() {
        let empty = RecordBatch::new_empty(Arc::clone(&schema));
        context.register_table(table.name(), Arc::new(MemTable::try_new(schema, vec![vec![empty]])?))?;
        return Ok(());
    }

    let mut urls = Vec::with_capacity(files.len());
    for file in files {
        urls.push(ListingTableUrl::parse(file_url(file)?)?);
    }
    // each file is named, whatever it is called
    let options = ListingOptions::new(Arc::new(ParquetFormat::new())).with_file_extension("");
    let config =
        ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(schema);
    context.register_table(table.name(), Arc::new(ListingTable::try_new(config)?))?;
    Ok(())
}

/// The address of a file, in which nothing but letters, digits and a few marks stand for themselves: no name is taken for
/// a pattern.
fn file_url(path: &Path) -> EngineResult<String> {
    let not_text = || DataFusionError::Plan(format!("the path {} is not UTF-8", path.display()));
    let text = path.to_str().ok_or_else(not_text)?;
    let mut url = String::from("file://");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(url)
}
