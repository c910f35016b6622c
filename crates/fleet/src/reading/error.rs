//! Why a question has no answer.

use datafusion::error::DataFusionError;
use infercost_core::text::printable_up_to;
use thiserror::Error;

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
    #[error("only queries that read the tables are allowed ({said})")]
    NotReading {
        /// What the engine says.
        said: String,
    },
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
        let said = said(error);
        match error.find_root() {
            DataFusionError::Plan(plan) if plan.contains("not supported") => Self::NotReading { said },
            _ => Self::Statement { said },
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
}

/// One line, cut, with control characters escaped.
fn said(error: &DataFusionError) -> String {
    let whole = error.strip_backtrace();
    let line = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    printable_up_to(&line, LONGEST).into_owned()
}
