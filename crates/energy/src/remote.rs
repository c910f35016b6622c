//! Meters that are asked over HTTP: wall plugs and Prometheus exporters.
//!
//! A thread of its own asks, so that a slow answer never holds up the sampler; what it last heard stands
//! until it hears again. A request that fails makes the windows that it falls into unavailable.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use infercost_core::{EnergyDomain, MeterError, MeterKind};

use crate::discovery::{Candidate, MissingMeter, Offer};
use crate::exposition;
use crate::options::{EnergyUnit, PrometheusQuery};
use crate::plug;
use crate::sensor::{Channel, Raw, Role, Sensor};

/// Between two questions; plugs refresh about once a second.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Shorter than the time between two questions, so that no failed one goes unseen.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const UPDATE_PERIOD: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);
/// More than any exporter's page should be.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Asks one question and reads the answer.
trait Question: Send + 'static {
    fn ask(&self, agent: &ureq::Agent) -> Result<Raw, String>;
}

/// A plug of the given make at `url`.
pub(crate) fn find_plug(make: plug::Make, url: &str) -> Result<Offer, MeterError> {
    let name = format!("{} {}", make.name(), url.escape_debug());
    let agent = agent();
    let mut reasons = Vec::new();
    for dialect in make.dialects() {
        let question =
            PlugQuestion { url: format!("{}{}", url.trim_end_matches('/'), dialect.path()), dialect };
        match question.ask(&agent) {
            Ok(first) => {
                return offer(name, EnergyDomain::Wall, MeterKind::Integrated, first, agent, question);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Ok(closed(name, reasons.join("; ")))
}

/// An exporter's metric.
pub(crate) fn find_exporter(query: &PrometheusQuery) -> Result<Offer, MeterError> {
    let name = format!("prometheus {} {}", query.url.escape_debug(), query.metric.escape_debug());
    let agent = agent();
    let question = ExporterQuestion(query.clone());
    match question.ask(&agent) {
        Ok(first) => {
            let kind = match query.unit {
                EnergyUnit::Joules | EnergyUnit::Millijoules | EnergyUnit::Microjoules => MeterKind::Counter,
                EnergyUnit::Watts | EnergyUnit::Microwatts => MeterKind::Integrated,
            };
            offer(name, query.domain.clone(), kind, first, agent, question)
        }
        Err(reason) => Ok(closed(name, reason)),
    }
}

struct PlugQuestion {
    url: String,
    dialect: plug::Dialect,
}

impl Question for PlugQuestion {
    fn ask(&self, agent: &ureq::Agent) -> Result<Raw, String> {
        let text = get(agent, &self.url)?;
        let watts =
            self.dialect.watts(&text).map_err(|reason| format!("{}: {reason}", self.url.escape_debug()))?;
        micro(watts).map(Raw::Gauge)
    }
}

struct ExporterQuestion(PrometheusQuery);

impl Question for ExporterQuestion {
    fn ask(&self, agent: &ureq::Agent) -> Result<Raw, String> {
        let query = &self.0;
        let text = get(agent, &query.url)?;
        let value = exposition::sum_of(&text, &query.metric, &query.labels)
            .map_err(|reason| format!("{}: {reason}", query.url.escape_debug()))?;
        match query.unit {
            EnergyUnit::Joules => micro(value).map(Raw::Counter),
            EnergyUnit::Millijoules => micro(value * 1e-3).map(Raw::Counter),
            EnergyUnit::Microjoules => micro(value * 1e-6).map(Raw::Counter),
            EnergyUnit::Watts => micro(value).map(Raw::Gauge),
            EnergyUnit::Microwatts => micro(value * 1e-6).map(Raw::Gauge),
        }
    }
}

/// In millionths, as sensors give it.
fn micro(value: f64) -> Result<u64, String> {
    let scaled = value * 1e6;
    if (0.0..9e15).contains(&scaled) {
        Ok(scaled as u64)
    } else {
        Err(format!("{value} is not an energy or a power that a machine has"))
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0).build().new_agent()
}

fn get(agent: &ureq::Agent, url: &str) -> Result<String, String> {
    let plain = |error: ureq::Error| format!("{}: {}", url.escape_debug(), error.to_string().escape_debug());
    let mut answer = agent.get(url).call().map_err(plain)?;
    answer.body_mut().with_config().limit(MAX_BYTES).read_to_string().map_err(plain)
}

fn offer(
    name: String,
    domain: EnergyDomain,
    kind: MeterKind,
    first: Raw,
    agent: ureq::Agent,
    question: impl Question,
) -> Result<Offer, MeterError> {
    let latest = Arc::new(Mutex::new(Ok(first)));
    let heard = Arc::downgrade(&latest);
    thread::Builder::new()
        .name("infercost-remote".to_owned())
        .spawn(move || {
            // Ends when the meter that looks at the answers is gone.
            while heard.strong_count() > 0 {
                let answer = question.ask(&agent);
                let Some(latest) = heard.upgrade() else { return };
                *latest.lock().unwrap_or_else(PoisonError::into_inner) = answer;
                drop(latest);
                thread::sleep(ASK_EVERY);
            }
        })
        .map_err(MeterError::SamplerThread)?;
    let channel = Channel {
        name,
        domain: domain.clone(),
        kind,
        role: Role::Counted,
        update_period: UPDATE_PERIOD,
        wraps_after: None,
        poll_period: LOOK_EVERY,
        sensor: Box::new(Latest(latest)),
    };
    let candidate = Candidate { instrument: "http", domain, rank: 0, channels: vec![channel] };
    Ok(Offer { candidates: vec![candidate], ..Offer::default() })
}

fn closed(name: String, reason: String) -> Offer {
    let fix = "check the address with a browser".to_owned();
    Offer { closed: vec![MissingMeter { name, reason, fix }], ..Offer::default() }
}

struct Latest(Arc<Mutex<Result<Raw, String>>>);

impl Sensor for Latest {
    fn read(&mut self) -> Result<Raw, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
