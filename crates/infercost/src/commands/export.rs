//! `infercost export`: a recorded run, sent to where traces are looked at.

use std::path::Path;
use std::process::ExitCode;

use infercost_export::named::Named;
use infercost_export::phoenix::Phoenix;
use infercost_export::{Destination, OffSwitch, Outfit, Sent, Signal, switched_off};
use infercost_trace::outgoing::Viewer;
use serde_json::json;

use crate::config::Given;
use crate::exit::{self, usage};
use crate::export_arguments::{ExportCommand, LiveArguments};
use crate::exporting::{Told, again, facts, metrics, phoenix, resource, send, variable, without_query};
use crate::{output, run_folder};

pub(crate) fn run(arguments: &ExportCommand) -> anyhow::Result<ExitCode> {
    let given = Given::read(&arguments.judge)?;
    let folder = run_folder::named_or_newest(&arguments.traces, arguments.run.as_deref())?;
    let options = arguments.options().map_err(|error| usage(error.to_string()))?;
    let content = !arguments.no_content;
    let outfit =
        Outfit { content, redact: arguments.redact.clone(), resource: resource(), ..Outfit::default() };
    if let Some(url) = &arguments.place.phoenix {
        let phoenix = Phoenix::new(url, &options, &variable)?;
        let told = Told::read(&folder, &given, content)?.ok_or_else(|| {
            usage("the run is too large for prices to be fitted to it; send it with --otlp")
        })?;
        let done = phoenix::export(&folder, &told, &phoenix, arguments.project.as_deref(), outfit)?;
        if arguments.judge.json {
            output::line(&serde_json::to_string_pretty(&done)?);
        } else {
            output::line(done.tell());
        }
        return Ok(if done.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILURE) });
    }
    let (destination, viewer) = place(arguments, &options)?;
    let outfit = Outfit { viewer, project: arguments.project.clone(), ..outfit };
    let told = if arguments.plain { None } else { Told::read(&folder, &given, content)? };
    if told.is_none() && !arguments.plain {
        output::note("! the run is too large for a report: spans are sent as they were recorded");
    }
    for left_out in told.iter().flat_map(|told| told.ledger.unbilled()) {
        output::note(&format!("! {left_out}"));
    }
    let facts =
        told.as_ref().map(|told| facts::of_ledger(&told.run.header, &told.ledger)).unwrap_or_default();
    let sent = send(&folder, &destination, Outfit { facts, ..outfit }, arguments.unsent)?;
    if let Some(told) = &told
        && viewer == Viewer::Any
    {
        metrics::send(&told.run, &options);
    }
    tell(&folder, &destination, &sent, arguments.judge.json);
    Ok(if sent.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILURE) })
}

fn place(
    arguments: &ExportCommand,
    options: &infercost_export::OtlpOptions,
) -> anyhow::Result<(Destination, Viewer)> {
    let named = match (arguments.place.langsmith, arguments.place.langfuse) {
        (true, _) => Some(Named::LangSmith),
        (_, true) => Some(Named::Langfuse),
        _ => None,
    };
    let wrong = |error: infercost_export::DestinationError| usage(error.to_string());
    if let Some(named) = named {
        let destination =
            named.destination(options, arguments.project.as_deref(), &variable).map_err(wrong)?;
        return Ok((destination, named.viewer()));
    }
    let destination = Destination::resolve(Signal::Traces, options, &variable).map_err(wrong)?;
    let destination = destination.ok_or_else(nowhere)?;
    Ok((destination, Viewer::Any))
}

/// No place is named, or what the environment names is switched off there.
fn nowhere() -> anyhow::Error {
    match switched_off(Signal::Traces, &variable) {
        Some(OffSwitch { variable, value }) => usage(format!(
            "{variable}={value} says that nothing is to be sent; name a place with --otlp URL to send it there"
        )),
        None => usage(
            "where to? give --otlp URL, --phoenix URL, --langsmith or --langfuse, or set OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
    }
}

fn tell(folder: &Path, destination: &Destination, sent: &Sent, json: bool) {
    if json {
        let object = json!({
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
            "sent {} spans of {} to {}{rest}",
            sent.spans,
            folder.display(),
            destination.name()
        ));
    }
}

/// Sends a run that was just recorded to a place that wants it whole. A failure is told, and is no failure of the
/// run: it can be sent again.
pub(crate) fn after_run(folder: &Path, live: &LiveArguments, content: bool, given: &Given) {
    let place = &live.place;
    if place.phoenix.is_none() && !place.langsmith && !place.langfuse {
        return;
    }
    if let Err(error) = send_whole(folder, live, content, given) {
        output::error(&error);
        let mut flags: Vec<String> = Vec::new();
        match &place.phoenix {
            Some(url) => flags.extend(["--phoenix".to_owned(), without_query(url)]),
            None => flags.push(if place.langsmith { "--langsmith" } else { "--langfuse" }.to_owned()),
        }
        if let Some(project) = &live.project {
            flags.extend(["--project".to_owned(), project.clone()]);
        }
        output::note(&format!("nothing is lost; to send the run: {}", again(folder, &flags)));
    }
}

fn send_whole(folder: &Path, live: &LiveArguments, content: bool, given: &Given) -> anyhow::Result<()> {
    let options = live.options()?;
    let Some(told) = Told::read(folder, given, content)? else {
        return Err(anyhow::anyhow!("the run is too large for a report"));
    };
    let outfit = Outfit { content, redact: live.redact.clone(), resource: resource(), ..Outfit::default() };
    if let Some(url) = &live.place.phoenix {
        let phoenix = Phoenix::new(url, &options, &variable)?;
        let done = phoenix::export(folder, &told, &phoenix, live.project.as_deref(), outfit)?;
        output::note(done.tell());
        return Ok(());
    }
    let named = if live.place.langsmith { Named::LangSmith } else { Named::Langfuse };
    let destination = named.destination(&options, live.project.as_deref(), &variable)?;
    for left_out in told.ledger.unbilled() {
        output::note(&format!("! {left_out}"));
    }
    let facts = facts::of_ledger(&told.run.header, &told.ledger);
    let outfit = Outfit { viewer: named.viewer(), project: live.project.clone(), facts, ..outfit };
    let sent = send(folder, &destination, outfit, false)?;
    output::note(&format!("sent {} spans to {}", sent.spans, destination.name()));
    Ok(())
}
