//! The meter over any number of sensors, read by one thread and added up.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use infercost_schema::{
    EnergyDomain, EnergyReading, EnergyScope, EstimationMethod, Joules, MeterKind, MeterSource,
};

use crate::accumulate::Difference;
use crate::error::MeterError;
use crate::estimate::{EstimateMark, Estimator};
use crate::meter::{EnergyMeter, MeterId, OpenReading};
use crate::sampler::{Marks, Sampler};
use crate::sensor::Channel;

/// A stop waits at most this long for a counter to refresh.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Adds up counters and integrated gauges that do not overlap.
pub struct ComposedMeter {
    id: MeterId,
    name: String,
    scope: EnergyScope,
    kind: MeterKind,
    update_period: Duration,
    parts: Vec<Part>,
    sampler: Sampler,
    /// Fills in a part that nothing measures; every reading is then an estimate as a whole.
    estimator: Option<Estimator>,
}

struct Open {
    marks: Marks,
    estimate: Option<EstimateMark>,
}

struct Part {
    name: String,
    domain: EnergyDomain,
}

impl ComposedMeter {
    /// Starts sampling `channels`, at least one; `name` is the instrument as a person would look it up.
    pub(crate) fn start(name: String, channels: Vec<Channel>) -> Result<Self, MeterError> {
        let integrated = channels.iter().any(|channel| channel.kind == MeterKind::Integrated);
        Ok(Self {
            id: MeterId::unique(),
            name,
            scope: EnergyScope::of(channels.iter().map(|channel| channel.domain.clone())),
            kind: if integrated { MeterKind::Integrated } else { MeterKind::Counter },
            update_period: channels.iter().map(|channel| channel.update_period).max().unwrap_or_default(),
            parts: channels
                .iter()
                .map(|channel| Part { name: channel.name.clone(), domain: channel.domain.clone() })
                .collect(),
            sampler: Sampler::start(channels)?,
            estimator: None,
        })
    }

    /// Adds an estimate of what no sensor covers.
    #[must_use]
    pub(crate) fn with_estimate(mut self, estimator: Estimator) -> Self {
        self.estimator = Some(estimator);
        self
    }

    fn add_estimate(&self, measured: EnergyReading, begun: EstimateMark, by: &Estimator) -> EnergyReading {
        let EnergyReading::Measured { energy, source, .. } = measured else { return measured };
        match by.since(begun) {
            Ok((estimated, _)) => EnergyReading::Estimated {
                energy: energy + estimated,
                scope: self.scope(),
                method: EstimationMethod::Mixed {
                    parts: format!("measured {} + {}", source.name, by.describe()),
                },
            },
            Err(reason) => EnergyReading::Unavailable { reason },
        }
    }

    /// Reads until every sensor has moved since `begun`, or the slowest has had the time to.
    fn settle(&self, begun: &Marks) -> Vec<Result<Difference, String>> {
        let patience = self.update_period.min(LONGEST_WAIT);
        let waiting_since = Instant::now();
        loop {
            let differences = self.sampler.since(begun);
            let waiting = differences.iter().any(|difference| matches!(difference, Ok(d) if d.updates == 0));
            if !waiting || waiting_since.elapsed() >= patience {
                return differences;
            }
            thread::sleep((patience / 10).max(Duration::from_micros(100)));
        }
    }

    fn sum(&self, differences: Vec<Result<Difference, String>>) -> EnergyReading {
        let mut energy = Joules::ZERO;
        let mut updates = u64::MAX;
        for (part, difference) in self.parts.iter().zip(differences) {
            match difference {
                Ok(difference) if difference.updates > 0 => {
                    energy += Joules::new(difference.microjoules * 1e-6);
                    updates = updates.min(difference.updates);
                }
                Ok(difference) => {
                    let reason = format!(
                        "{} ({}) did not move in a window of {:.3} s; it refreshes every {:.3} s",
                        part.name,
                        part.domain,
                        difference.elapsed.as_secs_f64(),
                        self.update_period.as_secs_f64()
                    );
                    return EnergyReading::Unavailable { reason };
                }
                Err(reason) => {
                    let reason = format!("{} ({}) failed: {reason}", part.name, part.domain);
                    return EnergyReading::Unavailable { reason };
                }
            }
        }
        EnergyReading::Measured {
            energy,
            scope: self.scope.clone(),
            source: MeterSource { kind: self.kind, name: self.name.clone() },
            updates: u32::try_from(updates).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Debug for ComposedMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComposedMeter")
            .field("name", &self.name)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl EnergyMeter for ComposedMeter {
    fn describe(&self) -> String {
        match &self.estimator {
            None => format!("{}, covers {}", self.name, self.scope),
            Some(estimator) => {
                format!("{} + {}, covers {}", self.name, estimator.describe(), self.scope())
            }
        }
    }

    fn scope(&self) -> EnergyScope {
        match &self.estimator {
            None => self.scope.clone(),
            Some(estimator) => self.scope.union(&estimator.scope_beside_measured()),
        }
    }

    fn update_period(&self) -> Duration {
        self.update_period
    }

    fn start(&mut self) -> Result<OpenReading, MeterError> {
        let estimate = self.estimator.as_ref().map(Estimator::mark);
        Ok(OpenReading::new(self.id, Open { marks: self.sampler.marks(), estimate }))
    }

    fn stop(&mut self, reading: OpenReading) -> Result<EnergyReading, MeterError> {
        let Open { marks, estimate } = reading.into_state(self.id)?;
        let measured = self.sum(self.settle(&marks));
        Ok(match (&self.estimator, estimate) {
            (Some(estimator), Some(begun)) => self.add_estimate(measured, begun, estimator),
            _ => measured,
        })
    }

    fn sampler_overhead(&self) -> Option<f64> {
        self.sampler.overhead()
    }
}
