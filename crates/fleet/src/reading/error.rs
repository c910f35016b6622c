//! Why a question has no answer.

use datafusion::error::DataFusionError;
use infercost_core::text::printable_up_to;
use thiserror::Error;

use super::cluster::address::ClusterAddress;
use crate::tables::error::TablesError;

/// Characters of what the engine says that are shown.
const LONGEST: usize = 400;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The tables cannot be read.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// The engine cannot start.
    #[error("cannot start the query engine")]
    Start(#[source] std::io::Error),
    /// The statement does more than read the tables.
    #[error("the tables are only read; write one SELECT, DESCRIBE or EXPLAIN")]
    NotReading,
    /// The statement is wrong.
    #[error("{said}")]
    Statement {
        /// What the engine says.
        said: String,
    },
    /// The memory does not suffice, spilling included.
    #[error(
        "the query needs more memory than {limit_mb} MB even with spilling; give more with --memory ({said})"
    )]
    Memory {
        /// The limit, in millions of bytes.
        limit_mb: usize,
        /// What the engine says.
        said: String,
    },
    /// The engine failed while it ran.
    #[error("the query failed: {said}")]
    Failed {
        /// What the engine says.
        said: String,
    },
    /// This build has no client of clusters.
    #[error(
        "this infercost was built without a client of clusters; build it with `--features cluster`, or leave --cluster out"
    )]
    NoClient,
    /// Nobody answers where the scheduler should be.
    #[error("no answer from a scheduler at {address} ({said}); start one there, or leave --cluster out")]
    Unreachable {
        /// Where.
        address: ClusterAddress,
        /// What the system says.
        said: String,
    },
    /// Something else answers there.
    #[error("what answers at {address} is no Ballista scheduler of version {known}")]
    NoScheduler {
        /// Where.
        address: ClusterAddress,
        /// The version that is spoken here.
        known: String,
    },
    /// The scheduler speaks another version.
    #[error(
        "the scheduler at {address} is of version {version}; this infercost asks those of version {known} alone"
    )]
    OtherBallista {
        /// Where.
        address: ClusterAddress,
        /// Its version.
        version: String,
        /// The version that is spoken here.
        known: String,
    },
    /// There is nobody to run a query.
    #[error("the scheduler at {address} has no executor, or fewer than it waits for; start one")]
    NoExecutors {
        /// Where.
        address: ClusterAddress,
    },
    /// The cluster reads other files.
    #[error(
        "the cluster at {address} finds {there} rows in `{table}`, where the files hold {here}; each of its machines must \
         see the same files under the same paths"
    )]
    OtherRows {
        /// Where.
        address: ClusterAddress,
        /// Of which table.
        table: &'static str,
        /// Rows of the files, as they say here.
        here: u64,
        /// Rows that the cluster finds.
        there: u64,
    },
    /// The cluster failed while it ran.
    #[error("the query failed on the cluster at {address}: {said}")]
    OnCluster {
        /// Where.
        address: ClusterAddress,
        /// What the cluster says.
        said: String,
    },
    /// A sum does not fit.
    #[error("a sum does not fit 38 digits")]
    Overflow,
    /// An answer has another shape than was asked for; a fault of this program.
    #[error("the answer lacks the column `{column}`")]
    Shape {
        /// Which.
        column: &'static str,
    },
}

impl QueryError {
    /// What went wrong before anything ran.
    pub(crate) fn planning(error: &DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::Plan(plan) if plan.contains("not supported") => Self::NotReading,
            root => Self::Statement { said: in_one_line(&root.message()) },
        }
    }

    /// What went wrong while it ran.
    pub(crate) fn running(error: &DataFusionError, memory: usize) -> Self {
        let said = said(error);
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory { limit_mb: memory / 1_000_000, said },
            _ => Self::Failed { said },
        }
    }

    /// What went wrong while a cluster ran it.
    #[cfg(feature = "cluster")]
    pub(crate) fn on_cluster(error: &DataFusionError, address: &ClusterAddress) -> Self {
        Self::OnCluster { address: address.clone(), said: said(error) }
    }
}

/// One line, cut, with control characters escaped.
fn said(error: &DataFusionError) -> String {
    in_one_line(&error.strip_backtrace())
}

fn in_one_line(said: &str) -> String {
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    printable_up_to(&line, LONGEST).into_owned()
}
