//! Energy from an assumption instead of a sensor; every reading of it says so.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use infercost_core::{
    EnergyDomain, EnergyMeter, EnergyReading, EnergyScope, EstimationMethod, Joules, MeterError, MeterId,
    OpenReading, Watts,
};

use crate::cpu_time;
use crate::options::{EstimateChoice, MeterOptions};
use crate::sysfs_file;
use crate::tdp::{self, Tdp};
use crate::watched::WatchedProcesses;

/// Computes the energy of windows from one assumption.
#[derive(Debug, Clone)]
pub(crate) struct Estimator {
    basis: Basis,
}

#[derive(Debug, Clone)]
enum Basis {
    Watts(Watts),
    Tdp { model: String, row: Tdp, proc_root: PathBuf, watched: WatchedProcesses },
}

/// Where time stood when an estimate began.
#[derive(Debug, Clone)]
pub(crate) struct EstimateMark {
    at: Instant,
    cpu_time: Result<Duration, String>,
}

impl Estimator {
    /// The estimate that `options` allow: none where they refuse, a reason where it cannot be made.
    ///
    /// # Errors
    /// [`MeterError::NoEstimate`] for watts that no machine draws.
    pub(crate) fn from_options(options: &MeterOptions) -> Result<Result<Option<Self>, String>, MeterError> {
        match options.estimate {
            EstimateChoice::Refuse => Ok(Ok(None)),
            EstimateChoice::Watts(watts) if watts.get().is_finite() && watts.get() > 0.0 => {
                Ok(Ok(Some(Self { basis: Basis::Watts(watts) })))
            }
            EstimateChoice::Watts(watts) => Err(MeterError::NoEstimate {
                reason: format!("{} W is not a power that a machine draws", watts.get()),
                fix: "give a number of watts above zero".to_owned(),
            }),
            EstimateChoice::FromTable => {
                Ok(Self::from_table(&options.proc_root, options.watched.clone()).map(Some))
            }
        }
    }

    fn from_table(proc_root: &Path, watched: WatchedProcesses) -> Result<Self, String> {
        let model = cpu_model(proc_root).ok_or_else(|| {
            format!("no estimate either: {} names no CPU model", proc_root.join("cpuinfo").display())
        })?;
        let row = tdp::find(&model).ok_or_else(|| {
            format!("no estimate either: the table has no thermal design power for {model:?}; give the watts")
        })?;
        Ok(Self { basis: Basis::Tdp { model, row, proc_root: proc_root.to_owned(), watched } })
    }

    /// What the estimate is meant to cover where nothing is measured next to it.
    pub(crate) fn scope(&self) -> EnergyScope {
        EnergyScope::of([match self.basis {
            Basis::Watts(_) => EnergyDomain::Platform,
            Basis::Tdp { .. } => EnergyDomain::CpuPackage,
        }])
    }

    /// What it is meant to cover next to sensors: given watts are those of whatever the sensors leave out.
    pub(crate) fn scope_beside_measured(&self) -> EnergyScope {
        match self.basis {
            Basis::Watts(_) => EnergyScope::of([EnergyDomain::Other("rest of the machine".to_owned())]),
            Basis::Tdp { .. } => self.scope(),
        }
    }

    pub(crate) fn describe(&self) -> String {
        match &self.basis {
            Basis::Watts(watts) => format!("estimated: {} W as given", watts.get()),
            Basis::Tdp { model, row, .. } => format!(
                "estimated: thermal design power {} W ÷ {} threads of {model} ({}) × CPU time used",
                row.watts.get(),
                row.threads,
                row.source
            ),
        }
    }

    pub(crate) fn mark(&self) -> EstimateMark {
        let cpu_time = match &self.basis {
            Basis::Watts(_) => Ok(Duration::ZERO),
            Basis::Tdp { proc_root, watched, .. } => cpu_time::of_trees(proc_root, &watched.roots()),
        };
        EstimateMark { at: Instant::now(), cpu_time }
    }

    /// The estimated energy since `begun`.
    ///
    /// Thermal design power is spread evenly over a socket's hardware threads, so a busy thread costs
    /// `tdp ÷ threads`; sleeping threads and the rest of the machine are taken as nothing.
    pub(crate) fn since(&self, begun: EstimateMark) -> Result<(Joules, EstimationMethod), String> {
        match &self.basis {
            Basis::Watts(watts) => {
                Ok((*watts * begun.at.elapsed(), EstimationMethod::GivenWatts { watts: *watts }))
            }

            Basis::Tdp { model, row, proc_root, watched } => {
                let now = cpu_time::of_trees(proc_root, &watched.roots())?;
                let used =
                    now.checked_sub(begun.cpu_time?).ok_or("CPU time of the process tree went back")?;
                if used.is_zero() {
                    return Err(format!(
                        "no CPU time was counted in {:.3} s, so there is nothing to estimate from",
                        begun.at.elapsed().as_secs_f64()
                    ));
                }

                let method = EstimationMethod::CpuTdp {
                    model: model.clone(),
                    tdp: row.watts,
                    source: row.source.to_owned(),
                };
                Ok((row.watts * used / f64::from(row.threads), method))
            }
        }
    }
}

/// The CPU's name; `None` where the machine does not say.
fn cpu_model(proc_root: &Path) -> Option<String> {
    let line = sysfs_file::line_starting_with(&proc_root.join("cpuinfo"), "model name")?;
    let (_, model) = line.split_once(':')?;
    Some(model.trim().to_owned())
}

/// Estimates every reading, and says so in every reading.
#[derive(Debug, Clone)]
pub struct EstimatedMeter {
    id: MeterId,
    estimator: Estimator,
    why: String,
}

impl EstimatedMeter {
    /// A meter that estimates because of `why`, the reason why nothing is measured.
    pub(crate) fn new(estimator: Estimator, why: String) -> Self {
        Self { id: MeterId::unique(), estimator, why }
    }
}

impl EnergyMeter for EstimatedMeter {
    fn describe(&self) -> String {
        format!("{}; nothing is measured: {}", self.estimator.describe(), self.why)
    }

    fn scope(&self) -> EnergyScope {
        self.estimator.scope()
    }

    fn update_period(&self) -> Duration {
        Duration::ZERO
    }

    fn start(&mut self) -> Result<OpenReading, MeterError> {
        Ok(OpenReading::new(self.id, self.estimator.mark()))
    }

    fn stop(&mut self, reading: OpenReading) -> Result<EnergyReading, MeterError> {
        let begun: EstimateMark = reading.into_state(self.id)?;
        Ok(match self.estimator.since(begun) {
            Ok((energy, method)) => EnergyReading::Estimated { energy, scope: self.scope(), method },
            Err(reason) => EnergyReading::Unavailable { reason },
        })
    }
}
