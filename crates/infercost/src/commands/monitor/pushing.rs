//! Metrics that go somewhere: to a collector, and into a folder.

use infercost_export::metrics::sdk::Collector;
use infercost_export::{Destination, Headers, OtlpOptions, Signal};
use infercost_monitor::otlp::MetricsPush;
use infercost_monitor::recording::{self, RECORDING_SCHEMA, RecordingHeader};
use infercost_run::{run_folder, usage};
use jiff::Timestamp;

use super::KeepFlags;
use crate::flags::GlobalFlags;
use crate::output;

/// Begins to push to whatever the flags name.
pub(super) fn start(
    flags: &KeepFlags,
    servers: &[String],
    machine: &str,
    global: &GlobalFlags,
) -> anyhow::Result<Vec<MetricsPush>> {
    let mut pushes = Vec::new();
    if let Some(url) = &flags.otlp {
        let destination = destination(url, flags)?;
        let collector = Collector::new(&destination).map_err(|error| usage(error.to_string()))?;
        let resource = infercost_run::exporting::resource();
        pushes.push(MetricsPush::start(collector, flags.push_every, machine, &resource));
        output::note(&format!("metrics go to {}", destination.name()));
    }

    if flags.record {
        let now = Timestamp::now();
        let folder = global.traces.join(run_folder::free_id(&global.traces, now).as_str());
        let header = RecordingHeader {
            schema: RECORDING_SCHEMA.to_owned(),
            machine: machine.to_owned(),
            started_at: now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            servers: servers.to_vec(),
        };
        let lines = recording::create(&folder, &header)?;
        pushes.push(MetricsPush::start(lines, flags.push_every, machine, &[]));
        output::note(&format!("recording into {0}; `infercost audit {0}` bills it", folder.display()));
    }
    Ok(pushes)
}

fn destination(url: &str, flags: &KeepFlags) -> anyhow::Result<Destination> {
    let mut headers = Headers::default();
    for header in &flags.wire.otlp_headers {
        headers.set_pair(header).map_err(|error| usage(error.to_string()))?;
    }
    let options = OtlpOptions {
        url: Some(url.to_owned()),
        protocol: flags.wire.otlp_protocol,
        headers,
        ..OtlpOptions::default()
    };
    let resolved = Destination::resolve(Signal::Metrics, &options, &|name| std::env::var(name).ok());
    let resolved = resolved.map_err(|error| usage(error.to_string()))?;
    resolved.ok_or_else(|| usage("--otlp: no address is given".to_owned()))
}
