//! Metrics beside traces: to a collector when a run ends or is sent, and to Prometheus while it lasts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use infercost_export::metrics::{Listener, Meters};
use infercost_export::transport::{Attempt, Client};
use infercost_export::{Destination, OtlpOptions, Signal};
use infercost_schema::{IdleRecord, InferenceRecord, RunId, RunRecord, VariantId, WindowRecord};

use super::{resource, variable};
use crate::arguments::RecordArguments;
use crate::commands::doctor::gpus;
use crate::exit::usage;
use crate::output;

/// What passes by while a run lasts, where somebody wants to know.
#[derive(Clone, Default)]
pub(crate) struct Live {
    meters: Option<Arc<Meters>>,
    /// Held, so that it answers as long as the run lasts.
    _listener: Option<Arc<Listener>>,
    providers: Arc<HashMap<VariantId, String>>,
}

impl Live {
    /// Begins to count, and to answer Prometheus where an address was given.
    pub(crate) fn start(
        arguments: &RecordArguments,
        run: &str,
        sends: bool,
        providers: HashMap<VariantId, String>,
    ) -> anyhow::Result<Self> {
        if !sends && arguments.live.metrics_listen.is_none() {
            return Ok(Self::default());
        }
        let meters = Arc::new(Meters::new(run, SystemTime::now()).described(resource()));
        temperatures(&meters);
        let listen = |address| {
            let listener = Listener::start(address, Arc::clone(&meters))
                .map_err(|error| usage(format!("--metrics-listen {address}: {error}")))?;
            output::note(&format!(
                "metrics are at http://{}/metrics while the run lasts",
                listener.address()
            ));
            Ok::<_, anyhow::Error>(Arc::new(listener))
        };
        let listener = arguments.live.metrics_listen.map(listen).transpose()?;
        Ok(Self { meters: Some(meters), _listener: listener, providers: Arc::new(providers) })
    }

    /// An inference has ended.
    pub(crate) fn inference(&self, variant: &VariantId, record: &InferenceRecord) {
        if let Some(meters) = &self.meters {
            let provider = self.providers.get(variant).map_or("", String::as_str);
            meters.inference(variant.as_str(), provider, record);
        }
    }

    /// A window has closed.
    pub(crate) fn window(&self, record: &WindowRecord) {
        if let Some(meters) = &self.meters {
            meters.energy(&record.energy, record.wall_time);
        }
    }

    /// An idle stretch was measured.
    pub(crate) fn idle(&self, record: &IdleRecord) {
        if let Some(meters) = &self.meters {
            meters.energy(&record.energy, record.wall_time);
        }
    }

    /// Sends what passed by to the collector of the run.
    pub(crate) fn send(&self, arguments: &RecordArguments) {
        if let (Some(meters), Ok(options)) = (&self.meters, arguments.live.options()) {
            temperatures(meters);
            deliver(meters, &options);
        }
    }
}

/// Reads the GPUs' temperatures, at the beginning and at the end: while a run lasts nothing more is asked of NVML than
/// the meter asks.
fn temperatures(meters: &Meters) {
    for gpu in gpus() {
        if let Some(celsius) = gpu.temperature {
            meters.temperature(&gpu.uuid, celsius.into());
        }
    }
}

/// Sends the metrics of a recorded run.
pub(crate) fn send(run: &RunRecord, options: &OtlpOptions) {
    let RunId(id) = &run.header.id;
    let meters = Meters::new(id, run.header.started_at.into()).described(resource());
    let engine = |variant: &VariantId| {
        let found = run.header.variants.iter().find(|one| one.id == *variant);
        found.map_or("", |one| one.engine.engine.as_str())
    };
    for window in &run.windows {
        for inference in &window.inferences {
            meters.inference(window.id.variant.as_str(), engine(&window.id.variant), inference);
        }
        meters.energy(&window.energy, window.wall_time);
    }
    for idle in &run.idles {
        meters.energy(&idle.energy, idle.wall_time);
    }
    deliver(&meters, options);
}

/// Sends metrics once. Many collectors take traces only, so that a refusal is told in one line and is no failure.
fn deliver(meters: &Meters, options: &OtlpOptions) {
    let destination = match Destination::resolve(Signal::Metrics, options, &variable) {
        Ok(Some(destination)) => destination,
        Ok(None) => return,
        Err(error) => return output::note(&format!("! metrics were not sent: {error}")),
    };
    // metrics are sums since the beginning: what is not sent now is in what is sent next
    let attempt = match Client::new(&destination) {
        Ok(mut client) => {
            let message = client.metrics(meters.request(SystemTime::now()));
            client.send(&message)
        }
        Err(error) => return output::note(&format!("! metrics were not sent: {error}")),
    };
    match attempt {
        Attempt::Accepted(_) => output::note(&format!("sent metrics to {}", destination.name())),
        Attempt::Refused { why } | Attempt::TooLarge { why } | Attempt::Later { why, .. } => {
            let name = destination.name();
            let why = why.split(" (").next().unwrap_or_default();
            output::note(&format!("traces only: {name} takes no metrics: {why}"));
        }
    }
}
