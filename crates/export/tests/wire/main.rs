//! Exports against collectors that are scripted: taking, refusing, busy, slow, silent, hostile.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod collector;
mod live;
mod phoenix;
mod replay;

use std::path::{Path, PathBuf};

use infercost_export::{Destination, Headers, OtlpOptions, Protocol, Signal};
use opentelemetry_proto::tonic::trace::v1::Span;

/// The recorded run that the README shows.
fn sample() -> PathBuf {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces/sample");
    let mut runs = std::fs::read_dir(samples).unwrap().map(|entry| entry.unwrap().path());
    runs.find(|path| path.is_dir()).unwrap()
}

/// A copy of it that may be written to.
fn copy() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    std::fs::create_dir(&run).unwrap();
    for name in ["run.json", "spans.jsonl"] {
        std::fs::copy(sample().join(name), run.join(name)).unwrap();
    }
    (folder, run)
}

fn destination(url: &str, protocol: Protocol, header: Option<(&str, &str)>) -> Destination {
    let mut headers = Headers::default();
    if let Some((name, value)) = header {
        headers.set(name, value).unwrap();
    }
    let timeout = Some(std::time::Duration::from_secs(3));
    let options = OtlpOptions {
        url: Some(url.to_owned()),
        protocol: Some(protocol),
        headers,
        timeout,
        ..OtlpOptions::default()
    };
    Destination::resolve(Signal::Traces, &options, &|_| None).unwrap().unwrap()
}

/// Ids and times of the run's own spans, in order of id.
fn recorded(run: &Path) -> Vec<(Vec<u8>, Vec<u8>, u64, u64)> {
    let text = std::fs::read_to_string(run.join("spans.jsonl")).unwrap();
    let lines = text.lines().map(|line| infercost_trace::otlp_json::read_traces(line.as_bytes()).unwrap());
    let scopes = lines.flat_map(|line| line.resource_spans).flat_map(|resource| resource.scope_spans);
    sorted(scopes.flat_map(|scope| scope.spans))
}

fn sorted(spans: impl Iterator<Item = Span>) -> Vec<(Vec<u8>, Vec<u8>, u64, u64)> {
    let mut all: Vec<_> = spans
        .map(|span| (span.span_id, span.trace_id, span.start_time_unix_nano, span.end_time_unix_nano))
        .collect();
    all.sort();
    all
}
