//! A run that is sent when it is done: to a back-end that wants it whole.

use std::path::Path;

use infercost_core::text::count;
use infercost_core::without_secrets;
use infercost_export::SpanTransform;
use infercost_export::named::Named;
use infercost_export::phoenix::Phoenix;

use super::{AnalysedRun, again, facts, phoenix, resource, send, variable};
use crate::config::SettingsOverrides;
use crate::console;
use crate::request::RunRequest;

/// Sends a run that was just recorded to a place that wants it whole. A failure is told, and is no failure of the
/// run: it can be sent again.
pub fn after_run(folder: &Path, request: &RunRequest, given: &SettingsOverrides) {
    let RunRequest { live, .. } = request;
    let place = &live.place;
    if !place.wants_whole_runs() {
        return;
    }
    if let Err(error) = send_whole(folder, request, given) {
        console::error(&error);
        let mut flags: Vec<String> = Vec::new();
        match &place.phoenix {
            Some(url) => flags.extend(["--phoenix".to_owned(), without_secrets(url)]),
            None => flags.push(if place.langsmith { "--langsmith" } else { "--langfuse" }.to_owned()),
        }
        if let Some(project) = &live.project {
            flags.extend(["--project".to_owned(), project.clone()]);
        }
        console::note(&format!("nothing is lost; to send the run: {}", again(folder, &flags)));
    }
}

fn send_whole(folder: &Path, request: &RunRequest, given: &SettingsOverrides) -> anyhow::Result<()> {
    let RunRequest { live, redact, spec, .. } = request;
    let content = spec.content;
    let options = live.options()?;
    let Some(told) = AnalysedRun::read(folder, given, content)? else {
        return Err(anyhow::anyhow!("the run is too large for a report"));
    };

    let transform =
        SpanTransform { content, redact: redact.clone(), resource: resource(), ..SpanTransform::default() };
    if let Some(url) = &live.place.phoenix {
        let phoenix = Phoenix::new(url, &options, &variable)?;
        let done = phoenix::export(folder, &told, &phoenix, live.project.as_deref(), transform)?;
        console::note(done.tell());
        return Ok(());
    }

    let named = if live.place.langsmith { Named::LangSmith } else { Named::Langfuse };
    let destination = named.destination(&options, live.project.as_deref(), &variable)?;
    for left_out in told.ledger.unbilled() {
        console::warn(&left_out.to_string());
    }

    let facts = facts::of_ledger(&told.run.header, &told.ledger);
    let transform =
        SpanTransform { backend: named.backend(), project: live.project.clone(), facts, ..transform };
    let sent = send(folder, &destination, transform, false)?;
    console::note(&format!("sent {} to {}", count(sent.spans, "span"), destination.name()));

    Ok(())
}
