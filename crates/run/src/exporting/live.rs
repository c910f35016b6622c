//! A run sent while it is recorded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use infercost_core::text::count;
use infercost_core::without_secrets;
use infercost_export::{Destination, LiveExport, Signal, SpanTransform};

use super::{again, not_taken, resource, variable};
use crate::console;
use crate::request::{LiveExportTarget, RunRequest};

/// How long the end of a run waits for a collector.
const FLUSH: Duration = Duration::from_secs(5);

/// A run that is followed, where the user wants that.
pub struct Following {
    export: LiveExport,
    destination: Destination,
    folder: PathBuf,
    flags: Vec<String>,
}

/// Where a run is to be sent while it is recorded: `--otlp`, or the standard variables where no other place is named.
pub fn destination(live: &LiveExportTarget) -> anyhow::Result<Option<Destination>> {
    if live.place.wants_whole_runs() {
        return Ok(None);
    }
    let options = live.options().map_err(|error| crate::usage::usage(error.to_string()))?;
    match Destination::resolve(Signal::Traces, &options, &variable) {
        // what stands in the environment was not said to this program: a fault there stops no measurement
        Err(error) if options.url.is_none() => {
            console::warn(&format!("spans are not sent while the run lasts: {error}"));
            Ok(None)
        }
        resolved => resolved.map_err(|error| crate::usage::usage(error.to_string())),
    }
}

/// The flags that send the run to the same place again, without what must not be shown.
fn flags(request: &RunRequest) -> Vec<String> {
    let RunRequest { live, redact, .. } = request;
    let mut flags: Vec<(&str, String)> = Vec::new();

    // an address from the environment is read from there again
    flags.extend(live.place.otlp.as_deref().map(|url| ("--otlp", without_secrets(url))));
    flags.extend(live.protocol.map(|protocol| ("--otlp-protocol", protocol.name().to_owned())));
    flags.extend(live.project.clone().map(|project| ("--project", project)));
    for header in &live.headers {
        let name = header.split('=').next().unwrap_or_default();
        flags.push(("--otlp-header", format!("{name}=…")));
    }
    flags.extend(redact.iter().map(|pattern| ("--redact", pattern.as_str().to_owned())));

    flags.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
}

impl Following {
    /// Begins to follow the run in `folder`.
    pub fn start(folder: &Path, destination: Destination, request: &RunRequest) -> anyhow::Result<Self> {
        let transform = SpanTransform {
            content: request.spec.content,
            redact: request.redact.clone(),
            project: request.live.project.clone(),
            resource: resource(),
            ..SpanTransform::default()
        };
        let place = destination.clone().filed_under(transform.chosen_project());
        let export = LiveExport::start(folder, place, transform)?;

        Ok(Self { export, destination, folder: folder.to_owned(), flags: flags(request) })
    }

    /// Sends the rest, waits for a bounded time, and says what could not be sent and how to complete it.
    pub fn finish(self) {
        let outcome = self.export.finish(FLUSH);
        let name = self.destination.name();
        for line in not_taken(&name, &outcome.sent) {
            console::note(&line);
        }
        if outcome.bytes_left == 0 {
            console::note(&format!("sent {} to {name}", count(outcome.sent.spans, "span")));
            return;
        }
        let why = outcome.trouble.unwrap_or_else(|| "there was no time left".to_owned());
        console::warn(&format!(
            "{name} has {} of this run, and not the rest: {why}\n  nothing is lost; to complete it: {}",
            count(outcome.sent.spans, "span"),
            again(&self.folder, &self.flags)
        ));
    }
}
