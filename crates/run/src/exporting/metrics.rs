//! Metrics beside traces: to a collector when a run ends or is sent, and to Prometheus while it lasts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use infercost_core::text::count;
use infercost_core::{IdleRecord, InferenceRecord, RunRecord, VariantId, WindowRecord};
use infercost_export::metrics::{Listener, Meters};
use infercost_export::retry::Pauses;
use infercost_export::transport::{Attempt, Client, Refusal};
use infercost_export::{Destination, OtlpOptions, RetryPolicy, Signal};

use super::{resource, variable};
use crate::console;
use crate::machine::gpus;
use crate::request::LiveExportTarget;
use crate::usage::usage;

/// What passes by while a run lasts, where somebody wants to know.
#[derive(Clone, Default)]
pub struct Live {
    meters: Option<Arc<Meters>>,
    /// Held, so that it answers as long as the run lasts.
    _listener: Option<Arc<Listener>>,
    providers: Arc<HashMap<VariantId, String>>,
}

impl Live {
    /// Begins to count, and to answer Prometheus where an address was given.
    pub fn start(
        target: &LiveExportTarget,
        run: &str,
        sends: bool,
        providers: HashMap<VariantId, String>,
    ) -> anyhow::Result<Self> {
        if !sends && target.metrics_listen.is_none() {
            return Ok(Self::default());
        }
        let meters = Arc::new(Meters::new(run, SystemTime::now()).described(resource()));
        temperatures(&meters);
        let listener = target.metrics_listen.map(|address| listen(address, &meters)).transpose()?;
        Ok(Self { meters: Some(meters), _listener: listener, providers: Arc::new(providers) })
    }

    /// An inference has ended.
    pub fn inference(&self, variant: &VariantId, record: &InferenceRecord) {
        if let Some(meters) = &self.meters {
            let provider = self.providers.get(variant).map_or("", String::as_str);
            meters.inference(variant.as_str(), provider, record);
        }
    }

    /// A window has closed.
    pub fn window(&self, record: &WindowRecord) {
        if let Some(meters) = &self.meters {
            meters.energy(&record.energy, record.wall_time);
        }
    }

    /// An idle stretch was measured.
    pub fn idle(&self, record: &IdleRecord) {
        if let Some(meters) = &self.meters {
            meters.energy(&record.energy, record.wall_time);
        }
    }

    /// Sends what passed by to the collector of the run.
    pub fn send(&self, target: &LiveExportTarget) {
        if let (Some(meters), Ok(options)) = (&self.meters, target.options()) {
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

/// Answers Prometheus at this address.
fn listen(address: SocketAddr, meters: &Arc<Meters>) -> anyhow::Result<Arc<Listener>> {
    let listener = Listener::start(address, Arc::clone(meters))
        .map_err(|error| usage(format!("--metrics-listen {address}: {error}")))?;
    console::note(&format!("metrics are at http://{}/metrics while the run lasts", listener.address()));
    Ok(Arc::new(listener))
}

/// Sends the metrics of a recorded run.
pub fn send(run: &RunRecord, options: &OtlpOptions) {
    let meters = Meters::new(run.header.id.as_str(), run.header.started_at.into()).described(resource());
    for window in &run.windows {
        let header = run.header.variants.iter().find(|one| one.id == window.id.variant);
        let engine = header.map_or("", |one| one.engine.engine.as_str());
        for inference in &window.inferences {
            meters.inference(window.id.variant.as_str(), engine, inference);
        }
        meters.energy(&window.energy, window.wall_time);
    }
    for idle in &run.idles {
        meters.energy(&idle.energy, idle.wall_time);
    }
    deliver(&meters, options);
}

/// Sends metrics, again for a while where the collector is busy or away, and tells what came of it in one line. Many
/// collectors take traces only; that is no failure.
fn deliver(meters: &Meters, options: &OtlpOptions) {
    let destination = match Destination::resolve(Signal::Metrics, options, &variable) {
        Ok(Some(destination)) => destination,
        Ok(None) => return,
        Err(error) => return console::warn(&format!("metrics were not sent: {error}")),
    };
    let attempt = match Client::new(&destination) {
        Ok(mut client) => {
            let message = client.metrics(meters.request(SystemTime::now()));
            patiently(RetryPolicy::BESIDE, sleep, || client.send(&message))
        }
        Err(error) => return console::warn(&format!("metrics were not sent: {error}")),
    };
    console::note(&words(&attempt, &destination.name()));
}

/// Asks again while the server is busy or away and the policy allows it.
fn patiently(policy: RetryPolicy, wait: impl Fn(Duration), mut send: impl FnMut() -> Attempt) -> Attempt {
    let mut pauses = Pauses::new(policy);
    loop {
        let attempt = send();
        let Attempt::Later { after, .. } = &attempt else { return attempt };
        let Some(pause) = pauses.next(*after) else { return attempt };
        wait(pause);
    }
}

fn words(attempt: &Attempt, name: &str) -> String {
    match attempt {
        Attempt::Accepted(partial) if partial.rejected > 0 => {
            let points = count(partial.rejected, "point");
            format!("! {name} rejected {points} of the metrics: {}", partial.message)
        }
        Attempt::Accepted(_) => format!("sent metrics to {name}"),
        Attempt::Refused { refusal: Refusal::Place, why } => {
            let why = why.split(" (").next().unwrap_or_default();
            format!("traces only: {name} takes no metrics: {why}")
        }
        Attempt::Refused { why, .. } | Attempt::TooLarge { why } => {
            format!("! metrics were not sent: {name} refuses them: {why}")
        }
        Attempt::Later { why, .. } => {
            format!("! metrics were not sent: {name}: {why}; `infercost export` sends them again")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use infercost_export::Partial;

    use super::*;

    fn later() -> Attempt {
        Attempt::Later { after: None, why: "status 503".to_owned() }
    }

    #[test]
    fn what_came_of_metrics_is_told_apart() {
        let check = |attempt: &Attempt, wanted: &str| {
            let said = words(attempt, "c");
            assert!(said.contains(wanted), "{said}");
            assert_eq!(said.contains("takes no metrics"), wanted == "takes no metrics", "{said}");
        };
        let refused = |refusal, why: &str| Attempt::Refused { refusal, why: why.to_owned() };
        check(&Attempt::Accepted(Partial::default()), "sent metrics to c");
        let partial = Partial { rejected: 3, message: "old".to_owned() };
        check(&Attempt::Accepted(partial), "rejected 3 points of the metrics: old");
        let no_such_page = "status 404: no such page (is this the address of a collector?)";
        check(&refused(Refusal::Place, no_such_page), "takes no metrics");
        check(&refused(Refusal::Place, "Unimplemented: unknown service"), "takes no metrics");
        let no_key = "status 401 (is the header that this server wants given?)";
        check(&refused(Refusal::Message, no_key), "refuses them: status 401");
        check(&refused(Refusal::Message, "status 400: bad point"), "refuses them: status 400");
        check(&later(), "status 503; `infercost export` sends them again");
    }

    #[test]
    fn busy_collectors_are_asked_again_within_bounds() {
        let (asked, waited) = (Cell::new(0), Cell::new(Duration::ZERO));
        let wait = |pause| waited.set(waited.get() + pause);
        let busy_for = |times: u32| {
            asked.set(0);
            waited.set(Duration::ZERO);
            patiently(RetryPolicy::BESIDE, wait, || {
                asked.set(asked.get() + 1);
                if asked.get() > times { Attempt::Accepted(Partial::default()) } else { later() }
            })
        };
        assert!(matches!(busy_for(2), Attempt::Accepted(_)));
        assert_eq!(asked.get(), 3);
        assert!(matches!(busy_for(u32::MAX), Attempt::Later { .. }));
        assert!(waited.get() <= Duration::from_secs(3) && asked.get() < 30, "{asked:?} {waited:?}");
    }
}
