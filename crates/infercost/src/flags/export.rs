//! Where runs are sent and how, as `export` and the commands that record take it.

use clap::Args;
use infercost_export::{Compression, Protocol};
use infercost_run::{LiveExportTarget, PlaceOfExport};
use regex::Regex;

use crate::flags::pattern;

/// Where a run goes.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct PlaceFlags {
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

/// How spans are carried.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WireFlags {
    /// How spans are carried: http/protobuf, http/json or grpc [default: http/protobuf]
    #[arg(long, alias = "protocol", value_name = "PROTOCOL", value_parser = protocol)]
    pub(crate) otlp_protocol: Option<Protocol>,

    /// Header of each request of an export; may be given several times, and is kept nowhere
    #[arg(long = "otlp-header", alias = "header", value_name = "NAME=VALUE")]
    pub(crate) otlp_headers: Vec<String>,
}

/// What `compare` and `record` take to send a run along: with --otlp while it is recorded, else when it is done.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Export")]
pub(crate) struct LiveFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,

    #[command(flatten)]
    pub(crate) wire: WireFlags,

    /// Project to file the run under
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,

    /// Serve Prometheus metrics at this address while the run lasts
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) metrics_listen: Option<std::net::SocketAddr>,
}

impl PlaceFlags {
    /// The same without the command line's form.
    pub(crate) fn place(&self) -> PlaceOfExport {
        PlaceOfExport {
            otlp: self.otlp.clone(),
            phoenix: self.phoenix.clone(),
            langsmith: self.langsmith,
            langfuse: self.langfuse,
        }
    }
}

impl LiveFlags {
    /// The same without the command line's form.
    pub(crate) fn target(&self) -> LiveExportTarget {
        LiveExportTarget {
            place: self.place.place(),
            protocol: self.wire.otlp_protocol,
            headers: self.wire.otlp_headers.clone(),
            project: self.project.clone(),
            metrics_listen: self.metrics_listen,
        }
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::named(text).ok_or_else(|| "use http/protobuf, http/json or grpc".to_owned())
}

pub(crate) fn compression(text: &str) -> Result<Compression, String> {
    Compression::named(text).ok_or_else(|| "use gzip or none".to_owned())
}

pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    let pattern = pattern::pattern(text)?;
    if pattern.is_match("") {
        return Err("it finds the empty text, so it would stand between all letters".to_owned());
    }
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_find_nothing_at_all_are_refused() {
        assert!(pattern("a*").is_err() && pattern("(").is_err() && pattern("a+").is_ok());
    }
}
