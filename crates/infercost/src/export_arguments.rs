//! What `export` takes, and what `compare` and `record` take to send a run along.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use infercost_export::{Compression, Headers, OtlpOptions, Protocol};
use regex::Regex;

use crate::arguments::JudgeArguments;

/// Sends a recorded run to where traces are looked at.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost export --phoenix http://localhost:6006             the newest run, with prices and quality
  infercost export traces/20261122-101500 --otlp http://localhost:4318
  infercost export RUN --otlp https://collector:4317 --protocol grpc --header authorization='Bearer …'
  infercost export RUN --otlp http://localhost:4318 --unsent   only what an earlier export did not get through

Without an address, OTEL_EXPORTER_OTLP_ENDPOINT and its kin are read. Ids are the same every
time: Phoenix drops what it has already, and a back-end that does not go by ids (Jaeger's store in memory) keeps both.")]
pub(crate) struct ExportCommand {
    /// Run folder, or run id below --traces [default: the newest run]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,

    #[command(flatten)]
    pub(crate) place: PlaceArguments,

    /// How spans are carried: http/protobuf, http/json or grpc [default: http/protobuf]
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    pub(crate) protocol: Option<Protocol>,

    /// Header of each request; may be given several times, and is never shown
    #[arg(long = "header", value_name = "NAME=VALUE")]
    pub(crate) headers: Vec<String>,

    /// gzip or none [default: gzip, but none to this machine]
    #[arg(long, value_name = "KIND", value_parser = compression)]
    pub(crate) compression: Option<Compression>,

    /// How long one request may take
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: Option<u64>,

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

    /// Folder that holds the runs
    #[arg(long, value_name = "DIR", default_value = "traces")]
    pub(crate) traces: PathBuf,

    #[command(flatten)]
    pub(crate) judge: JudgeArguments,
}

/// Where a run goes.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct PlaceArguments {
    /// An OTLP collector: Jaeger, the OpenTelemetry collector, …
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,

    /// A Phoenix: measured costs become its model prices, and quality its annotations
    #[arg(long, value_name = "URL")]
    pub(crate) phoenix: Option<String>,

    /// LangSmith (LANGSMITH_API_KEY, LANGSMITH_ENDPOINT, LANGSMITH_PROJECT)
    #[arg(long)]
    pub(crate) langsmith: bool,

    /// Langfuse (LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY, LANGFUSE_BASE_URL)
    #[arg(long)]
    pub(crate) langfuse: bool,
}

/// What `compare` and `record` take to send a run along: with --otlp while it is recorded, else when it is done.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Traces elsewhere")]
pub(crate) struct LiveArguments {
    #[command(flatten)]
    pub(crate) place: PlaceArguments,

    /// How spans are carried: http/protobuf, http/json or grpc [default: http/protobuf]
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    pub(crate) otlp_protocol: Option<Protocol>,

    /// Header of each request of an export; may be given several times, and is kept nowhere
    #[arg(long = "otlp-header", value_name = "NAME=VALUE")]
    pub(crate) otlp_headers: Vec<String>,

    /// Project to file the run under
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,

    /// Take what this pattern finds out of every text, on disk and on the wire; may be given several times
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    pub(crate) redact: Vec<Regex>,

    /// Serve Prometheus metrics at this address while the run lasts
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) metrics_listen: Option<std::net::SocketAddr>,
}

impl ExportCommand {
    /// What was said about the wire.
    pub(crate) fn options(&self) -> Result<OtlpOptions, infercost_export::DestinationError> {
        Ok(OtlpOptions {
            url: self.place.otlp.clone(),
            protocol: self.protocol,
            compression: self.compression,
            headers: headers(&self.headers)?,
            timeout: self.timeout.map(Duration::from_secs),
        })
    }
}

impl LiveArguments {
    /// What was said about the wire.
    pub(crate) fn options(&self) -> Result<OtlpOptions, infercost_export::DestinationError> {
        Ok(OtlpOptions {
            url: self.place.otlp.clone(),
            protocol: self.otlp_protocol,
            headers: headers(&self.otlp_headers)?,
            ..OtlpOptions::default()
        })
    }
}

fn headers(pairs: &[String]) -> Result<Headers, infercost_export::DestinationError> {
    let mut headers = Headers::default();
    for pair in pairs {
        headers.set_pair(pair)?;
    }
    Ok(headers)
}

/// Flags with a value that say where a run goes; they are no part of the run and may hold secrets.
const NOT_RECORDED: [&str; 6] =
    ["--otlp", "--phoenix", "--otlp-protocol", "--otlp-header", "--project", "--metrics-listen"];

/// A command line without what says where the run goes.
pub(crate) fn recordable(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let name = argument.split('=').next().unwrap_or_default();
        if NOT_RECORDED.contains(&name) {
            if !argument.contains('=') {
                arguments.next();
            }
        } else if argument != "--langsmith" && argument != "--langfuse" {
            kept.push(argument);
        }
    }
    kept
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::named(text).ok_or_else(|| "use http/protobuf, http/json or grpc".to_owned())
}

fn compression(text: &str) -> Result<Compression, String> {
    Compression::named(text).ok_or_else(|| "use gzip or none".to_owned())
}

fn pattern(text: &str) -> Result<Regex, String> {
    let pattern = Regex::new(text).map_err(|error| error.to_string())?;
    if pattern.is_match("") {
        return Err("it finds the empty text, so it would stand between all letters".to_owned());
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_recorded() {
        let check = |given: &[&str], wanted: &[&str]| {
            assert_eq!(recordable(given.iter().map(|text| (*text).to_owned())), wanted, "{given:?}");
        };
        check(&["compare", "a.gguf", "--seed", "1"], &["compare", "a.gguf", "--seed", "1"]);
        check(&["compare", "--otlp-header", "k=secret", "a", "--otlp-header=k=secret"], &["compare", "a"]);
        check(&["compare", "--otlp", "http://x?t=secret", "--langsmith", "--json"], &["compare", "--json"]);
        check(&["compare", "--phoenix=http://x", "--redact", "x"], &["compare", "--redact", "x"]);
        check(&["compare", "--otlp"], &["compare"]);
    }

    #[test]
    fn patterns_that_find_nothing_at_all_are_refused() {
        assert!(pattern("a*").is_err() && pattern("(").is_err() && pattern("a+").is_ok());
    }
}
