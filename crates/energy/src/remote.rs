//! Meters that are asked over HTTP, and the thread that asks them.
//!
//! A thread of its own asks, so that a slow answer never holds up the sampler; what it last heard stands
//! until it hears again. A request that fails makes the windows that it falls into unavailable.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use infercost_core::{EnergyDomain, MeterError, MeterKind, ServerPlace};

use crate::instrument::{Candidate, MissingMeter, Offer};
use crate::sensor::{Channel, Raw, Role, Sensor};

/// The word by which candidates of such meters are known.
pub(crate) const INSTRUMENT: &str = "http";
/// Between two questions; plugs refresh about once a second.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Shorter than the time between two questions, so that no failed one goes unseen.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const UPDATE_PERIOD: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);
/// More than any exporter's page should be.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Asks one question and reads the answer.
pub(crate) trait Question: Send + 'static {
    /// One reading; the error is one plain line that names the address.
    fn ask(&self, line: &Line) -> Result<Raw, String>;
}

/// What can be asked at an address.
pub(crate) struct Line {
    agent: ureq::Agent,
}

impl Line {
    /// A line to the machine at `url`. One to this machine takes no way over a proxy, which would ask itself instead.
    pub(crate) fn to(url: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0);
        let config = match ServerPlace::of(url).is_this_machine() {
            true => config.proxy(None),
            false => config,
        };
        Self { agent: config.build().new_agent() }
    }

    /// The text at an address; the error is one plain line that names it.
    pub(crate) fn get(&self, url: &str) -> Result<String, String> {
        let mut answer = self.agent.get(url).call().map_err(|error| failed(url, &error))?;
        let body = answer.body_mut().with_config().limit(MAX_BYTES).read_to_string();
        body.map_err(|error| failed(url, &error))
    }
}

fn failed(url: &str, error: &ureq::Error) -> String {
    format!("{}: {}", url.escape_debug(), error.to_string().escape_debug())
}

/// In millionths, as sensors give it.
pub(crate) fn micro(value: f64) -> Result<u64, String> {
    let scaled = value * 1e6;
    if (0.0..9e15).contains(&scaled) {
        Ok(scaled as u64)
    } else {
        Err(format!("{value} is not an energy or a power that a machine has"))
    }
}

/// A meter that answered once, and is asked from now on.
pub(crate) struct Answering<Q> {
    pub(crate) name: String,
    pub(crate) domain: EnergyDomain,
    pub(crate) kind: MeterKind,
    /// What must be known of how series or channels were chosen.
    pub(crate) remark: String,
    pub(crate) first: Raw,
    pub(crate) line: Line,
    pub(crate) question: Q,
}

impl<Q: Question> Answering<Q> {
    /// Goes on asking, and offers what is heard.
    pub(crate) fn offer(self) -> Result<Offer, MeterError> {
        let Self { name, domain, kind, remark, first, line, question } = self;
        let latest = Arc::new(Mutex::new(Ok(first)));
        let heard = Arc::downgrade(&latest);

        thread::Builder::new()
            .name("infercost-remote".to_owned())
            .spawn(move || {
                // Ends when the meter that looks at the answers is gone.
                while heard.strong_count() > 0 {
                    let answer = question.ask(&line);
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
        let candidate =
            Candidate { instrument: INSTRUMENT, domain, rank: 0, channels: vec![channel], remark };
        Ok(Offer { candidates: vec![candidate], ..Offer::default() })
    }
}

/// A meter that does not answer as it should.
pub(crate) fn closed(name: String, reason: String) -> Offer {
    let fix = "check the address with a browser".to_owned();
    Offer { closed: vec![MissingMeter { name, reason, fix }], ..Offer::default() }
}

struct Latest(Arc<Mutex<Result<Raw, String>>>);

impl Sensor for Latest {
    fn read(&mut self) -> Result<Raw, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
