//! `infercost export`: a recorded run, sent to where traces are looked at.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use infercost_core::text::count;
use infercost_export::named::Named;
use infercost_export::phoenix::Phoenix;
use infercost_export::{
    Compression, Destination, DestinationError, OffSwitch, OtlpOptions, Sent, Signal, SpanTransform,
    switched_off,
};
use infercost_run::LiveExportTarget;
use infercost_run::config::SettingsOverrides;
use infercost_run::exporting::{AnalysedRun, facts, metrics, phoenix, resource, send, summary, variable};
use infercost_run::run_folder;
use infercost_run::usage;
use infercost_trace::outgoing::Backend;
use regex::Regex;
use serde_json::json;

use crate::exit;
use crate::flags::GlobalFlags;
use crate::flags::export::{PlaceFlags, WireFlags, compression, pattern};
use crate::flags::judge::JudgeFlags;
use crate::flags::load::time;
use crate::output;

/// Sends a recorded run to where traces are looked at.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost export --phoenix http://localhost:6006
      the newest run, with prices and quality
  infercost export traces/20261122-101500 --otlp http://localhost:4318
  infercost export RUN --otlp https://collector:4317 --otlp-protocol grpc \\
    --otlp-header authorization='Bearer …'
  infercost export RUN --otlp http://localhost:4318 --unsent
      only what an earlier export did not get through

Without an address, OTEL_EXPORTER_OTLP_ENDPOINT and its kin are read. Ids are the same every time: Phoenix drops \
what it has already, and a back-end that does not go by ids (Jaeger's store in memory) keeps both.")]
pub(crate) struct ExportCommand {
    /// Run folders, or run ids below --traces; several only into tables [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,

    #[command(flatten)]
    pub(crate) place: PlaceFlags,

    #[command(flatten)]
    pub(crate) wire: WireFlags,

    /// gzip or none [default: gzip, but none to this machine]
    #[arg(long, value_name = "KIND", value_parser = compression)]
    pub(crate) compression: Option<Compression>,

    /// How long one request may take
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<Duration>,

    /// Project to file the run under [default: infercost; for Phoenix infercost-RUN]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,

    /// Send no prompts and no answers
    #[arg(long)]
    pub(crate) no_content: bool,

    /// Take what this pattern finds out of every text; may be given several times
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    pub(crate) redact: Vec<Regex>,

    /// Send spans as they were recorded, without costs, shares of energy and quality
    #[arg(long, conflicts_with = "phoenix")]
    pub(crate) plain: bool,

    /// Send only what an earlier export did not get through
    #[arg(long, conflicts_with = "phoenix")]
    pub(crate) unsent: bool,

    #[cfg(feature = "fleet")]
    #[command(flatten)]
    pub(crate) tables: crate::flags::tables::TablesFlags,

    #[command(flatten)]
    pub(crate) judge: JudgeFlags,
}

impl ExportCommand {
    /// What was said about the wire.
    fn options(&self) -> Result<OtlpOptions, DestinationError> {
        let target = LiveExportTarget {
            place: self.place.place(),
            protocol: self.wire.otlp_protocol,
            headers: self.wire.otlp_headers.clone(),
            ..LiveExportTarget::default()
        };
        Ok(OtlpOptions { compression: self.compression, timeout: self.timeout, ..target.options()? })
    }
}

pub(crate) fn run(arguments: &ExportCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let given = SettingsOverrides::read(&arguments.judge.policy(global))?;
    #[cfg(feature = "fleet")]
    if let Some(folder) = &arguments.tables.parquet {
        return super::tables::export(&arguments.runs, &arguments.tables, folder, &given, global);
    }

    let run = match arguments.runs.as_slice() {
        [] => None,
        [one] => Some(one.as_str()),
        [_, second, ..] => {
            return Err(usage(format!(
                "`{second}`: one run at a time is sent; several go into tables alone"
            )));
        }
    };
    let folder = run_folder::named_or_newest(&global.traces, run)?;
    let options = arguments.options().map_err(wrong)?;
    let content = !arguments.no_content;
    let transform = SpanTransform {
        content,
        redact: arguments.redact.clone(),
        resource: resource(),
        ..SpanTransform::default()
    };
    if let Some(url) = &arguments.place.phoenix {
        let phoenix = Phoenix::new(url, &options, &variable)?;
        let told = AnalysedRun::read(&folder, &given, content)?.ok_or_else(|| {
            usage("the run is too large for prices to be fitted to it; send it with --otlp")
        })?;
        let done = phoenix::export(&folder, &told, &phoenix, arguments.project.as_deref(), transform)?;
        if global.json {
            output::line(&serde_json::to_string_pretty(&done)?);
        } else {
            output::line(done.tell());
        }
        return Ok(exit::of_sending(done.is_whole()));
    }

    let (destination, backend) = place(arguments, &options)?;
    let transform = SpanTransform { backend, project: arguments.project.clone(), ..transform };
    let told = if arguments.plain { None } else { AnalysedRun::read(&folder, &given, content)? };
    if told.is_none() && !arguments.plain {
        output::note("! the run is too large for a report: spans are sent as they were recorded");
    }

    for left_out in told.iter().flat_map(|told| told.ledger.unbilled()) {
        output::note(&format!("! {left_out}"));
    }

    let facts =
        told.as_ref().map(|told| facts::of_ledger(&told.run.header, &told.ledger)).unwrap_or_default();
    let summary = told.as_ref().map(|told| summary::of_run(told, &transform));
    let sent = send(&folder, &destination, SpanTransform { facts, summary, ..transform }, arguments.unsent)?;
    if let Some(told) = &told
        && backend == Backend::Any
    {
        metrics::send(&told.run, &options);
    }
    tell(&folder, &destination, &sent, global.json);

    Ok(exit::of_sending(sent.is_whole()))
}

fn wrong(error: DestinationError) -> anyhow::Error {
    usage(error.to_string())
}

fn place(arguments: &ExportCommand, options: &OtlpOptions) -> anyhow::Result<(Destination, Backend)> {
    let named = match (arguments.place.langsmith, arguments.place.langfuse) {
        (true, _) => Some(Named::LangSmith),
        (_, true) => Some(Named::Langfuse),
        _ => None,
    };
    if let Some(named) = named {
        let destination =
            named.destination(options, arguments.project.as_deref(), &variable).map_err(wrong)?;
        return Ok((destination, named.backend()));
    }
    let destination = Destination::resolve(Signal::Traces, options, &variable).map_err(wrong)?;
    let destination = destination.ok_or_else(nowhere)?;
    Ok((destination, Backend::Any))
}

/// No place is named, or what the environment names is switched off there.
fn nowhere() -> anyhow::Error {
    match switched_off(Signal::Traces, &variable) {
        Some(OffSwitch { variable, value }) => usage(format!(
            "{variable}={value} says that nothing is to be sent; name a place with --otlp URL to send it there"
        )),
        None => usage(
            "no destination is named; give --otlp URL, --phoenix URL, --langsmith or --langfuse, or set OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
    }
}

fn tell(folder: &Path, destination: &Destination, sent: &Sent, json: bool) {
    if json {
        let object = json!({
            "schema": "infercost.export/1",
            "run": folder.display().to_string(),
            "destination": destination.name(),
            "protocol": destination.protocol.name(),
            "spans": sent.spans,
            "rejected": sent.rejected,
            "too_large": sent.too_large,
            "requests": sent.requests,
            "said": sent.words,
        });
        output::line(&format!("{object:#}"));
    } else {
        let rest = if sent.rejected + sent.too_large > 0 { ", and not all were taken" } else { "" };
        output::line(&format!(
            "sent {} of {} to {}{rest}",
            count(sent.spans, "span"),
            folder.display(),
            destination.name()
        ));
    }
}
