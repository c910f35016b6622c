//! Metrics beside traces: GenAI's histograms and the hardware's energy, for collectors and for Prometheus.
//!
//! Counts and sums are kept as records pass by, so that a long run takes no more memory than a short one.

mod exposition;
mod histogram;
mod listener;
mod otlp;
pub mod sdk;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use infercost_core::{EnergyDomain, EnergyReading, InferenceRecord, Outcome};

pub use exposition::label_value;
pub use listener::Listener;

use histogram::Histogram;

/// Bounds that the GenAI conventions advise for counts of tokens: powers of four.
const TOKENS: &[f64] = &[
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
/// The same for seconds of a call.
const DURATION: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// The same for seconds to the first token.
const FIRST_TOKEN: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The same for seconds of each further token.
const FURTHER_TOKEN: &[f64] = &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// Whose calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CallKey {
    model: String,
    provider: String,
    error: Option<&'static str>,
}

#[derive(Debug)]
struct Calls {
    duration: Histogram,
    input: Histogram,
    output: Histogram,
    first_token: Histogram,
    further_token: Histogram,
}

/// Which instrument, and what it covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct HardwareKey {
    id: String,
    kind: &'static str,
    source: &'static str,
}

#[derive(Debug, Default)]
struct Hardware {
    joules: f64,
    watts: Option<f64>,
}

#[derive(Debug, Default)]
struct State {
    calls: BTreeMap<CallKey, Calls>,
    hardware: BTreeMap<HardwareKey, Hardware>,
    temperatures: BTreeMap<String, f64>,
}

/// What passed by since the beginning.
#[derive(Debug)]
pub struct Meters {
    run: String,
    started_at: SystemTime,
    resource: Vec<(String, String)>,
    state: Mutex<State>,
}

impl Meters {
    /// Nothing yet, of the run of that name.
    pub fn new(run: &str, started_at: SystemTime) -> Self {
        Self { run: run.to_owned(), started_at, resource: Vec::new(), state: Mutex::default() }
    }

    /// The same, described by these attributes: see [`resource_attributes`](crate::resource_attributes).
    #[must_use]
    pub fn described(self, resource: Vec<(String, String)>) -> Self {
        Self { resource, ..self }
    }

    /// Counts an inference.
    pub fn inference(&self, model: &str, provider: &str, record: &InferenceRecord) {
        let error = match &record.outcome {
            Outcome::Failed { kind, .. } => Some(kind.name()),
            Outcome::Completed { .. } => None,
        };

        let key = CallKey { model: model.to_owned(), provider: provider.to_owned(), error };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = state.calls.entry(key).or_insert_with(Calls::new);
        calls.duration.add(record.outcome.latency().as_secs_f64());

        if let Some(tokens) = record.input_tokens {
            calls.input.add(tokens.into());
        }

        if error.is_none() {
            calls.output.add(record.outcome.output_tokens().into());
        }

        if let Some(first) = record.outcome.time_to_first_token() {
            calls.first_token.add(first.as_secs_f64());
        }

        if let Some(further) = record.outcome.time_per_output_token() {
            calls.further_token.add(further.as_secs_f64());
        }
    }

    /// Counts the joules of a stretch of time; one without a reading adds nothing.
    pub fn energy(&self, reading: &EnergyReading, wall_time: Duration) {
        let Some(joules) = reading.joules() else { return };
        let id = match reading {
            EnergyReading::Measured { source, .. } => source.name.clone(),
            _ => reading.scope().to_string(),
        };
        let key = HardwareKey { id, kind: kind(reading), source: reading.source_name() };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let hardware = state.hardware.entry(key).or_default();
        hardware.joules += joules.get();
        let watts = joules.get() / wall_time.as_secs_f64();
        hardware.watts = watts.is_finite().then_some(watts);
    }

    /// Takes down a temperature in degrees Celsius.
    pub fn temperature(&self, sensor: &str, celsius: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.temperatures.insert(sensor.to_owned(), celsius);
    }
}

impl Calls {
    fn new() -> Self {
        Self {
            duration: Histogram::new(DURATION),
            input: Histogram::new(TOKENS),
            output: Histogram::new(TOKENS),
            first_token: Histogram::new(FIRST_TOKEN),
            further_token: Histogram::new(FURTHER_TOKEN),
        }
    }
}

/// The conventions' kind of hardware; a reading over several parts is that of the whole box.
fn kind(reading: &EnergyReading) -> &'static str {
    let scope = reading.scope();
    let only =
        |domains: &[EnergyDomain]| !scope.0.is_empty() && scope.0.iter().all(|one| domains.contains(one));
    if only(&[EnergyDomain::Gpu]) {
        "gpu"
    } else if only(&[EnergyDomain::Dram]) {
        "memory"
    } else if only(&[EnergyDomain::CpuPackage]) {
        "cpu"
    } else if only(&[EnergyDomain::Wall]) {
        "power_supply"
    } else {
        "enclosure"
    }
}

#[cfg(test)]
mod tests;
