//! The meter over any number of sensors, read by one thread and added up.

use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use infercost_core::{
    BoardState, CrossCheck, EnergyDomain, EnergyMeter, EnergyReading, EnergyScope, EstimationMethod, Joules,
    MeterError, MeterId, MeterKind, MeterSource, OpenReading,
};

use crate::accumulate::Difference;
use crate::estimate::{EstimateMark, Estimator};
use crate::nvml::{GpuFacts, gpu_facts};
use crate::sampler::{Marks, Sampler};
use crate::sensor::{Channel, Role};
use crate::visible_gpus::{BoardIdentity, VisibleGpus};

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
    cross_checks: Vec<CrossCheck>,
    /// The NVIDIA boards that it reads; `None` where it reads none.
    boards: Option<Boards>,
}

/// Whose boards are read, and which of them.
struct Boards {
    /// The NVML library; `None` is the usual place.
    library: Option<PathBuf>,
    visible: VisibleGpus,
}

struct Open {
    marks: Marks,
    estimate: Option<EstimateMark>,
}

struct Part {
    name: String,
    domain: EnergyDomain,
    role: Role,
    update_period: Duration,
    poll_period: Duration,
}

impl Part {
    fn of(channel: &Channel) -> Self {
        Self {
            name: channel.name.clone(),
            domain: channel.domain.clone(),
            role: channel.role,
            update_period: channel.update_period,
            poll_period: channel.poll_period,
        }
    }

    /// This integral against the counter before it, over a window that is long enough for both.
    fn check(
        &self,
        counted: Result<&Difference, &String>,
        integrated: Result<&Difference, &String>,
    ) -> Option<CrossCheck> {
        let (counted, integrated) = (counted.ok()?, integrated.ok()?);
        let is_enough = counted.is_enough() && integrated.is_enough();
        (self.role == Role::CrossCheck && is_enough).then(|| CrossCheck {
            name: self.name.clone(),
            counted: Joules::new(counted.microjoules * 1e-6),
            integrated: Joules::new(integrated.microjoules * 1e-6),
            windows: 1,
        })
    }

    /// How often the instrument refreshed: as far as the sampler looked often enough, what it saw, and at most
    /// one in a period, since a gauge can be asked more often than it refreshes; else what the period implies.
    fn refreshes(&self, difference: &Difference) -> u64 {
        let period = self.update_period.as_nanos();
        let Some(possible) = difference.elapsed.as_nanos().checked_div(period) else {
            return difference.updates;
        };
        let possible = u64::try_from(possible).unwrap_or(u64::MAX);
        if self.poll_period > self.update_period {
            difference.updates.max(possible)
        } else {
            difference.updates.min(possible.max(1))
        }
    }
}

impl ComposedMeter {
    /// Starts sampling `channels`, at least one; `name` is the instrument as a person would look it up.
    pub(crate) fn start(name: String, channels: Vec<Channel>) -> Result<Self, MeterError> {
        let counted: Vec<&Channel> =
            channels.iter().filter(|channel| channel.role == Role::Counted).collect();
        let integrated = counted.iter().any(|channel| channel.kind == MeterKind::Integrated);
        let scope = EnergyScope::of(counted.iter().map(|channel| channel.domain.clone()));
        let update_period = counted.iter().map(|channel| channel.update_period).max().unwrap_or_default();

        Ok(Self {
            id: MeterId::unique(),
            name,
            scope,
            kind: if integrated { MeterKind::Integrated } else { MeterKind::Counter },
            update_period,
            parts: channels.iter().map(Part::of).collect(),
            sampler: Sampler::start(channels)?,
            estimator: None,
            cross_checks: Vec::new(),
            boards: None,
        })
    }

    /// Adds an estimate of what no sensor covers.
    #[must_use]
    pub(crate) fn with_estimate(mut self, estimator: Estimator) -> Self {
        self.estimator = Some(estimator);
        self
    }

    /// Names the boards that are read, so that [`EnergyMeter::boards`] can ask them for temperature and clocks too.
    #[must_use]
    pub(crate) fn with_boards(mut self, library: Option<PathBuf>, visible: VisibleGpus) -> Self {
        self.boards = Some(Boards { library, visible });
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
        let longest = self.update_period.min(LONGEST_WAIT);
        let waiting_since = Instant::now();
        loop {
            let differences = self.sampler.since(begun);
            let waiting = self.parts.iter().zip(&differences).any(|(part, difference)| {
                part.role == Role::Counted && matches!(difference, Ok(d) if d.updates == 0)
            });
            if !waiting || waiting_since.elapsed() >= longest {
                return differences;
            }
            thread::sleep((longest / 10).max(Duration::from_micros(100)));
        }
    }

    /// Compares counters with integrals over a window that is long enough for both.
    fn cross_check(&mut self, differences: &[Result<Difference, String>]) {
        let pairs = self.parts.iter().zip(differences);
        let checks: Vec<CrossCheck> = pairs
            .clone()
            .zip(pairs.skip(1))
            .filter_map(|((_, counted), (part, integrated))| {
                part.check(counted.as_ref(), integrated.as_ref())
            })
            .collect();

        for check in checks.iter().filter(|check| !check.agrees()) {
            tracing::warn!(
                instrument = check.name,
                counted_j = check.counted.get(),
                integrated_j = check.integrated.get(),
                "the energy counter and the integral of power differ by more than 10 %"
            );
        }

        for check in checks {
            match self.cross_checks.iter_mut().find(|known| known.name == check.name) {
                Some(known) => {
                    known.counted += check.counted;
                    known.integrated += check.integrated;
                    known.windows = known.windows.saturating_add(1);
                }
                None => self.cross_checks.push(check),
            }
        }
    }

    fn sum(&self, differences: &[Result<Difference, String>]) -> EnergyReading {
        let mut energy = Joules::ZERO;
        let mut updates = u64::MAX;
        for (part, difference) in self.parts.iter().zip(differences) {
            if part.role == Role::CrossCheck {
                continue;
            }
            match difference {
                Ok(difference) if difference.updates > 0 => {
                    energy += Joules::new(difference.microjoules * 1e-6);
                    updates = updates.min(part.refreshes(difference));
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
        let differences = self.settle(&marks);
        self.cross_check(&differences);
        let measured = self.sum(&differences);
        Ok(match (&self.estimator, estimate) {
            (Some(estimator), Some(begun)) => self.add_estimate(measured, begun, estimator),
            _ => measured,
        })
    }

    fn sampler_overhead(&self) -> Option<f64> {
        self.sampler.overhead()
    }

    fn cross_checks(&self) -> &[CrossCheck] {
        &self.cross_checks
    }

    fn boards(&self) -> Vec<BoardState> {
        let Some(Boards { library, visible }) = &self.boards else { return Vec::new() };
        let facts = gpu_facts(library.as_deref()).unwrap_or_default();

        let identities: Vec<BoardIdentity> = facts.iter().map(GpuFacts::identity).collect();
        let usable = visible.among(&identities).unwrap_or_default();
        let used = facts.into_iter().zip(usable).filter(|(_, usable)| *usable);
        used.map(|(facts, _)| BoardState::from(facts)).collect()
    }
}
