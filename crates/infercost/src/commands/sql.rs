//! `infercost sql`: a query of the user's own over tables.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use infercost_fleet::reading::error::QueryError;
use infercost_fleet::reading::files::Days;
use infercost_fleet::reading::sql;
use infercost_run::usage;

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::fleet::EngineFlags;
use crate::output;
use crate::output::answer::delivery::{self, deliver};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost sql 'SELECT model, SUM(cost) FROM inferences GROUP BY model' tables
  infercost sql 'SELECT approx_percentile_cont(ttft_us, 0.95)
    FROM inferences' tables --json
  infercost sql 'DESCRIBE inferences' tables
      what columns there are
  infercost sql 'EXPLAIN SELECT COUNT(*) FROM inferences' /mnt/tables \\
    --cluster df://scheduler:50050

The tables are inferences, windows, evaluations and runs. Nothing is written, and no other file is read.")]
pub(crate) struct SqlCommand {
    /// One statement that only reads
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,

    /// Folders of tables, as `export --parquet` and `ingest` write them, or stores: s3://, gs://, az://, file://
    #[arg(value_name = "DIR|URL", required = true)]
    pub(crate) folders: Vec<PathBuf>,

    /// Rows that are shown at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) limit: usize,

    #[command(flatten)]
    pub(crate) engine: EngineFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

pub(crate) fn run(arguments: &SqlCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let engine = arguments.engine.open(&arguments.folders, Days::default())?;
    let answer = sql::answer(&engine, &arguments.query, arguments.limit).map_err(told)?;

    let shown = output::sql::answer(&answer, arguments.limit);
    deliver(&shown, &answer, None, &arguments.answer, global)?;
    for name in &engine.repeated {
        output::note(&format!("`{name}` lies in several of the folders, and is counted once"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is wrong with a statement is its author's to mend.
fn told(error: QueryError) -> anyhow::Error {
    match error {
        QueryError::Statement { .. } | QueryError::NotReading => usage(error.to_string()),
        other => other.into(),
    }
}
