//! `--workload` of Parquet: a public trace by its columns, or requests of tables that infercost wrote.

use std::path::Path;

use infercost_core::TraceCell;
use infercost_fleet::reading::engine::{DEFAULT_MEMORY, Engine};
use infercost_fleet::reading::error::QueryError;
use infercost_fleet::reading::files::{Days, TableFiles};
use infercost_fleet::reading::parquet_rows::ParquetRows;
use infercost_fleet::reading::requests::{TimedRequest, TimedRequests, requests};
use infercost_fleet::tables::schema::Table;
use infercost_run::usage;
use infercost_sprint::workload::{TraceCall, TraceRows, TraceWorkload, of_calls};

/// Reads a Parquet file, or a folder of tables: its first requests, so many.
///
/// # Errors
/// A usage error that names the file and what is wrong with it.
pub(crate) fn read(path: &Path, most: usize) -> anyhow::Result<TraceWorkload> {
    if path.is_dir() {
        let engine = Engine::open(&[path.to_owned()], Days::default(), DEFAULT_MEMORY);
        return of_tables(path, &engine.map_err(|error| said(path, &error))?, most);
    }

    let file = ParquetRows::open(path).map_err(|error| usage(chain(&error)))?;
    match file.table() {
        None => of_public_trace(path, &file, most),
        Some(name) if name == Table::Inferences.name() => {
            let files = TableFiles::of_file(path, Table::Inferences).map_err(|error| usage(chain(&error)))?;
            let engine = Engine::over(files, DEFAULT_MEMORY).map_err(|error| said(path, &error))?;
            of_tables(path, &engine, most)
        }
        Some(name) => Err(usage(format!(
            "{}: a part of the table `{}`; requests are in `{}`: name one of its files, or the folder of the tables",
            path.display(),
            infercost_text::shown(name),
            Table::Inferences.name()
        ))),
    }
}

fn of_public_trace(path: &Path, file: &ParquetRows, most: usize) -> anyhow::Result<TraceWorkload> {
    let name = infercost_text::display_name(path);
    let mut rows = TraceRows::of(&name, file.columns(), most).map_err(|fault| usage(fault.to_string()))?;
    let wanted = rows.wanted().to_vec();

    let mut fault = None;
    let mut take = |row: u64, cells: &[TraceCell]| {
        fault = rows.append(row, cells).err();
        fault.is_none()
    };
    file.each(&wanted, &mut take).map_err(|error| usage(chain(&error)))?;
    match fault {
        Some(fault) => Err(usage(fault.to_string())),
        None => rows.finish().map_err(|fault| usage(fault.to_string())),
    }
}

fn of_tables(path: &Path, engine: &Engine, most: usize) -> anyhow::Result<TraceWorkload> {
    let TimedRequests { requests, held, left_out, has_arrivals } =
        requests(engine, most).map_err(|error| said(path, &error))?;
    if requests.is_empty() {
        return Err(usage(format!(
            "{}: a workload without lengths: none of its {left_out} requests was answered and says when it came and how \
             many tokens its prompt and its answer had",
            path.display()
        )));
    }

    let mut calls = Vec::with_capacity(requests.len());
    for request in requests {
        calls.push(call(request));
    }
    let name = infercost_text::display_name(path);
    let workload = of_calls(&name, calls).map_err(|fault| usage(fault.to_string()))?;
    Ok(TraceWorkload { has_arrivals, held, left_out, ..workload })
}

fn call(request: TimedRequest) -> TraceCall {
    let source = request.source;
    // of two sources nothing says that they mean the same by a name
    let named = |name: String| format!("{source}\u{0}{name}");
    TraceCall {
        at_s: request.issued_at_us as f64 / 1e6,
        input_tokens: request.input_tokens,
        output_tokens: request.output_tokens,
        text: request.prompt,
        prompt: request.prompt_id.map(named),
        session: request.session.map(named),
    }
}

fn said(path: &Path, error: &QueryError) -> anyhow::Error {
    let text = match error {
        QueryError::Tables(error) => chain(error),
        QueryError::Memory { .. } => {
            format!(
                "{}: too many requests to sort them in memory; replay fewer with --requests",
                path.display()
            )
        }
        other => format!("{}: {}", path.display(), chain(other)),
    };
    usage(text)
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
