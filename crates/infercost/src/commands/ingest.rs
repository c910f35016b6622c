//! `infercost ingest`: production traces, taken into tables.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use infercost_core::text::{count, printable};
use infercost_ingest::{IngestError, Ingested, Outcome, Part, Tables, ingest, parts, sources};
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
  infercost ingest phoenix:http://localhost:6006/default --into tables
  infercost fleet tables --by service,day

Files are OTLP as the Collector's file exporter writes it (JSON Lines or protobuf), or whatever else `infercost \
report` reads; as they are, gzip or zstd. A file that is read again, was copied or has grown replaces its own \
rows. A project of a Phoenix is taken in day by day; its key is that of PHOENIX_API_KEY, other headers are those \
of PHOENIX_CLIENT_HEADERS.

Exit codes: 0 all was taken in, 1 a source could not be read; the others are taken in all the same")]
pub(crate) struct IngestCommand {
    /// Files, folders, stores (s3://, gs://, az://, file://), or a project of a Phoenix: phoenix:URL/PROJECT
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
    let mut failed = 0;
    for source in &found {
        let name = source.name();
        progress.show(&name);
        let mut show = |spans: u64| progress.show(&format!("{name}: {}", count(spans, "span")));
        let parts = match parts(source, &mut show) {
            Ok(parts) => parts,
            Err(error) => {
                failed += 1;
                output::error(&cannot_take(&name, error));
                continue;
            }
        };

        for part in parts {
            // a file that is one part was named already
            if part.name() != name {
                progress.show(part.name());
            }
            match ingest(&part, &tables) {
                Ok(ingested) => taken.push(TakenPart { part, ingested }),
                Err(error) => {
                    failed += 1;
                    output::error(&cannot_take(part.name(), error));
                }
            }
        }
    }
    drop(progress);

    if global.json {
        output::line(&serde_json::to_string_pretty(&answer(arguments, &taken, failed))?);
    } else {
        tell(arguments, &taken);
    }
    Ok(exit::of_sending(failed == 0))
}

/// An address that is wrong is the user's to mend.
fn as_usage(error: IngestError) -> anyhow::Error {
    match error {
        IngestError::Store(RemoteError::Address { .. }) => usage(error.to_string()),
        other => other.into(),
    }
}

fn cannot_take(name: &str, error: IngestError) -> anyhow::Error {
    anyhow::Error::from(error).context(format!("cannot take in {}", printable(name)))
}

/// What was taken in as one.
struct TakenPart {
    part: Part,
    ingested: Ingested,
}

/// Sums over all that was taken in.
fn sum(taken: &[TakenPart], of: impl Fn(&Ingested) -> u64) -> u64 {
    taken.iter().map(|one| of(&one.ingested)).sum()
}

fn answer(arguments: &IngestCommand, taken: &[TakenPart], failed: usize) -> Value {
    let sources: Vec<Value> = taken
        .iter()
        .map(|TakenPart { part, ingested }| {
            json!({
                "source": part.name(),
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
        "failed_sources": failed,
        "sources": sources,
    })
}

fn tell(arguments: &IngestCommand, taken: &[TakenPart]) {
    for TakenPart { part, ingested } in taken {
        for (kind, irregularity) in &ingested.irregularities {
            output::note(&format!(
                "! {}: {}",
                printable(part.name()),
                output::foreign::irregularity(*kind, irregularity)
            ));
        }
        if ingested.outcome == Outcome::Shorter {
            output::note(&format!(
                "! {}: more of it was taken in before; nothing was changed",
                printable(part.name())
            ));
        }
    }

    if taken.is_empty() {
        return;
    }
    output::line(&format!(
        "{} of {} in {}; {} are no call of a model, or show one that is counted already",
        count(sum(taken, |one| one.inferences), "inference"),
        count(taken.len() as u64, "source"),
        arguments.into.display(),
        count(sum(taken, |one| one.skipped), "span"),
    ));
}
