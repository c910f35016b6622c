//! Energy readings, each with where it came from. Zero is only ever a measured zero.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{Joules, Watts};

/// One part of a machine whose energy a meter covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergyDomain {
    /// A CPU package (RAPL `package-N`, or its hwmon counterpart), cores and uncore included.
    CpuPackage,
    /// Memory modules (RAPL `dram`).
    Dram,
    /// A GPU board, by its own sensor.
    Gpu,
    /// The whole platform as the chipset sees it (RAPL `psys`); overlaps packages and memory.
    Platform,
    /// Everything behind a plug, power supply losses included.
    Wall,
    /// A named rail or board sensor that fits none of the above.
    Other(String),
}

impl fmt::Display for EnergyDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CpuPackage => f.write_str("cpu package"),
            Self::Dram => f.write_str("dram"),
            Self::Gpu => f.write_str("gpu"),
            Self::Platform => f.write_str("platform"),
            Self::Wall => f.write_str("wall"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// The boundary of a reading: what it covers. What is not listed is not covered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnergyScope(pub BTreeSet<EnergyDomain>);

impl EnergyScope {
    /// A boundary around the given parts.
    pub fn of(domains: impl IntoIterator<Item = EnergyDomain>) -> Self {
        Self(domains.into_iter().collect())
    }

    /// The boundary that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }
}

impl fmt::Display for EnergyScope {
    /// Writes the parts joined by ` + `, or `nothing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (index, domain) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" + ")?;
            }
            write!(f, "{domain}")?;
        }
        Ok(())
    }
}

/// How a measured reading was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeterKind {
    /// The difference of a hardware energy counter.
    Counter,
    /// The integral of sampled power.
    Integrated,
}

/// What the energy of one or several readings rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergySource {
    /// Hardware energy counters.
    Counter,
    /// Integrals of sampled power.
    Integrated,
    /// Some of either.
    Mixed,
    /// Watts that were taken for certain, and no measurement: what an audit assumes.
    Assumed,
    /// At least one part is an estimate.
    Estimated,
    /// There is none.
    #[default]
    Unavailable,
}

impl EnergySource {
    /// The name in spans and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Integrated => "integrated",
            Self::Mixed => "mixed",
            Self::Assumed => "assumed",
            Self::Estimated => "estimated",
            Self::Unavailable => "unavailable",
        }
    }

    /// True where every joule was measured.
    pub fn is_measured(self) -> bool {
        matches!(self, Self::Counter | Self::Integrated | Self::Mixed)
    }
}

impl fmt::Display for EnergySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which instrument gave a measured reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterSource {
    /// Counter or integral. A combination that holds an integral is an integral.
    pub kind: MeterKind,
    /// The instrument, as a person would look it up: `rapl package-0, package-1, dram-0`.
    pub name: String,
}

/// How an estimate was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "method")]
pub enum EstimationMethod {
    /// Constant watts that the user gave, times wall time.
    GivenWatts {
        /// The power assumed while the window ran.
        watts: Watts,
    },
    /// The CPU's thermal design power × the share of all cores that this process kept busy.
    CpuTdp {
        /// The CPU model as the machine names it.
        model: String,
        /// Its thermal design power.
        tdp: Watts,
        /// Where the figure comes from.
        source: String,
    },
    /// A measured part and an estimated part added up; as a whole it is an estimate.
    Mixed {
        /// What was added, in words.
        parts: String,
    },
}

/// The energy of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum EnergyReading {
    /// Read from hardware.
    Measured {
        /// Gross energy of everything in scope.
        energy: Joules,
        /// What the reading covers.
        scope: EnergyScope,
        /// Which instrument, and whether counted or integrated.
        source: MeterSource,
        /// How often the slowest instrument refreshed inside the window.
        updates: u32,
    },
    /// Computed from an assumption; never printed without the word "estimated".
    Estimated {
        /// Gross energy according to the method.
        energy: Joules,
        /// What the estimate is meant to cover.
        scope: EnergyScope,
        /// The assumption.
        method: EstimationMethod,
    },
    /// Not known.
    Unavailable {
        /// Why, and what would fix it, in one plain line.
        reason: String,
    },
}

impl EnergyReading {
    /// The energy, measured or estimated; `None` where unavailable.
    pub fn joules(&self) -> Option<Joules> {
        match self {
            Self::Measured { energy, .. } | Self::Estimated { energy, .. } => Some(*energy),
            Self::Unavailable { .. } => None,
        }
    }

    /// Counter, integral, estimate, or none.
    pub fn source(&self) -> EnergySource {
        match self {
            Self::Measured { source: MeterSource { kind: MeterKind::Counter, .. }, .. } => {
                EnergySource::Counter
            }
            Self::Measured { source: MeterSource { kind: MeterKind::Integrated, .. }, .. } => {
                EnergySource::Integrated
            }
            Self::Estimated { .. } => EnergySource::Estimated,
            Self::Unavailable { .. } => EnergySource::Unavailable,
        }
    }

    /// Its name, as spans and reports have it.
    pub fn source_name(&self) -> &'static str {
        self.source().name()
    }

    /// What the reading covers; empty where unavailable.
    pub fn scope(&self) -> EnergyScope {
        match self {
            Self::Measured { scope, .. } | Self::Estimated { scope, .. } => scope.clone(),
            Self::Unavailable { .. } => EnergyScope::default(),
        }
    }
}
