//! Where to look for instruments, and which to use.

use std::path::PathBuf;

use infercost_core::{EnergyDomain, Watts};

use crate::watched::WatchedProcesses;

/// Where to look for instruments, and which to use.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterOptions {
    /// What stands below `/sys` stands below it: `class/powercap`, `class/hwmon`.
    pub sysfs_root: PathBuf,
    /// What stands below `/proc` stands below it; read for estimates only.
    pub proc_root: PathBuf,
    /// The NVML library to load; `None` looks in the usual place.
    pub nvml_library: Option<PathBuf>,
    /// Which instruments to use.
    pub choice: MeterChoice,
    /// What to do about parts that no instrument covers.
    pub estimate: EstimateChoice,
    /// Processes beside infercost's own whose CPU time an estimate counts.
    pub watched: WatchedProcesses,
}

impl Default for MeterOptions {
    /// This machine's own sensors, best set without overlap, no estimate.
    fn default() -> Self {
        Self {
            sysfs_root: PathBuf::from("/sys"),
            proc_root: PathBuf::from("/proc"),
            nvml_library: None,
            choice: MeterChoice::Auto,
            estimate: EstimateChoice::Refuse,
            watched: WatchedProcesses::default(),
        }
    }
}

impl MeterOptions {
    /// The defaults, with `INFERCOST_SYSFS_ROOT`, `INFERCOST_PROC_ROOT` and `INFERCOST_NVML_LIBRARY` applied where they are
    /// set and not empty.
    pub fn from_environment() -> Self {
        let mut options = Self::default();
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(root) = path("INFERCOST_SYSFS_ROOT") {
            options.sysfs_root = root;
        }
        if let Some(root) = path("INFERCOST_PROC_ROOT") {
            options.proc_root = root;
        }
        options.nvml_library = path("INFERCOST_NVML_LIBRARY");
        options
    }
}

/// Which instruments to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeterChoice {
    /// The best set without overlap.
    #[default]
    Auto,
    /// No instrument: every reading is unavailable, or an estimate where one is allowed.
    None,
    /// RAPL through powercap, and nothing else.
    Rapl,
    /// hwmon sensors, and nothing else.
    Hwmon,
    /// NVIDIA GPUs, and nothing else.
    Nvml,
    /// A Shelly plug, of any generation, at this address (`http://192.168.1.20`), and nothing else.
    Shelly(String),
    /// A plug with Tasmota at this address, and nothing else.
    Tasmota(String),
    /// A metric of a Prometheus exporter, and nothing else.
    Prometheus(PrometheusQuery),
}

/// Which metric of an exporter to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusQuery {
    /// The page with the metrics: `http://localhost:9102/metrics`.
    pub url: String,
    /// The metric's full name.
    pub metric: String,
    /// Labels that a series must carry; all series that do are summed.
    pub labels: Vec<(String, String)>,
    /// What the metric counts in or shows.
    pub unit: EnergyUnit,
    /// What the metric covers.
    pub domain: EnergyDomain,
}

/// The unit of an exporter's metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnergyUnit {
    /// A counter of joules.
    Joules,
    /// A counter of millijoules.
    Millijoules,
    /// A counter of microjoules.
    Microjoules,
    /// A gauge in watts.
    Watts,
    /// A gauge in microwatts.
    Microwatts,
}

impl MeterChoice {
    /// The choice as the command line writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Rapl => "rapl",
            Self::Hwmon => "hwmon",
            Self::Nvml => "nvml",
            Self::Shelly(_) => "shelly",
            Self::Tasmota(_) => "tasmota",
            Self::Prometheus(_) => "prometheus",
        }
    }
}

/// What to do about the part of the machine that no instrument covers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum EstimateChoice {
    /// Leave it out of the boundary; where nothing is covered at all, readings are unavailable.
    #[default]
    Refuse,
    /// The CPU's thermal design power from the shipped table × the share of it that this process used.
    FromTable,
    /// Constant watts that the user gives.
    Watts(Watts),
}
