//! Metrics of a live process, through OpenTelemetry's SDK: it collects what instruments show once an interval, and hands
//! it to a sink of ours. The way to a collector is the one that spans take, with its headers, time-outs and refusals.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};

use crate::destination::Destination;
use crate::error::DestinationError;
use crate::transport::{Attempt, Client};

/// Where collected metrics go.
pub trait MetricSink: Send + 'static {
    /// Takes what was collected.
    ///
    /// # Errors
    /// One plain line where it could not be taken; the next one holds its sums too, since they are cumulative.
    fn take(&mut self, request: ExportMetricsServiceRequest) -> Result<(), String>;
}

/// An OTLP collector.
#[derive(Debug)]
pub struct Collector {
    client: Client,
    name: String,
    /// What is in the way, so that it is said once and not every time.
    said: Option<String>,
}

impl Collector {
    /// Sends to that destination.
    ///
    /// # Errors
    /// [`DestinationError`] where a certificate cannot be read.
    pub fn new(destination: &Destination) -> Result<Self, DestinationError> {
        Ok(Self { client: Client::new(destination)?, name: destination.name(), said: None })
    }
}

impl MetricSink for Collector {
    fn take(&mut self, request: ExportMetricsServiceRequest) -> Result<(), String> {
        let message = self.client.metrics(request);
        let why = match self.client.send(&message) {
            Attempt::Accepted(_) => {
                self.said = None;
                return Ok(());
            }
            Attempt::Later { why, .. } | Attempt::TooLarge { why } | Attempt::Refused { why, .. } => why,
        };

        if self.said.as_ref() != Some(&why) {
            tracing::warn!(collector = self.name, why, "metrics were not taken");
            self.said = Some(why.clone());
        }
        Err(why)
    }
}

/// A file of OTLP in JSON, a line each time.
#[derive(Debug)]
pub struct JsonLines {
    file: File,
    path: PathBuf,
}

impl JsonLines {
    /// Appends to this open file; `path` is what it is called.
    pub fn new(file: File, path: PathBuf) -> Self {
        Self { file, path }
    }
}

impl MetricSink for JsonLines {
    fn take(&mut self, request: ExportMetricsServiceRequest) -> Result<(), String> {
        let mut line = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| {
            let why = format!("cannot write {}: {error}", self.path.display());
            tracing::warn!(why, "what was seen is not recorded");
            why
        })
    }
}

/// Reads all instruments once an `interval`, and a last time when its provider is shut down.
pub fn reader(sink: impl MetricSink, interval: Duration) -> PeriodicReader<SinkExporter> {
    let exporter = SinkExporter { sink: Mutex::new(Box::new(sink)) };
    PeriodicReader::builder(exporter).with_interval(interval).build()
}

/// What the SDK calls.
pub struct SinkExporter {
    sink: Mutex<Box<dyn MetricSink>>,
}

impl fmt::Debug for SinkExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkExporter").finish_non_exhaustive()
    }
}

impl PushMetricExporter for SinkExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let request = ExportMetricsServiceRequest::from(metrics);
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink.take(request).map_err(OTelSdkError::InternalFailure)
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
