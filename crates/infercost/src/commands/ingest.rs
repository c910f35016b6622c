//! `infercost ingest`: production traces, taken into tables.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use infercost_core::text::count;
use infercost_ingest::{IngestError, Ingested, Outcome, Source, Tables, ingest, sources};
use infercost_run::{console, usage};
use infercost_store::RemoteError;
use serde_json::{Value, json};

use crate::exit;
use crate::flags::GlobalFlags;
use crate::output;

/// Takes production traces into tables.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost ingest traces.jsonl.gz --into tables
  infercost ingest /var/lib/otelcol/ s3://logs/otlp/2026-11 --into tables
  infercost ingest traces.jsonl.gz --into s3://team/tables
  infercost fleet tables --by service,day

Files are OTLP as the Collector's file exporter writes it (JSON Lines or protobuf), or whatever else `infercost report` reads;
as they are, gzip or zstd. A file that is read again, was copied or has grown replaces its own rows.

Exit codes: 0 all was taken in, 1 a source could not be read; the others are taken in all the same")]
pub(crate) struct IngestCommand {
    /// Files, folders, or stores (s3://, gs://, az://, file://)
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,

    /// Folder of the tables, or a store: s3://, gs://, az:// or file://
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) into: PathBuf,
}

pub(crate) fn run(arguments: &IngestCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let found = sources(&arguments.sources).map_err(|error| usage(error.to_string()))?;
    if found.is_empty() {
        return Err(usage("no file of traces there"));
    }
    let tables = Tables::open(&arguments.into).map_err(as_usage)?;

    let progress = console::activity();
    let mut taken = Vec::with_capacity(found.len());
    let mut all_there = true;
    for source in &found {
        progress.show(&source.name());
        match ingest(source, &tables).with_context(|| format!("cannot take in {}", source.name())) {
            Ok(ingested) => taken.push((source, ingested)),
            Err(error) => {
                all_there = false;
                output::error(&error);
            }
        }
    }
    drop(progress);

    if global.json {
        output::line(&serde_json::to_string_pretty(&answer(arguments, &taken, found.len()))?);
    } else {
        tell(arguments, &taken);
    }
    Ok(exit::of_sending(all_there))
}

/// An address that is wrong is the user's to mend.
fn as_usage(error: IngestError) -> anyhow::Error {
    match error {
        IngestError::Store(RemoteError::Address { .. }) => usage(error.to_string()),
        other => other.into(),
    }
}

/// Sums over sources.
fn sum(taken: &[(&Source, Ingested)], of: impl Fn(&Ingested) -> u64) -> u64 {
    taken.iter().map(|(_, ingested)| of(ingested)).sum()
}

fn answer(arguments: &IngestCommand, taken: &[(&Source, Ingested)], found: usize) -> Value {
    let sources: Vec<Value> = taken
        .iter()
        .map(|(source, ingested)| {
            json!({
                "source": source.name(),
                "outcome": ingested.outcome,
                "spans": ingested.spans,
                "inferences": ingested.inferences,
                "skipped": ingested.skipped,
                "bytes": ingested.bytes,
            })
        })
        .collect();
    json!({
        "schema": "infercost.ingest/1",
        "into": arguments.into.display().to_string(),
        "spans": sum(taken, |one| one.spans),
        "inferences": sum(taken, |one| one.inferences),
        "skipped": sum(taken, |one| one.skipped),
        "failed_sources": found - taken.len(),
        "sources": sources,
    })
}

fn tell(arguments: &IngestCommand, taken: &[(&Source, Ingested)]) {
    for (source, ingested) in taken {
        for (kind, irregularity) in &ingested.irregularities {
            output::note(&format!(
                "! {}: {}",
                source.name(),
                output::foreign::irregularity(*kind, irregularity)
            ));
        }
        if ingested.outcome == Outcome::Shorter {
            output::note(&format!(
                "! {}: more of it was taken in before; nothing was changed",
                source.name()
            ));
        }
    }

    output::line(&format!(
        "{} of {} in {}; {} are no call of a model, or show one that is counted already",
        count(sum(taken, |one| one.inferences), "inference"),
        count(taken.len() as u64, "source"),
        arguments.into.display(),
        count(sum(taken, |one| one.skipped), "span"),
    ));
}
